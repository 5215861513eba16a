"""Show for whom the bundled models fail, on the untouched test part of UTKFace.

    python benchmarks/fairness.py --data UTKFace          # measure, and write the document's tables
    python benchmarks/fairness.py --data UTKFace --cards  # and put them into the models' cards
    python benchmarks/fairness.py                         # only the document's tables

The test part is that of ``benchmarks/results/split.csv.gz``. Writes to ``benchmarks/results/``:
``groups.csv`` (every score of every group and intersection, with its 95 % interval),
``differences.csv`` (between groups), ``challenge.csv`` and ``challenge_wanted.csv`` (challenge ages
from 18 to 25), ``robustness.csv`` (13 kinds of corruption at five severities, on 500 pictures drawn
at random). Takes about three minutes of one core.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agr.core import artifact
from agr.datasets.faces import Faces, Split
from agr.evaluation.groups import Report, make_report
from agr.evaluation.markdown import interval, markdown_table, number
from agr.runs.challenge import measure_challenge
from agr.runs.robustness import measure_robustness
from agr.runs.scoring import Scorer
from agr.tasks import TASKS
from agr.training.batches import ImageStore
from agr.training.card import model_card

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT = "docs/explanation/fairness.md"
SPOILED = 500
LIMIT, HIGHEST = 18, 25
MAIN = {"age": "mae", "gender": "accuracy", "race": "accuracy"}


def measure(scorers: dict[str, Scorer], test: Faces) -> dict[str, Report]:
    """Score every task; writes ``groups.csv`` and ``differences.csv``."""
    size = {scorer.manifest["image_size"] for scorer in scorers.values()}
    store = ImageStore(test.paths, max(size))
    images = [store[[row]][0] for row in range(len(test))]
    reports = {
        task: make_report(
            scorer.tally(test.labelled(task)[1], scorer.outputs(images)), test.groups()
        )
        for task, scorer in scorers.items()
    }
    rows = [{"task": task, **row} for task, report in reports.items() for row in report.rows()]
    write("groups", rows)
    rows = [
        {"task": task, "groups": column, "metric": metric, "difference": value,
         "ratio": report.ratio[column][metric]}
        for task, report in reports.items()
        for column, values in report.difference.items()
        for metric, value in values.items()
    ]  # fmt: skip
    write("differences", rows)
    return reports


def write(name: str, rows: Any) -> None:
    """Write rows to ``benchmarks/results/``, without those that have no value."""
    table = pd.DataFrame(rows)
    value = "value" if "value" in table else "difference" if "difference" in table else None
    if value is not None:
        table = table[table[value].notna()]
    table.round(4).to_csv(RESULTS / f"{name}.csv", index=False)


def tables(task: str) -> dict[str, str]:
    """Write a task's Markdown tables from the files, by the name of their mark."""
    metric = MAIN[task]
    groups = pd.read_csv(RESULTS / "groups.csv")
    ours = groups[(groups["task"] == task) & (groups["metric"] == metric)]
    found = {f"{task} groups": _groups(ours, metric)}
    spoiled = pd.read_csv(RESULTS / "robustness.csv")
    found[f"{task} robustness"] = _robustness(spoiled[spoiled["task"] == task], metric)
    if task == "age":
        found["challenge"] = _challenge(pd.read_csv(RESULTS / "challenge.csv"))
        found["wanted"] = _wanted(pd.read_csv(RESULTS / "challenge_wanted.csv"))
    return found


def _groups(rows: pd.DataFrame, metric: str) -> str:
    """Give all, each group, and the five worst intersections that are large enough."""
    single = rows[~rows["group"].str.contains(", ")]
    cells = rows[rows["group"].str.contains(", ") & ~rows["uncertain"]]
    worst = cells.sort_values("value", ascending=metric != "mae").head(5)
    lines = [
        [row["group"], f"{row['n']}", number(row["value"]), interval((row["low"], row["high"]))]
        for part in (single, worst)
        for row in part.to_dict("records")
    ]
    return markdown_table(("group", "n", metric, "95 % interval"), lines)


def _robustness(rows: pd.DataFrame, metric: str) -> str:
    """Give the main score at each severity, and coverage or calibration at the third."""
    other = "coverage" if metric == "mae" else "ece"
    main = rows[rows["score"] == metric]
    clean = main[main["severity"] == 0].iloc[0]
    beside = rows[rows["score"] == other].set_index(["kind", "severity"])["value"]
    lines = [["none", number(clean["value"]), *[""] * 4, number(beside["none", 0]), ""]]
    for kind, members in main[main["severity"] > 0].groupby("kind", sort=False):
        values = members.set_index("severity")["value"]
        hardest = members[members["severity"] == 5].iloc[0]
        worst = f"{hardest['worst_group']}: {number(hardest['worst_value'])}"
        cells = [number(values[severity]) for severity in range(1, 6)]
        lines.append([str(kind), *cells, number(beside[kind, 3]), worst])
    heads = ("kind", f"{metric}, 1", "2", "3", "4", "5", f"{other} at 3", "worst group at 5")
    return f"{clean['n']} pictures:\n\n{markdown_table(heads, lines)}"


def _challenge(rows: pd.DataFrame) -> str:
    rows = rows[rows["group"] == "all"]
    lines = [
        [
            row["by"], f"{row['threshold']}", number(row["minors_passed"]),
            interval((row["minors_low"], row["minors_high"])), number(row["adults_challenged"]),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    heads = ("by", "challenge age", "minors passed", "95 % interval", "adults challenged")
    return markdown_table(heads, lines)


def _wanted(rows: pd.DataFrame) -> str:
    def year(value: float) -> str:
        return "none" if np.isnan(value) else f"{value:.0f}"

    lines = [
        [
            row["by"], f"{100 * row['wanted']:g} %",
            year(row["threshold"]), number(row["adults_challenged"]),
            year(row["threshold_sure"]), number(row["adults_challenged_sure"]),
        ]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    heads = ("by", "minors passed, at most", "challenge age", "adults challenged",
             "challenge age, upper end", "adults challenged")  # fmt: skip
    return markdown_table(heads, lines)


def documents() -> dict[str, str]:
    """Give the document's tables, by the name of their mark."""
    return {name: table for task in TASKS for name, table in tables(task).items()}


def write_tables() -> None:
    """Put the tables between the document's marks."""
    path = ROOT / DOCUMENT
    text = path.read_text()
    for name, table in documents().items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)",
            lambda found, table=table: f"{found[1]}{table}{found[2]}",
            text,
            flags=re.DOTALL,
        )
    path.write_text(text)


def measured(task: str) -> str:
    """Give what a card shows beside the scores."""
    found = tables(task)
    parts = [f"## Spoiled pictures\n\n{found[f'{task} robustness']}"]
    if task == "age":
        parts.append(f"## Challenge ages\n\n{found['challenge']}\n{found['wanted']}")
    return "\n".join(parts) + "\n"


def write_cards(reports: dict[str, Report]) -> None:
    """Renew the bundled models' cards and their reports; the networks stay as they are."""
    for task, report in reports.items():
        folder = TASKS[task].pretrained

        def change(
            part: Path, manifest: dict[str, Any], task: str = task, report: Report = report
        ) -> None:
            manifest["report"] = report.to_dict()
            (part / artifact.CARD).write_text(model_card(manifest, measured(task)))

        artifact.rewrite(folder, folder, change, task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of UTKFace pictures")
    parser.add_argument("--cards", action="store_true", help="renew the bundled models' cards too")
    args = parser.parse_args()
    if args.data:
        test = Split.read_csv(RESULTS / "split.csv.gz", args.data).test
        scorers = {task: Scorer(task) for task in TASKS}
        reports = measure(scorers, test)
        found = {t.name: t for t in measure_challenge(scorers["age"], test, LIMIT, HIGHEST)}
        write("challenge", found["challenge"].rows)
        write("challenge_wanted", found["wanted"].rows)
        rows = np.random.default_rng(0).permutation(len(test))[:SPOILED]
        spoiled = measure_robustness(list(scorers.values()), test.take(np.sort(rows)), say=print)
        write(
            "robustness",
            [{"task": task, **row} for task, (_, long) in spoiled.items() for row in long.rows],
        )
        if args.cards:
            write_cards(reports)
    write_tables()


if __name__ == "__main__":
    main()
