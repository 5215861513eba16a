"""Scores overall and in every group."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import LabelError

Score = Callable[[npt.NDArray[np.intp]], dict[str, float]]


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
    """

    n: int
    overall: dict[str, float]
    by_group: dict[str, dict[str, float]]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.overall.items())
        groups = f"; {len(self.by_group)} groups" if self.by_group else ""
        return f"<Report: {self.n:,} pictures; {scores}{groups}>"

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types; a score that is not defined is None."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: plain(v) for k, v in value.items()}
            return None if isinstance(value, float) and math.isnan(value) else value

        return {name: plain(value) for name, value in asdict(self).items()}

    def gap(self, metric: str) -> float:
        """Largest difference of a score between two groups; NaN with fewer than two."""
        values = [g[metric] for g in self.by_group.values() if not math.isnan(g[metric])]
        return max(values) - min(values) if len(values) > 1 else math.nan


def make_report(score: Score, n: int, groups: Any = None) -> Report:
    """Score all pictures and every group of them.

    Parameters
    ----------
    score : callable
        Takes row numbers and gives scores by name.
    n : int
        Number of pictures.
    groups : array of shape (n,), or mapping of str to such arrays, optional
        Group of each picture. A mapping, or a DataFrame, gives groups named ``column=value``.

    Returns
    -------
    Report
        Groups in alphabetical order.
    """
    by_group: dict[str, dict[str, float]] = {}
    for name, rows in _members(groups, n):
        by_group[name] = {"n": len(rows), **score(rows)}
    return Report(n, score(np.arange(n)), by_group)


def _members(groups: Any, n: int) -> list[tuple[str, npt.NDArray[np.intp]]]:
    if groups is None:
        return []
    if isinstance(groups, Mapping) or hasattr(groups, "columns"):
        pairs = [(f"{column}=", groups[column]) for column in groups]
    else:
        pairs = [("", groups)]
    members = []
    for prefix, values in pairs:
        names = np.asarray(values).astype(str)
        if names.shape != (n,):
            raise LabelError(
                f"groups must name a group for each of the {n} pictures, got shape {names.shape}."
            )
        members += [(f"{prefix}{v}", np.flatnonzero(names == v)) for v in np.unique(names)]
    return members
