"""Balancing of the race labels in training."""

import numpy as np
import numpy.typing as npt


def sample_weight(y: npt.NDArray[np.str_], power: float = 1.0) -> npt.NDArray[np.float64]:
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
