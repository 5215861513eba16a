"""Balancing of training pictures: how often each is shown, changed or not, and what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import ParameterError, choice

Rows = npt.NDArray[np.intp]
WEIGHTS = {"weights": 1.0, "sqrt_weights": 0.5}  # the power of a label's rarity
LABEL_BALANCES = (
    *WEIGHTS,
    "undersample",
    "oversample",
    "augment",
    "batches",
    "smote",
    "smote_pixels",
)


@dataclass(frozen=True)
class Plan:
    """What an epoch shows.

    Parameters
    ----------
    rows : array of shape (m,)
        Row of each picture shown; a row may be left out, or come several times.
    weights : array of shape (m,)
        How much each counts.
    augmented : array of shape (m,)
        Whether each is changed at random.
    strata : array of shape (m,), optional
        Groups that have the same share of every batch.
    """

    rows: Rows
    weights: npt.NDArray[np.float64]
    augmented: npt.NDArray[np.bool_]
    strata: npt.NDArray[np.intp] | None = None

    def __len__(self) -> int:
        """Count the pictures shown in an epoch."""
        return len(self.rows)

    def order(self, rng: np.random.Generator) -> Rows:
        """Draw the order of an epoch.

        Parameters
        ----------
        rng : numpy Generator
            Source of chance.

        Returns
        -------
        array of shape (m,)
            Positions in ``rows``; with ``strata`` those of small groups come again and again, and
            of large ones only a part.
        """
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


def inverse_frequency(y: npt.NDArray[Any], power: float = 1.0) -> npt.NDArray[np.float64]:
    """Weigh pictures so that rare labels count more.

    Parameters
    ----------
    y : array of shape (n,)
        Labels of the training pictures.
    power : float, default=1.0
        With 1 every label counts the same in all, with 0.5 the square root of that.

    Returns
    -------
    array of shape (n,)
        Inverse to this power of the label's frequency, mean 1.
    """
    _, column, counts = np.unique(y, return_inverse=True, return_counts=True)
    weights = (counts**-power)[column]
    return np.asarray(weights / weights.mean())


def plan_labels(
    y: npt.NDArray[np.str_], balance: str | Mapping[str, float] | None, seed: int
) -> Plan:
    """Plan the epochs of a task with label words.

    Parameters
    ----------
    y : array of shape (n,)
        Labels of the training pictures.
    balance : str, mapping or None
        One of `LABEL_BALANCES`; or the share of a label's pictures that is kept, by label. The two
        kinds of SMOTE show every picture, since what they add are not rows.
    seed : int
        Repeats the draw.

    Returns
    -------
    Plan
        For `agr.training.loop.train`.
    """
    if isinstance(balance, str) and balance in WEIGHTS:
        return show_all(len(y), inverse_frequency(y, WEIGHTS[balance]))
    plan = show_all(len(y))
    if balance in (None, "smote", "smote_pixels"):
        return plan
    labels, strata = np.unique(y, return_inverse=True)
    if balance == "batches":
        return Plan(plan.rows, plan.weights, plan.augmented, strata)
    counts = np.bincount(strata)
    if isinstance(balance, Mapping):
        kept = [
            max(1, round(n * balance.get(str(k), 1))) for k, n in zip(labels, counts, strict=True)
        ]
    else:
        kept = [counts.min() if balance == "undersample" else counts.max()] * len(labels)
    rng = np.random.default_rng(seed)
    drawn = [_repeat(np.flatnonzero(strata == i), n, rng) for i, n in enumerate(kept)]
    rows = np.sort(np.concatenate(drawn))
    copies = np.append(False, rows[1:] == rows[:-1])
    augmented = copies if balance == "augment" else np.ones(len(rows), dtype=bool)
    return Plan(rows, np.ones(len(rows)), augmented)


def check_label_balance(balance: Any, labels: tuple[str, ...]) -> None:
    """Refuse a ``balance`` that `plan_labels` does not know.

    Parameters
    ----------
    balance : object
        What the user gave.
    labels : tuple of str
        Words of the task.

    Raises
    ------
    ParameterError
        Lists what is known.
    """
    if isinstance(balance, Mapping):
        for label, share in balance.items():
            if label not in labels:
                raise ParameterError(choice("every label in balance", label, labels))
            number = isinstance(share, Real) and not isinstance(share, bool)
            if not number or not 0 < float(share) <= 1:
                raise ParameterError(
                    f"balance must say what share of {label!r} is kept, above 0 and at most 1; "
                    f"got {share!r}."
                )
    elif balance is not None and balance not in LABEL_BALANCES:
        raise ParameterError(choice("balance", balance, [None, *LABEL_BALANCES]))


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


def _repeat(rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """Draw ``n`` of the rows, each as often as the others, give or take one."""
    rounds = [rng.permutation(rows) for _ in range(-(-n // len(rows)))]
    return np.concatenate(rounds)[:n]
