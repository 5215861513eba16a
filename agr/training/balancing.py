"""Balancing of training pictures: how often each is shown, changed or not, and what it counts.

A way of balancing is a `Strategy`. A new one is a class here (or in a file of its own) and an entry
in `LABEL_STRATEGIES`, or in a task's ``balance.py`` where it is for that task alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight

from agr.errors import ParameterError, choice

if TYPE_CHECKING:
    import keras

    from agr.training.fitting import Part

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """What an epoch shows."""

    rows: Rows
    weights: npt.NDArray[np.float64]
    augmented: npt.NDArray[np.bool_]
    strata: npt.NDArray[np.intp] | None = None

    def __len__(self) -> int:
        """Count the pictures shown in an epoch."""
        return len(self.rows)

    def with_more(self, n: int, n_more: int) -> "Plan":
        """Show ``n_more`` pictures besides, which stand behind the first ``n``."""
        if self.strata is not None:
            raise ParameterError(
                "balance='batches' draws by labels, which unlabelled pictures lack; choose another."
            )
        more = show_all(n_more)
        return Plan(
            np.append(self.rows, n + more.rows),
            np.append(self.weights, more.weights),
            np.append(self.augmented, more.augmented),
        )

    def order(self, rng: np.random.Generator) -> Rows:
        """Draw the order of an epoch."""
        if self.strata is None:
            return rng.permutation(len(self))
        groups = [np.flatnonzero(self.strata == g) for g in np.unique(self.strata)]
        each = -(-len(self) // len(groups))
        drawn = [_repeat(rows, each, rng) for rows in groups]
        return np.stack(drawn, axis=1).ravel()[: len(self)]


def show_all(n: int, weights: npt.NDArray[np.float64] | None = None) -> Plan:
    """Show each of ``n`` pictures once, changed at random; by default all count the same."""
    rows = np.arange(n)
    return Plan(rows, np.ones(n) if weights is None else weights, np.ones(n, dtype=bool))


class Strategy:
    """A way of balancing; this one changes nothing.

    Attributes
    ----------
    forgets : bool
        Whether it unlearns what earlier pictures taught, so that `partial_fit` refuses it.
    """

    forgets = False

    def check(self, y: npt.NDArray[Any]) -> None:
        """Refuse labels that it cannot balance, before hours of training."""

    def prepare(self, part: "Part", image_size: int, store_size: int, seed: int) -> "Part":
        """Change the pictures to learn from."""
        return part

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Say what an epoch shows."""
        return show_all(len(y))

    def finish(self, model: "keras.Model", part: "Part", image_size: int, seed: int) -> None:
        """Change the trained network."""


@dataclass(frozen=True)
class Weights(Strategy):
    """Rare labels count more: inverse to a power of their frequency."""

    power: float = 1.0

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Show every picture, weighted."""
        return show_all(len(y), inverse_frequency(y, self.power))


class Batches(Strategy):
    """Every label has the same share of each batch."""

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Show pictures of small groups again and again."""
        plan = show_all(len(y))
        return Plan(plan.rows, plan.weights, plan.augmented, np.unique(y, return_inverse=True)[1])


@dataclass(frozen=True)
class Draw(Strategy):
    """As many pictures of each label as the rarest or the most frequent has."""

    up: bool
    copies_alone: bool = False

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Leave pictures out, or repeat some."""
        counts = np.unique(y, return_counts=True)[1]
        kept = [counts.max() if self.up else counts.min()] * len(counts)
        return _drawn(y, kept, seed, self.copies_alone)


@dataclass(frozen=True)
class Shares(Strategy):
    """A stated share of some labels' pictures is kept."""

    shares: Mapping[str, float]

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Leave pictures out."""
        labels, counts = np.unique(y, return_counts=True)
        shares = [self.shares.get(str(label), 1) for label in labels]
        kept = [max(1, round(n * share)) for n, share in zip(counts, shares, strict=True)]
        return _drawn(y, kept, seed)


def find_strategy(
    balance: Any, offered: Mapping[str, Strategy], labels: tuple[str, ...] = ()
) -> Strategy:
    """Find what ``balance`` says."""
    if balance is None:
        return Strategy()
    if isinstance(balance, Mapping) and labels:
        for label, share in balance.items():
            if label not in labels:
                raise ParameterError(choice("every label in balance", label, labels))
            number = isinstance(share, Real) and not isinstance(share, bool)
            if not number or not 0 < float(share) <= 1:
                raise ParameterError(
                    f"balance must say what share of {label!r} is kept, above 0 and at most 1; "
                    f"got {share!r}."
                )
        return Shares(balance)
    if not isinstance(balance, str) or balance not in offered:
        raise ParameterError(choice("balance", balance, [None, *offered]))
    return offered[balance]


def inverse_frequency(y: npt.NDArray[Any], power: float = 1.0) -> npt.NDArray[np.float64]:
    """Weigh pictures so that rare labels count more."""
    weights = compute_sample_weight("balanced", y) ** power
    return np.asarray(weights / weights.mean())


def joint_weight(groups: Any, floor: float | None = None) -> npt.NDArray[np.float64]:
    """Weigh pictures so that every cell of several groups counts the same, for ``sample_weight``.

    Parameters
    ----------
    groups : DataFrame, or mapping of str to arrays of shape (n,)
        Groupings, for example gender, race and age group, of the training pictures alone.
    floor : float, optional
        A cell with fewer pictures weighs as if it had so many, so that a handful of pictures does
        not count as much as thousands; default: half the mean size of the cells.

    Returns
    -------
    array of shape (n,)
        Inverse to the size of the cell, mean 1.
    """
    if floor is not None and floor < 1:
        raise ParameterError(f"floor must be at least 1 picture, got {floor}.")
    columns = [np.asarray(values).astype(str) for _, values in groups.items()]
    cells = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1]
    sizes = np.bincount(cells)
    weights = 1 / np.maximum(sizes, sizes.mean() / 2 if floor is None else floor)[cells]
    return np.asarray(weights / weights.mean())


def _drawn(y: npt.NDArray[Any], kept: Any, seed: int, copies_alone: bool = False) -> Plan:
    """Draw this number of pictures of each label, in the order of the rows."""
    strata = np.unique(y, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    drawn = [_repeat(np.flatnonzero(strata == i), n, rng) for i, n in enumerate(kept)]
    rows = np.sort(np.concatenate(drawn))
    copies = np.append(False, rows[1:] == rows[:-1])
    return Plan(rows, np.ones(len(rows)), copies if copies_alone else np.ones(len(rows), bool))


def _repeat(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """Draw ``n`` of the rows, each as often as the others, give or take one."""
    rounds = [rng.permutation(rows) for _ in range(-(-n // len(rows)))]
    return np.concatenate(rounds)[:n]
