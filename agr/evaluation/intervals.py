"""How sure a score is: Wilson's interval of a share, the bootstrap's of anything else."""

import math

import numpy as np
import numpy.typing as npt

from agr.evaluation.tally import Rows, Tally

CONFIDENCE = 0.95
Z = 1.959963984540054  # of the normal distribution, for 95 %
DRAWS = 1000


def wilson(share: npt.ArrayLike, n: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the 95 % interval of a share (Wilson 1927), which holds for small and extreme ones too.

    Parameters
    ----------
    share : array of shape (...)
        Between 0 and 1.
    n : array of shape (...)
        Of how many; NaN comes of none.

    Returns
    -------
    array of shape (..., 2)
        Low and high end.

    Examples
    --------
    >>> wilson(1.0, 20).round(3).tolist()
    [0.839, 1.0]
    """
    p, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    # Of 0 and 1 rounding would leave the share itself just outside.
    low, high = np.minimum(middle - half, p), np.maximum(middle + half, p)
    return np.asarray(np.clip(np.stack([low, high], axis=-1), 0, 1))


def score_intervals(
    tally: Tally, rows: Rows, scores: dict[str, float], *, draws: int, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Give the 95 % interval of each score of some rows; NaN where the score is not defined."""
    ends = {name: wilson(scores[name], len(rows)) for name in tally.shares}
    others = [name for name in scores if name not in ends and not math.isnan(scores[name])]
    if others:
        drawn = tally.resampled(rows, draws, np.random.default_rng(seed))
        ends |= {name: quantiles(drawn[name]) for name in others}
    nothing = (math.nan, math.nan)
    return {
        name: nothing if name not in ends else (float(ends[name][0]), float(ends[name][1]))
        for name in scores
    }


def quantiles(drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cut 2.5 % off each side of resampled scores; those that are not defined do not count."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return np.full(2, np.nan)
    return np.asarray(np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
