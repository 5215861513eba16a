"""The part of a page that says how well each group is served."""

import math
from typing import Any

import pandas as pd

from agr.evaluation.groups import ALL, LEAST, Report
from agr.plots.groups import score_by_group
from agr.plots.results import UNITS
from agr.report.page import Number, Page
from agr.report.words import column_title, group_in_words, in_words

FIRST = {"mae": ["mae", "cs5", "bias"], "accuracy": ["accuracy", "balanced_accuracy", "macro_f1"]}
YEARS = {"mae": " years", "bias": " years"}
MOST_DRAWN = 40  # intersections in a plot, the worst ones


def write_scores(page: Page, report: Report) -> None:
    """Write the headline, the tables and the plots of a report."""
    page.headline(_numbers(report))
    page.section(
        "Scores",
        [
            "Intervals are of 95 %: Wilson's of a share of the pictures, else of a bootstrap.",
            f"Groups of fewer than {LEAST} pictures are shown but marked, and not compared.",
            "An empty cell is a score that is not defined: F1 needs a picture of its label, and F1 "
            "and balanced accuracy need two labels in the group.",
        ],
    )
    page.table("worst", _worst(report), "Every mean, and the group where it is worst")
    shown = _scores(report, [ALL, *report.by_group])
    page.table("scores", shown, "Overall and by group", most=len(shown))
    if not report.by_group:
        return
    page.table("differences", _differences(report), "Between the groups of each kind")
    rows = pd.DataFrame(report.rows())
    page.table("intervals", rows, "Every score with its interval", shown=False)
    main = _main(report)
    page.plot("groups", score_by_group, report, main, list(report.by_group), UNITS[main])
    if report.intersections:
        page.section("Intersections", ["Each combination of the groups that has a picture."])
        cells = _scores(report, list(report.intersections))
        page.table("intersections", cells, "By intersection", most=len(cells))
        names = report.worst_first(main, report.intersections)[:MOST_DRAWN]
        page.plot(
            "intersections", score_by_group, report, main, names, UNITS[main], size=(8.0, 9.0)
        )


def _main(report: Report) -> str:
    return "mae" if "mae" in report.overall else "accuracy"


def _scores(report: Report, groups: list[str]) -> pd.DataFrame:
    main = _main(report)
    rows = []
    for group in groups:
        scores = report.scores_of(group)
        low, high = report.intervals[group][main]
        ends: dict[str, Any] = {"95 % interval": f"{in_words(main, low)} to {in_words(main, high)}"}
        first: dict[str, Any] = {
            "group": group,
            "n": scores["n"],
            "uncertain": bool(scores["n"] < LEAST),
        }
        rows.append({**first, main: scores[main], **ends, **scores})
    return pd.DataFrame(rows)


def _worst(report: Report) -> pd.DataFrame:
    rows = []
    for metric, value in report.overall.items():
        low, high = report.intervals[ALL][metric]
        row: dict[str, Any] = {"score": column_title(metric), "all": value, "low": low}
        row["high"] = high
        worst = report.worst.get(metric)
        if worst is not None:
            scores = report.scores_of(worst)
            row |= {"group": worst, "n": scores["n"], "score there": scores[metric]}
        rows.append(row)
    return pd.DataFrame(rows)


def _differences(report: Report) -> pd.DataFrame:
    rows = []
    for column, differences in report.difference.items():
        for kind, values in (("difference", differences), ("ratio", report.ratio[column])):
            rows.append({"between": column or "groups", "is": kind, **values})
    return pd.DataFrame(rows)


def _numbers(report: Report) -> list[Number]:
    """Give the scores one looks for first, and the group that is served worst."""
    main = _main(report)
    numbers = [
        Number(in_words(name, report.overall[name]) + YEARS.get(name, ""), column_title(name))
        for name in FIRST[main]
        if not math.isnan(report.overall[name])
    ]
    numbers.append(Number(f"{report.n:,}", "Pictures"))
    worst = report.worst.get(main)
    if worst is not None:
        scores = report.scores_of(worst)
        value = in_words(main, scores[main]) + YEARS.get(main, "")
        note = f"{column_title(main)}; {int(scores['n']):,} pictures"
        numbers.append(Number(value, f"Weakest group: {group_in_words(worst)}", note))
    return numbers
