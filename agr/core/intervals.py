"""Intervals of a distribution over bins; numpy only, since predictions need them."""

import numpy as np
import numpy.typing as npt


def distribution_interval(
    probabilities: npt.ArrayLike, edges: npt.ArrayLike, coverage: float
) -> npt.NDArray[np.float64]:
    """Cut equal tails off a distribution over bins.

    Parameters
    ----------
    probabilities : array of shape (n, k)
        Chance of each bin.
    edges : array of shape (k + 1,)
        Where bins begin, and where the last ends; within a bin the chance is spread evenly.
    coverage : float
        Share of the chance inside.

    Returns
    -------
    array of shape (n, 2)
        Low and high end.
    """
    tails = [(1 - coverage) / 2, (1 + coverage) / 2]
    found = [np.interp(tails, row, np.asarray(edges)) for row in cumulative(probabilities)]
    return np.array(found).reshape(-1, 2)


def cumulative(probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the chance below each edge of the bins, shape (n, k + 1)."""
    chances = np.asarray(probabilities, dtype=float)
    found = np.concatenate([np.zeros((len(chances), 1)), chances.cumsum(axis=1)], axis=1)
    return np.asarray(found / found[:, -1:])
