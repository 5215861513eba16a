"""Balancing of ages in training."""

import numpy as np
import numpy.typing as npt

from agr.age.labels import AGE_RANGE

SMOOTHING_YEARS = 2.0


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
    ages = np.clip(np.asarray(y, dtype=float).astype(int), *AGE_RANGE)
    years = np.arange(AGE_RANGE[1] + 1)
    counts = np.bincount(ages, minlength=len(years)).astype(float)
    kernel = np.exp(-0.5 * ((years[:, None] - years[None, :]) / SMOOTHING_YEARS) ** 2)
    smooth = (kernel / kernel.sum(axis=1, keepdims=True)) @ counts
    weights = 1 / np.sqrt(smooth[ages])
    return np.asarray(weights / weights.mean())
