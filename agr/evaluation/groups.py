"""Scores overall, in every group and in every intersection of groups, with their intervals."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import LabelError
from agr.evaluation.intervals import DRAWS, score_intervals
from agr.evaluation.tally import Rows, Tally

ALL = "all"
LEAST = 30  # pictures; of fewer a score is too uncertain to be compared, though it is shown
LOWER_IS_BETTER = {"mae", "rmse", "log_loss", "ece", "interval_years"}

Scores = dict[str, dict[str, float]]
Ends = dict[str, dict[str, tuple[float, float]]]


@dataclass(frozen=True, repr=False)
class Report:
    """Scores of a model.

    Attributes
    ----------
    n : int
        Number of pictures.
    overall : dict of str to float
        Score by name.
    by_group : dict of str to dict
        Group to its scores, and ``n``, the number of its pictures.
    intersections : dict of str to dict
        The same of each combination of the groups' columns, for example
        ``race=asian, gender=female, age=021-040``.
    intervals : dict of str to dict
        Group, or "all", to the 95 % interval of each score: Wilson's of a share of the pictures,
        else that of a bootstrap.
    difference, ratio : dict of str to dict
        Of each column of groups, and of the intersections: by score, the largest minus the
        smallest of the groups, and the smallest divided by the largest, as Fairlearn's
        MetricFrame; groups of fewer than 30 pictures are left out. NaN with fewer than two.
    worst : dict of str to str
        Score to the group or intersection, of at least 30 pictures, that it is worst in.
    """

    n: int
    overall: dict[str, float]
    by_group: Scores
    intersections: Scores = field(default_factory=dict)
    intervals: Ends = field(default_factory=dict)

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.overall.items())
        groups = f"; {len(self.by_group)} groups" if self.by_group else ""
        return f"<Report: {self.n:,} pictures; {scores}{groups}>"

    @property
    def difference(self) -> Scores:
        """Largest minus smallest score of each column's groups."""
        return self._compared(lambda low, high: high - low)

    @property
    def ratio(self) -> Scores:
        """Smallest divided by largest score of each column's groups."""
        return self._compared(lambda low, high: low / high if low >= 0 and high else math.nan)

    @property
    def worst(self) -> dict[str, str]:
        """Group in which each score is worst."""
        groups = {**self.by_group, **self.intersections}
        large = {name: scores for name, scores in groups.items() if scores["n"] >= LEAST}
        found = {metric: self.worst_first(metric, large) for metric in self.overall}
        return {metric: names[0] for metric, names in found.items() if names}

    def worst_first(self, metric: str, groups: Mapping[str, Any]) -> list[str]:
        """Order those groups in which a score is defined, beginning with the worst."""
        values = {name: self.scores_of(name)[metric] for name in groups}
        known = [name for name in groups if not math.isnan(values[name])]
        return sorted(known, key=lambda name: badness(metric, values[name]), reverse=True)

    def scores_of(self, group: str) -> dict[str, float]:
        """Give ``n`` and the scores of a group, of an intersection, or of "all"."""
        if group == ALL:
            return {"n": self.n, **self.overall}
        return self.by_group[group] if group in self.by_group else self.intersections[group]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give a row for each score of each group: the long table that ``--format csv`` writes."""
        for group in (ALL, *self.by_group, *self.intersections):
            scores = self.scores_of(group)
            for metric in self.overall:
                low, high = self.intervals.get(group, {}).get(metric, (math.nan, math.nan))
                yield {
                    "groups": column_of(group),
                    "group": group,
                    "n": int(scores["n"]),
                    "uncertain": scores["n"] < LEAST,
                    "metric": metric,
                    "value": scores[metric],
                    "low": low,
                    "high": high,
                }

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types; a score that is not defined is None."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: plain(v) for k, v in value.items()}
            if isinstance(value, tuple):
                return [plain(v) for v in value]
            return None if isinstance(value, float) and math.isnan(value) else value

        found = {**asdict(self), "difference": self.difference, "ratio": self.ratio}
        return {name: plain(value) for name, value in {**found, "worst": self.worst}.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Report":
        """Read what `to_dict` gave, as a saved model's ``agr.json`` keeps it."""

        def number(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: number(v) for k, v in value.items()}
            if isinstance(value, list):
                return tuple(map(number, value))
            return math.nan if value is None else value

        names = ("overall", "by_group", "intersections", "intervals")
        return cls(plain["n"], **{name: number(plain.get(name, {})) for name in names})

    def _compared(self, compare: Any) -> Scores:
        columns: dict[str, dict[str, float]] = {}
        names = [*self.by_group, *self.intersections]
        for column, members in groupby(names, column_of):
            scores = [s for s in map(self.scores_of, members) if s["n"] >= LEAST]
            columns[column] = {}
            for metric in self.overall:
                values = [s[metric] for s in scores if not math.isnan(s[metric])]
                found = compare(min(values), max(values)) if len(values) > 1 else math.nan
                columns[column][metric] = found
        return columns


def make_report(tally: Tally, groups: Any = None, *, draws: int = DRAWS) -> Report:
    """Score all pictures, every group of them, and every intersection of groups.

    Parameters
    ----------
    tally : Tally
        From `agr.evaluation.metrics.tally_ages` or `agr.evaluation.metrics.tally_labels`.
    groups : array of shape (n,), or mapping of str to such arrays, optional
        Group of each picture. A mapping, or a DataFrame, gives groups named ``column=value``, and
        of several columns the intersections.
    draws : int, default=1000
        Resamples of the bootstrap; 0 for no intervals.

    Returns
    -------
    Report
        Groups in alphabetical order.

    Examples
    --------
    >>> from agr.evaluation.metrics import tally_ages
    >>> ages = tally_ages([20] * 60, [22] * 30 + [23] * 30)
    >>> report = make_report(ages, {"gender": ["female"] * 30 + ["male"] * 30})
    >>> report.overall["mae"], report.difference["gender"]["mae"], report.worst["mae"]
    (2.5, 1.0, 'gender=male')
    """
    scores, intervals = {}, {}
    for name, rows in group_rows(groups, len(tally)):
        found = tally.scores(rows)
        scores[name] = {"n": len(rows), **found}
        if draws and len(rows):
            intervals[name] = score_intervals(tally, rows, found, draws=draws)
    whole = {metric: value for metric, value in scores.pop(ALL).items() if metric != "n"}
    crossed = {name for name in scores if " x " in column_of(name)}
    return Report(
        len(tally),
        whole,
        {name: found for name, found in scores.items() if name not in crossed},
        {name: found for name, found in scores.items() if name in crossed},
        intervals,
    )


def group_rows(groups: Any, n: int) -> list[tuple[str, Rows]]:
    """Name all pictures, every group and every intersection, each with the rows of its pictures."""
    columns = _columns(groups, n)
    members = [(ALL, np.arange(n))]
    for column, names in columns.items():
        members += [(f"{column}={v}" if column else v, rows) for v, rows in _members(names)]
    varied = {column: names for column, names in columns.items() if len(np.unique(names)) > 1}
    if len(varied) > 1:
        parts = [np.char.add(f"{column}=", names) for column, names in varied.items()]
        joined = parts[0]
        for part in parts[1:]:
            joined = np.char.add(np.char.add(joined, ", "), part)
        members += _members(joined)
    return members


def badness(metric: str, value: float) -> float:
    """Give a number that is the greater the worse a score is."""
    if metric == "bias":
        return abs(value)
    return value if metric in LOWER_IS_BETTER else -value


def column_of(group: str) -> str:
    """Name the columns that a group comes from: "race" of race=asian, "all" of all.

    Examples
    --------
    >>> column_of("race=asian"), column_of("race=asian, gender=female"), column_of("a")
    ('race', 'race x gender', '')
    """
    if group == ALL:
        return ALL
    return " x ".join(part.partition("=")[0] for part in group.split(", ") if "=" in part)


def _columns(groups: Any, n: int) -> dict[str, npt.NDArray[np.str_]]:
    if groups is None:
        return {}
    named = isinstance(groups, Mapping) or hasattr(groups, "columns")
    columns = {}
    for column in groups if named else [""]:
        names = np.asarray(groups[column] if named else groups).astype(str)
        if names.shape != (n,):
            raise LabelError(
                f"groups must name a group for each of the {n} pictures, got shape {names.shape}."
            )
        columns[str(column)] = names
    return columns


def _members(names: npt.NDArray[np.str_]) -> list[tuple[str, Rows]]:
    values, where = np.unique(names, return_inverse=True)
    order = np.argsort(where, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(where, minlength=len(values)))[:-1])
    return [(str(value), rows) for value, rows in zip(values, parts, strict=True)]
