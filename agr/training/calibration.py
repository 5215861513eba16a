"""Honest probabilities and intervals, fitted on pictures that the network did not learn from."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

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


def fit_margin(y_true: npt.ArrayLike, intervals: npt.ArrayLike, coverage: float) -> float:
    """Find by how much intervals must grow, or shrink, to hold a share of the truths.

    Conformalized quantile regression (Romano, Patterson and Candes, NeurIPS 2019): new pictures of
    the same kind are covered at the stated rate, whatever the network's errors look like.
    """
    truth, ends = np.asarray(y_true, dtype=float), np.asarray(intervals, dtype=float)
    outside = np.sort(np.maximum(ends[:, 0] - truth, truth - ends[:, 1]))
    rank = int(np.ceil((len(outside) + 1) * coverage))
    return float(outside[rank - 1]) if rank <= len(outside) else float("inf")
