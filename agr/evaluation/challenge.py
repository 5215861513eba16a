"""Challenge ages: who passes an age check, and who is asked for a document.

A person passes where the model says at least the challenge age, which lies above the age limit to
leave room for errors. Terms follow NIST's evaluation of age estimation (NIST IR 8525); the figures
are of one's own pictures and certify nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.evaluation.groups import LEAST
from agr.evaluation.intervals import wilson
from agr.evaluation.tables import Table

NEAR = 5  # years below the limit whose people are counted as minors: younger ones hardly ever pass
WANTED = (0.1, 0.05, 0.02, 0.01)
OLDEST = 100
CLOSE = 12  # years above the limit for which the mean absolute error is given

Floats = npt.NDArray[np.float64]


def challenge_tables(
    years: npt.ArrayLike,
    rules: Mapping[str, npt.ArrayLike],
    limit: int,
    highest: int,
    groups: Mapping[str, Any],
) -> list[Table]:
    """Count minors who pass and adults who are challenged.

    Parameters
    ----------
    years : array of shape (n,)
        True ages.
    rules : mapping of str to array of shape (n,)
        Number that must reach the challenge age, by its name: the estimated age, or the low end of
        its interval. NaN where a picture could not be read: that person is challenged.
    limit, highest : int
        Age limit, and the highest challenge age to try.
    groups : mapping of str to array of shape (n,)
        Columns of groups, for example gender and race.

    Returns
    -------
    list of Table
        ``challenge``: shares of minors (at most five years below the limit) who pass and of adults
        who are challenged, by threshold and group; ``wanted``: threshold for a wanted share of
        minors passed; ``years``: share that passes of each true year; ``errors``: mean absolute
        errors near the limit.

    Examples
    --------
    >>> tables = challenge_tables([16, 17, 20, 30], {"age": [15, 21, 19, 33]}, 18, 19, {})
    >>> [(r["threshold"], r["minors_passed"], r["adults_challenged"]) for r in tables[0].rows]
    [(18, 0.5, 0.0), (19, 0.5, 0.0)]
    """
    truth = np.asarray(years, dtype=float)
    said = {name: np.asarray(values, dtype=float) for name, values in rules.items()}
    members = dict(_members(groups, len(truth)))
    thresholds = range(limit, highest + 1)
    shares = [
        _shares(rule, numbers, truth, limit, threshold, group, chosen)
        for rule, numbers in said.items()
        for threshold in thresholds
        for group, chosen in members.items()
    ]
    minors = f"of {limit - NEAR} to {limit - 1} years"
    return [
        Table(
            "challenge",
            f"Minors {minors} who pass, and adults who are challenged, by threshold",
            shares,
        ),
        Table(
            "wanted",
            f"Lowest threshold at which at most a wanted share of minors {minors} passes",
            [row for rule, numbers in said.items() for row in _wanted(rule, numbers, truth, limit)],
        ),
        Table(
            "years",
            "Share that passes, by true age",
            [
                row
                for rule, numbers in said.items()
                for row in _years(rule, numbers, truth, limit, thresholds)
            ],
        ),
        Table(
            "errors",
            "Mean absolute errors",
            _errors(next(iter(said.values())), truth, groups, limit),
        ),
    ]


def parse_challenge(words: str) -> tuple[int, int]:
    """Read ``LIMIT:HIGHEST``, for example 18:25.

    Raises
    ------
    ValueError
        It is something else.
    """
    limit, highest = map(int, words.split(":"))
    if not 0 < limit <= highest <= OLDEST:
        raise ValueError
    return limit, highest


def _members(groups: Mapping[str, Any], n: int) -> Iterable[tuple[str, npt.NDArray[np.bool_]]]:
    yield "all", np.ones(n, dtype=bool)
    for column in groups:
        names = np.asarray(groups[column]).astype(str)
        for value in np.unique(names):
            yield f"{column}={value}", names == value


def _is_minor(truth: Floats, limit: int) -> npt.NDArray[np.bool_]:
    return (truth >= limit - NEAR) & (truth < limit)


def _shares(
    rule: str,
    numbers: Floats,
    truth: Floats,
    limit: int,
    threshold: int,
    group: str,
    chosen: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    passed = numbers >= threshold  # which NaN is not
    minors, adults = chosen & _is_minor(truth, limit), chosen & (truth >= limit)
    row: dict[str, Any] = {"by": rule, "threshold": threshold, "group": group}
    for name, rows, hits in (
        ("minors_passed", minors, passed),
        ("adults_challenged", adults, ~passed),
    ):
        share, (low, high) = _share(hits[rows])
        kind = name.split("_")[0]
        row |= {f"{kind}_n": int(rows.sum()), name: share, f"{kind}_low": low, f"{kind}_high": high}
    row["unread"] = int(np.isnan(numbers[chosen]).sum())
    row["uncertain"] = bool(min(minors.sum(), adults.sum()) < LEAST)
    return row


def _wanted(rule: str, numbers: Floats, truth: Floats, limit: int) -> Iterable[dict[str, Any]]:
    minors, adults = numbers[_is_minor(truth, limit)], numbers[truth >= limit]
    thresholds = np.arange(limit, OLDEST + 1)
    shares = np.array([(minors >= t).mean() if len(minors) else math.nan for t in thresholds])
    high = wilson(shares, len(minors))[:, 1]
    for wanted in WANTED:
        row: dict[str, Any] = {"by": rule, "wanted": wanted}
        for name, values in (("threshold", shares), ("threshold_sure", high)):
            fit = np.flatnonzero(values <= wanted)
            found = None if not len(fit) else int(thresholds[fit[0]])
            row[name] = found
            row[f"adults_challenged{name.removeprefix('threshold')}"] = (
                math.nan if found is None or not len(adults) else float((~(adults >= found)).mean())
            )
        yield row


def _years(
    rule: str, numbers: Floats, truth: Floats, limit: int, thresholds: Sequence[int]
) -> Iterable[dict[str, Any]]:
    for year in range(max(0, limit - 2 * NEAR), thresholds[-1] + NEAR + 1):
        of_year = numbers[(truth >= year) & (truth < year + 1)]
        if len(of_year):
            shares = {f"{t}": float((of_year >= t).mean()) for t in thresholds}
            yield {"by": rule, "true age": year, "n": len(of_year), **shares}


def _errors(
    said: Floats, truth: Floats, groups: Mapping[str, Any], limit: int
) -> list[dict[str, Any]]:
    """Average the errors over genders and years too, so that frequent ages weigh no more."""
    off = abs(said - truth)
    genders = np.asarray(groups["gender"] if "gender" in groups else truth * 0).astype(str)
    rows = []
    for first, last in ((limit, limit + CLOSE), (limit - NEAR, limit - 1)):
        within = ~np.isnan(said) & (truth >= first) & (truth < last + 1)
        parts = [
            off[within & (truth >= year) & (truth < year + 1) & (genders == gender)]
            for gender in np.unique(genders)
            for year in range(first, last + 1)
        ]
        means = [float(part.mean()) for part in parts if len(part)]
        rows.append(
            {
                "true ages": f"{first} to {last}",
                "n": int(within.sum()),
                "mae": float(off[within].mean()) if within.any() else math.nan,
                "mae_over_genders_and_years": float(np.mean(means)) if means else math.nan,
                "cells": len(means),
            }
        )
    return rows


def _share(hits: npt.NDArray[np.bool_]) -> tuple[float, tuple[float, float]]:
    share = float(hits.mean()) if len(hits) else math.nan
    low, high = wilson(share, len(hits))
    return share, (float(low), float(high))
