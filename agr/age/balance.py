"""Balancing of ages in training: what ``balance`` may say, and what it does."""

import numpy as np
import numpy.typing as npt

from agr.age.labels import AGE_RANGE
from agr.errors import ParameterError, choice
from agr.training.balancing import Plan, inverse_frequency, show_all

BALANCES = ("weights", "smoothed_weights")
SMOOTHING_YEARS = 2.0


def check(balance: str | None) -> None:
    """Refuse a ``balance`` that `make_plan` does not know."""
    if balance is not None and balance not in BALANCES:
        raise ParameterError(choice("balance", balance, [None, *BALANCES]))


def make_plan(y: npt.NDArray[np.floating], balance: str | None) -> Plan:
    """Plan the epochs.

    Parameters
    ----------
    y : array of shape (n,)
        Training ages in years.
    balance : {"weights", "smoothed_weights"} or None
        ``"weights"`` lets every year of age count the same, so that a year with one picture counts
        as much as one with a thousand; ``"smoothed_weights"`` is `sample_weight`.

    Returns
    -------
    Plan
        For `agr.training.loop.train`.
    """
    if balance is None:
        return show_all(len(y))
    weigh = inverse_frequency if balance == "weights" else sample_weight
    return show_all(len(y), weigh(_whole_years(y)))


def sample_weight(y: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Weigh pictures by how rare their age and the ages near it are.

    Label distribution smoothing (Yang et al., Delving into Deep Imbalanced Regression, ICML 2021):
    the counts of years are smoothed with a normal kernel, and the weight is inverse to the square
    root of the smoothed count.

    Parameters
    ----------
    y : array of shape (n,)
        Training ages in years.

    Returns
    -------
    array of shape (n,)
        Mean 1.
    """
    ages = _whole_years(y)
    years = np.arange(AGE_RANGE[1] + 1)
    counts = np.bincount(ages, minlength=len(years)).astype(float)
    kernel = np.exp(-0.5 * ((years[:, None] - years[None, :]) / SMOOTHING_YEARS) ** 2)
    smooth = (kernel / kernel.sum(axis=1, keepdims=True)) @ counts
    weights = 1 / np.sqrt(smooth[ages])
    return np.asarray(weights / weights.mean())


def _whole_years(y: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.clip(np.asarray(y, dtype=float).astype(np.int64), *AGE_RANGE)
