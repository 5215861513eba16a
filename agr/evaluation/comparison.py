"""Two models on the same pictures: who gains, who loses, and which answers changed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import LabelError
from agr.evaluation.groups import LEAST, badness, group_rows
from agr.evaluation.intervals import DRAWS, score_intervals
from agr.evaluation.metrics import CS_YEARS, tally_ages, tally_labels
from agr.evaluation.tables import Table
from agr.evaluation.tally import Tally, gain

NEEDS_CHANCES = ("log_loss", "ece")


@dataclass(frozen=True)
class Answers:
    """What a model said of pictures.

    Attributes
    ----------
    name : str
        Of the model.
    said : array of shape (n,)
        Years, or label words.
    chances : array of shape (n, k), optional
        Probability of each label, in alphabetical order; a peer may give none.
    intervals : array of shape (n, 2), optional
        Low and high end of each age.
    """

    name: str
    said: npt.NDArray[Any]
    chances: npt.NDArray[Any] | None = None
    intervals: npt.NDArray[Any] | None = None

    def tally(self, y: npt.NDArray[Any], labels: tuple[str, ...]) -> Tally:
        """Tally the answers; scores of probabilities are left out where there are none."""
        if not labels:
            return tally_ages(y, self.said, self.intervals)
        chances = self.chances
        if chances is None:
            chances = self.said.astype(str)[:, None] == np.asarray(labels)
        tally = tally_labels(y, chances, labels)
        if self.chances is not None:
            return tally

        def score(sums: Any, n: Any) -> Mapping[str, Any]:
            scores = tally.score(sums, n)
            return {name: v for name, v in scores.items() if name not in NEEDS_CHANCES}

        return Tally(tally.columns, score, tally.shares)

    def right(self, y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Tell which labels are right, or which ages are at most five years off."""
        if y.dtype.kind == "f":
            return np.asarray(abs(self.said - y) <= CS_YEARS)
        return np.asarray(self.said.astype(str) == y)


def comparison_tables(
    first: Answers,
    second: Answers,
    y: npt.NDArray[Any],
    labels: tuple[str, ...],
    groups: Any,
    pictures: Sequence[str],
    *,
    draws: int = DRAWS,
) -> list[Table]:
    """Compare the answers of two models to the same pictures.

    Parameters
    ----------
    first, second : Answers
        Of as many pictures.
    y : array of shape (n,)
        True years or labels.
    labels : tuple of str
        Vocabulary; empty for ages.
    groups : mapping of str to arrays
        As for `agr.evaluation.groups.make_report`.
    pictures : sequence of str
        Name of each.
    draws : int, default=1000
        Resamples of the paired bootstrap.

    Returns
    -------
    list of Table
        ``scores``: each score of both, the change and its 95 % interval; ``groups``: the main
        score's change in every group and intersection, with McNemar's test, those that lose most
        first; ``changed``: the pictures whose answers differ.

    Raises
    ------
    LabelError
        The numbers of pictures differ.
    """
    if not len(first.said) == len(second.said) == len(y) == len(pictures):
        raise LabelError(
            f"Both models must answer each of the {len(y)} pictures; got {len(first.said)} and "
            f"{len(second.said)} answers."
        )
    before, after = first.tally(y, labels), second.tally(y, labels)
    paired = gain(before, after)
    old, new = before.scores(), after.scores()
    changes = paired.scores()
    ends = score_intervals(paired, np.arange(len(y)), changes, draws=draws)
    scores = [
        {
            "score": name,
            first.name: old[name],
            second.name: new[name],
            "change": change,
            "low": ends[name][0],
            "high": ends[name][1],
            "verdict": verdict(name, change, ends[name]),
        }
        for name, change in changes.items()
    ]
    main = str(scores[0]["score"])
    hits = first.right(y), second.right(y)
    return [
        Table("scores", f"{second.name} against {first.name}, on {len(y)} pictures", scores),
        Table(
            "groups",
            f"Change of {main} by group, the greatest losses first",
            _by_group(main, before, after, hits, groups, len(y), draws),
        ),
        Table("changed", "Pictures whose answers differ", _changed(first, second, y, pictures)),
    ]


def verdict(name: str, change: float, ends: tuple[float, float]) -> str:
    """Say whether a change is a gain or a loss; "unclear" where its interval holds zero."""
    if name == "bias":  # nearer to zero is better, which a change alone does not tell
        return ""
    if math.isnan(ends[0]) or ends[0] <= 0 <= ends[1]:
        return "unclear"
    return "loses" if badness(name, change) > 0 else "gains"


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Test whether two models are right about equally many of the same pictures.

    Parameters
    ----------
    first, second : array of shape (n,)
        Whether each was right.

    Returns
    -------
    dict
        ``only_first`` and ``only_second``, how many one alone was right about, and the exact
        test's ``p``; 1 where there is none.

    Examples
    --------
    >>> mcnemar(np.array([1, 1, 1, 1, 1, 0], bool), np.array([0, 0, 0, 0, 0, 0], bool))["p"]
    0.0625
    """
    from scipy.stats import binomtest

    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(binomtest(one, one + other).pvalue) if one + other else 1.0
    return {"only_first": one, "only_second": other, "p": p}


def _by_group(
    main: str,
    before: Tally,
    after: Tally,
    hits: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    groups: Any,
    n: int,
    draws: int,
) -> list[dict[str, Any]]:
    rows = []
    paired = gain(before, after)
    narrowed = Tally(paired.columns, lambda sums, k: {main: paired.score(sums, k)[main]})
    for name, members in group_rows(groups, n):
        change = narrowed.scores(members)
        ends = score_intervals(narrowed, members, change, draws=draws)[main]
        test = mcnemar(hits[0][members], hits[1][members])
        rows.append(
            {
                "group": name,
                "n": len(members),
                "uncertain": len(members) < LEAST,
                "change": change[main],
                "low": ends[0],
                "high": ends[1],
                **test,
                "verdict": verdict(main, change[main], ends),
            }
        )
    return sorted(rows, key=lambda row: badness(main, row["change"]), reverse=True)


def _changed(
    first: Answers, second: Answers, y: npt.NDArray[Any], pictures: Sequence[str]
) -> list[dict[str, Any]]:
    """List what changed, the greatest changes of age, or labels that became wrong, first."""
    if y.dtype.kind == "f":
        size = abs(second.said - first.said)
        rows = np.flatnonzero(size > CS_YEARS)
        rows = rows[np.argsort(-size[rows], kind="stable")]
    else:
        rows = np.flatnonzero(first.said.astype(str) != second.said.astype(str))
        rows = rows[np.argsort(second.right(y)[rows], kind="stable")]
    return [
        {
            "picture": pictures[row],
            "true": _plain(y[row]),
            first.name: _plain(first.said[row]),
            second.name: _plain(second.said[row]),
        }
        for row in rows.tolist()
    ]


def _plain(value: Any) -> Any:
    return round(float(value), 2) if isinstance(value, float | np.floating) else str(value)
