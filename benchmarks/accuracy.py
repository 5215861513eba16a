"""Score the models in agr on the untouched test part of UTKFace.

    python benchmarks/accuracy.py --data UTKFace      # scores, and the documents' tables from them
    python benchmarks/accuracy.py                     # only the documents' tables

The split is that of the training (seed 0, 8 % validation, 16 % test, duplicates on one side); every
picture of the test part counts, with the label it came with. Writes to ``benchmarks/results/``:
``split.csv.gz``, ``accuracy.csv`` (a row per score and group, with a 95 % bootstrap interval) and
``environment.json``.
"""

import argparse
import importlib.metadata
import json
import platform
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import agr
from agr import Predictor, __version__
from agr.age.bins import find_bins, make_edges
from agr.datasets import utkface
from agr.datasets.faces import Faces
from agr.engines.engine import Engine
from agr.evaluation.metrics import classification_metrics, regression_metrics
from agr.gender.labels import LABELS as GENDERS
from agr.race.labels import LABELS as RACES
from agr.training.batches import ImageStore

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
SEED = 0
PACKAGES = ("keras", "numpy", "onnxruntime", "pillow", "tensorflow")

Rows = npt.NDArray[np.intp]
Score = Callable[[Rows], dict[str, float]]


def scorers(test: Faces) -> dict[str, Score]:
    """For each task, a function from rows of the test part to its scores."""
    answers = list(Predictor(faces="crop").stream(test.paths))
    errors = [answer.error for answer in answers if answer.error]
    if errors:
        raise SystemExit(f"{len(errors)} test pictures could not be read, first: {errors[0]}")
    table = test.table
    years = table["age"].to_numpy(float)
    age = np.array([answer.age for answer in answers])
    intervals = np.array([answer.age_interval for answer in answers])
    inside = (intervals[:, 0] <= years) & (years <= intervals[:, 1])
    classes = {name: class_hits(test, name) for name in ("life_stages", "ad_groups")}
    chances = {
        "gender": np.array([[a.gender_probabilities[g] for g in GENDERS] for a in answers]),
        "race": np.array([[a.race_probabilities[r] for r in RACES] for a in answers]),
    }

    def of_age(rows: Rows) -> dict[str, float]:
        scores = regression_metrics(years[rows], age[rows])
        return {
            **scores,
            "coverage": float(inside[rows].mean()),
            "interval_years": float(np.diff(intervals[rows], axis=1).mean()),
            **{f"{name}_accuracy": share(hits[rows]) for name, hits in classes.items()},
        }

    def of(task: str, labels: tuple[str, ...]) -> Score:
        truth = table[task].to_numpy(str)
        return lambda rows: classification_metrics(truth[rows], chances[task][rows], labels)

    return {"age": of_age, "gender": of("gender", GENDERS), "race": of("race", RACES)}


def class_hits(test: Faces, bins: str) -> npt.NDArray[np.float64]:
    """Say for each picture whether its likeliest class of age is right; NaN below the first."""
    years = test.table["age"].to_numpy(float)
    edges = make_edges(bins, years).astype(int)
    engine = Engine(Path(agr.__file__).parent / "age" / "pretrained", "age")
    store = ImageStore(test.paths, engine.image_size)
    rows = np.array_split(np.arange(len(test)), max(1, len(test) // 128))
    per_year = np.concatenate([engine(store[part]) for part in rows])
    chances = np.add.reduceat(per_year, edges[:-1], axis=1)
    known = years >= edges[0]
    hits = np.full(len(test), np.nan)
    hits[known] = chances[known].argmax(axis=1) == find_bins(years[known], edges)
    return hits


def share(hits: npt.NDArray[np.float64]) -> float:
    """Give the mean without NaN; NaN where there is nothing else."""
    known = hits[~np.isnan(hits)]
    return float(known.mean()) if len(known) else float("nan")


def group_rows(test: Faces) -> dict[str, Rows]:
    """Name every group of the test part that is scored."""
    groups = test.groups()
    groups["race x gender"] = groups["race"] + " " + groups["gender"]
    years = test.table["age"]
    named = {"all": np.arange(len(test))}
    for low, high in ((21, 60), (3, 12), (61, 200)):
        name = f"ages {low} to {high}" if high < 200 else f"ages {low} and over"
        named[name] = np.flatnonzero((years >= low) & (years <= high))
    for column in groups:
        for value in sorted(groups[column].unique()):
            named[f"{column}={value}"] = np.flatnonzero(groups[column] == value)
    return named


def measure(test: Faces) -> pd.DataFrame:
    """Score every task on every group, each score with its interval."""
    rows = []
    for task, score in scorers(test).items():
        for group, members in group_rows(test).items():
            values = score(members)
            # One resample serves all scores of a group.
            rng = np.random.default_rng(SEED)
            draws = [score(rng.choice(members, len(members))) for _ in range(300)]
            for metric, value in values.items():
                if not np.isnan(value):
                    low, high = np.nanquantile([d[metric] for d in draws], [0.025, 0.975])
                    rows.append((task, group, metric, len(members), value, low, high))
    columns = ["task", "group", "metric", "n", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).round(4)


LINES = (
    ("gender", "accuracy", "all", "every age"),
    ("gender", "accuracy", "ages 21 to 60", "ages 21 to 60"),
    ("gender", "accuracy", "ages 3 to 12", "ages 3 to 12"),
    ("gender", "accuracy", "worst race x gender", "worst race and gender"),
    ("race", "accuracy", "all", "every age"),
    ("race", "macro_f1", "all", "every age"),
    ("race", "f1_other", "all", "the label other"),
    ("age", "mae", "all", "every age"),
    ("age", "mae", "ages 21 to 60", "ages 21 to 60"),
    ("age", "mae", "ages 61 and over", "ages 61 and over"),
    ("age", "rmse", "all", "every age"),
    ("age", "life_stages_accuracy", "all", "six stages of life"),
    ("age", "ad_groups_accuracy", "all", "eight groups of advertisers, from 7 years"),
    ("age", "coverage", "all", "share of true ages inside the 90 % interval"),
)
NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "f1_other": "F1",
    "mae": "MAE, years",
    "rmse": "RMSE, years",
    "coverage": "coverage",
    "life_stages_accuracy": "accuracy",
    "ad_groups_accuracy": "accuracy",
}
PEERS = (
    ("age_mae", "age", "mae", "all"),
    ("age_mae_21_60", "age", "mae", "ages 21 to 60"),
    ("gender_accuracy", "gender", "accuracy", "all"),
    ("race_accuracy", "race", "accuracy", "all"),
    ("race_macro_f1", "race", "macro_f1", "all"),
)


SHORT = (
    ("gender", "accuracy", "all"),
    ("gender", "accuracy", "worst race x gender"),
    ("race", "accuracy", "all"),
    ("race", "f1_other", "all"),
    ("age", "mae", "all"),
    ("age", "mae", "ages 61 and over"),
)


def scores_table(scores: pd.DataFrame) -> str:
    """Write every line with its interval."""
    lines = ["| task | on | score | | 95 % interval |", "| --- | --- | --- | --- | --- |"]
    for task, metric, group, words in LINES:
        name, value, interval = cells(scores, task, metric, group, words)
        lines.append(f"| {task} | {name} | {NAMES[metric]} | **{value}** | {interval} |")
    return "\n".join(lines)


def short_table(scores: pd.DataFrame, peers: pd.DataFrame) -> str:
    """Write the README's lines, with the best of the other packages beside each overall score."""
    words = {(task, metric, group): said for task, metric, group, said in LINES}
    columns = {place: column for column, *place in PEERS for place in [tuple(place)]}
    lines = ["| | score | agr | 95 % interval | best other |", "| --- | --- | --- | --- | --- |"]
    for line in SHORT:
        task, metric, _ = line
        name, value, interval = cells(scores, *line, words[line])
        best = best_of(peers, columns[line], metric) if line in columns else ""
        lines.append(f"| {task}, {name} | {NAMES[metric]} | **{value}** | {interval} | {best} |")
    return "\n".join(lines)


def cells(
    scores: pd.DataFrame, task: str, metric: str, group: str, words: str
) -> tuple[str, str, str]:
    """Give the name, value and interval of a line."""
    found = scores[(scores["task"] == task) & (scores["metric"] == metric)]
    if group.startswith("worst "):
        rows = found[found["group"].str.startswith(group.removeprefix("worst ") + "=")]
        row = rows.loc[rows["value"].idxmin()]
        words = f"{words} ({row['group'].partition('=')[2]})"
    else:
        row = found[found["group"] == group].iloc[0]
    percent = metric.endswith("accuracy") or metric == "coverage"
    say = (lambda v: f"{100 * v:.1f} %") if percent else (lambda v: f"{v:.2f}")
    return words, say(row["value"]), f"{say(row['low'])} to {say(row['high'])}"


def best_of(peers: pd.DataFrame, column: str, metric: str) -> str:
    """Name the best of the other packages, and its score."""
    values = peers[column].dropna()
    row = values.idxmin() if metric == "mae" else values.idxmax()
    form = "{:.2f}" if metric == "mae" else "{:.1f} %"
    return f"{form.format(values[row])} ({peers['peer'][row]})"


def peers_table(scores: pd.DataFrame, peers: pd.DataFrame) -> str:
    """Put agr beside what others reach."""
    lines = [
        "| | age MAE | 21 to 60 | gender | race | macro-F1 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]

    def add(name: str, values: list[float]) -> None:
        forms = ("{:.2f}", "{:.2f}", "{:.1f} %", "{:.1f} %", "{:.2f}")
        cells = [
            "" if np.isnan(v) else form.format(v) for v, form in zip(values, forms, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")

    ours = scores.set_index(["task", "metric", "group"])["value"]
    add(
        "**agr** \\*",
        [
            ours[task, metric, group] * (100 if metric == "accuracy" else 1)
            for _, task, metric, group in PEERS
        ],
    )
    for peer in peers.sort_values("age_mae").to_dict("records"):
        mark = " \\*" if peer["trained_on_utkface"] == "yes" else ""
        add(f"{peer['peer']}{mark}", [peer[column] for column, *_ in PEERS])
    return "\n".join(lines)


def write_tables() -> None:
    """Put the tables between the documents' marks."""
    scores, peers = pd.read_csv(RESULTS / "accuracy.csv"), pd.read_csv(RESULTS / "peers.csv")
    for path, tables in documents(scores, peers).items():
        text = (ROOT / path).read_text()
        for name, table in tables.items():
            text = re.sub(
                rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)",
                lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
                text,
                flags=re.DOTALL,
            )
        (ROOT / path).write_text(text)


def documents(scores: pd.DataFrame, peers: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Give the tables of each document, by the name of its mark."""
    return {
        "README.md": {"scores": short_table(scores, peers)},
        "docs/explanation/accuracy.md": {
            "scores": scores_table(scores),
            "peers": peers_table(scores, peers),
        },
    }


def environment(data: Path, test: Faces) -> dict[str, object]:
    """Name what the scores were measured with."""
    return {
        "agr": __version__,
        "command": "python benchmarks/accuracy.py --data UTKFace",
        "data": data.name,
        "test pictures": len(test),
        "split": Faces.split.__kwdefaults__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of UTKFace pictures")
    args = parser.parse_args()
    if args.data:
        faces = utkface.read(args.data)
        split = faces.split()
        RESULTS.mkdir(exist_ok=True)
        split.write_csv(RESULTS / "split.csv.gz", args.data)
        measure(split.test).to_csv(RESULTS / "accuracy.csv", index=False)
        report = json.dumps(environment(args.data, split.test), indent=1)
        (RESULTS / "environment.json").write_text(report + "\n")
    write_tables()


if __name__ == "__main__":
    main()
