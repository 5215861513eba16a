"""How much a model loses on spoiled pictures."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from agr.evaluation.groups import badness, make_report
from agr.evaluation.intervals import DRAWS, score_intervals
from agr.evaluation.tables import Table
from agr.evaluation.tally import Tally, gain

CLEAN = "none"


def robustness_tables(
    clean: Tally, spoiled: Mapping[tuple[str, int], Tally], groups: Any, *, draws: int = DRAWS
) -> list[Table]:
    """Compare the scores of spoiled pictures with those of the same pictures unspoiled.

    Parameters
    ----------
    clean : Tally
        Of the pictures as they are.
    spoiled : mapping of (str, int) to Tally
        Kind and severity to the same pictures, spoiled.
    groups : mapping of str to arrays
        As for `agr.evaluation.groups.make_report`.
    draws : int, default=1000
        Resamples of the paired bootstrap.

    Returns
    -------
    list of Table
        ``robustness``: a row for each kind, severity and score, with the change against clean
        pictures, its 95 % interval and the worst group; ``kinds``: the main score's mean over the
        severities, the worst kind first.
    """
    rows = list(_rows(CLEAN, 0, clean, clean, groups, draws))
    for (kind, severity), tally in spoiled.items():
        rows += _rows(kind, severity, clean, tally, groups, draws)
    main = str(rows[0]["score"])
    return [
        Table("kinds", f"Mean {main} over the severities of each kind", _kinds(rows, main)),
        Table("robustness", "Every score at every severity", rows),
    ]


def _rows(
    kind: str, severity: int, clean: Tally, tally: Tally, groups: Any, draws: int
) -> Iterable[dict[str, Any]]:
    report = make_report(tally, groups, draws=0)
    paired = gain(clean, tally)
    everyone = np.arange(len(tally))
    changes = paired.scores(everyone)
    ends = score_intervals(paired, everyone, changes, draws=draws) if severity else {}
    for name, value in report.overall.items():
        worst = report.worst.get(name)
        scores = {} if worst is None else report.scores_of(worst)
        low, high = ends.get(name, (math.nan, math.nan))
        yield {
            "kind": kind,
            "severity": severity,
            "score": name,
            "n": len(tally),
            "value": value,
            "change": changes[name],
            "low": low,
            "high": high,
            "worst_group": worst,
            "worst_n": scores.get("n"),
            "worst_value": scores.get(name, math.nan),
        }


def _kinds(rows: list[dict[str, Any]], main: str) -> list[dict[str, Any]]:
    found = []
    chosen = [row for row in rows if row["score"] == main]
    for kind in dict.fromkeys(str(row["kind"]) for row in chosen):
        members = [row for row in chosen if row["kind"] == kind]
        values = [float(row["value"]) for row in members]
        least = max(members, key=lambda row: badness(main, row["worst_value"]))
        mean: dict[str, Any] = {"kind": kind, main: sum(values) / len(values)}
        mean["change"] = sum(float(row["change"]) for row in members) / len(members)
        mean["hardest"] = max(values, key=lambda value: badness(main, value))
        mean |= {"worst group": least["worst_group"], "there": least["worst_value"]}
        found.append(mean)
    return sorted(found, key=lambda row: badness(main, row[main]), reverse=True)
