"""Honest probabilities and intervals, fitted on pictures that the network did not learn from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from agr.core.images import Pixels, read_image, resize
from agr.errors import ParameterError
from agr.training.camera import corrupt

LIMITS = (np.log(0.25), np.log(4))  # of the logarithm of a temperature


def fit_temperature(probabilities: npt.ArrayLike, columns: npt.ArrayLike) -> float:
    """Find the temperature that makes the true labels likeliest.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    logits = np.log(np.clip(np.asarray(probabilities, dtype=float), 1e-12, 1))
    rows = np.arange(len(logits))
    columns = np.asarray(columns)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[rows, columns].mean())

    return float(np.exp(minimize_scalar(loss, bounds=LIMITS, method="bounded").x))


def fit_rescale(
    probabilities: npt.ArrayLike, columns: npt.ArrayLike, calibration: Mapping[str, Any]
) -> dict[str, Any]:
    """Fit the temperature of a saved network anew, to be applied to what it puts out.

    Parameters
    ----------
    probabilities : array of shape (n, k)
        What it answers now, calibrated.
    columns : array of shape (n,)
        Number of each true label.
    calibration : dict
        What it has been calibrated by.

    Returns
    -------
    dict
        The calibration, with ``rescale`` besides the ``temperature`` that is built in.
    """
    # The power gives the answers back that were there before an earlier temperature; that their
    # sum is not 1 does not matter.
    built_in, earlier = calibration.get("temperature", 1.0), calibration.get("rescale", 1.0)
    before = np.asarray(probabilities, dtype=float) ** (built_in * earlier)
    return {**calibration, "rescale": fit_temperature(before, columns) / built_in}


def corrupted_copies(
    X: Any, image_size: int, share: float, seed: int = 0
) -> tuple[Pixels, npt.NDArray[np.intp]]:
    """Give copies of a share of pictures as bad cameras would have them.

    Parameters
    ----------
    X : sequence of n pictures
        As in `agr.core.images.read_image`.
    image_size : int
        Side of the copies.
    share : float
        From 0 to 1.
    seed : int, default=0
        Of the choice, and of what is done to each.

    Returns
    -------
    copies : array of shape (m, image_size, image_size, 3)
        uint8 RGB.
    rows : array of shape (m,)
        Which pictures they are of, rising.
    """
    if not 0 <= share <= 1:
        raise ParameterError(f"corrupted must be a share from 0 to 1, got {share!r}.")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(X))[: round(share * len(X))])
    copies = [corrupt(resize(read_image(X[row]), image_size), 1.0, rng) for row in rows]
    return np.array(copies, np.uint8).reshape(-1, image_size, image_size, 3), rows
