"""How age training makes up for rare ages.

Nothing is the default: on UTKFace, weights let the old gain what everybody else loses, and more, so
that the mean error grows (``benchmarks/results/balancing.csv``).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from agr.age.labels import AGE_RANGE
from agr.training.balancing import Plan, Strategy, inverse_frequency, show_all

DEFAULT = None
SMOOTHING_YEARS = 2.0


class YearWeights(Strategy):
    """Every year of age counts the same, so that one with one picture weighs as one with many."""

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Show every picture, weighted."""
        return show_all(len(y), inverse_frequency(_whole_years(y)))


class SmoothedYearWeights(Strategy):
    """Ages count by how rare they and those near them are; see `sample_weight`."""

    def plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        """Show every picture, weighted."""
        return show_all(len(y), sample_weight(y))


STRATEGIES: dict[str, Strategy] = {
    "weights": YearWeights(),
    "smoothed_weights": SmoothedYearWeights(),
}
SEARCHED = tuple(STRATEGIES)


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
