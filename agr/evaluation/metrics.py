"""Scores: numpy in, floats out."""

import math

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

Labels = npt.NDArray[np.str_]
Years = npt.NDArray[np.float64]
CS_YEARS = 5


def regression_metrics(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> dict[str, float]:
    """Score predicted ages.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Years.

    Returns
    -------
    dict of str to float
        ``mae`` and ``rmse`` in years, ``cs5`` the share of errors of at most five years, ``bias``
        the mean of prediction minus truth. NaN where there is no picture.

    Examples
    --------
    >>> regression_metrics([20, 40], [22, 32])["mae"]
    5.0
    """
    truth, said = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    errors = said - truth
    if not len(errors):
        return dict.fromkeys(("mae", "rmse", "cs5", "bias"), math.nan)
    return {
        "mae": float(sk.mean_absolute_error(truth, said)),
        "rmse": float(sk.root_mean_squared_error(truth, said)),
        "cs5": float((np.abs(errors) <= CS_YEARS).mean()),
        "bias": float(errors.mean()),
    }


def summary(values: npt.ArrayLike) -> dict[str, float]:
    """Summarize numbers.

    Parameters
    ----------
    values : array of shape (n,)
        At least one.

    Returns
    -------
    dict of str to float
        ``count``, ``mean``, ``std`` (of these numbers, not of a population they are drawn from),
        ``min``, the quartiles ``25 %``, ``50 %`` and ``75 %``, and ``max``.

    Examples
    --------
    >>> summary([1, 2, 3, 6])["mean"]
    3.0
    """
    numbers = np.asarray(values, dtype=float)
    names = ("min", "25 %", "50 %", "75 %", "max")
    quartiles = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {
        "count": len(numbers),
        "mean": float(numbers.mean()),
        "std": float(numbers.std()),
        **dict(zip(names, quartiles, strict=True)),
    }


def classification_metrics(
    y_true: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: tuple[str, ...],
) -> dict[str, float]:
    """Score predicted labels and their probabilities.

    Parameters
    ----------
    y_true : array of shape (n,)
        Labels.
    probabilities : array of shape (n, k)
        In the order of ``labels``.
    labels : tuple of str
        Vocabulary.

    Returns
    -------
    dict of str to float
        ``accuracy``; ``balanced_accuracy`` and ``macro_f1`` over the labels that occur in
        ``y_true``; ``f1_LABEL`` of each label; ``log_loss``; ``ece`` (expected calibration error,
        15 equal bins, Guo et al. 2017). NaN where a score is not defined.
    """
    truth = np.asarray(y_true, dtype=str)
    # As float32, since networks' probabilities sum to 1 only as exactly as that.
    chances = np.asarray(probabilities, dtype=np.float32).reshape(-1, len(labels))
    names = ["accuracy", "balanced_accuracy", "macro_f1", *(f"f1_{la}" for la in labels)]
    if not len(truth):
        return dict.fromkeys([*names, "log_loss", "ece"], math.nan)
    order = np.asarray(labels)
    predicted = order[chances.argmax(axis=1)]
    present = [la for la in labels if (truth == la).any()]
    f1 = sk.f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    by_label = {la: float(v) for la, v in zip(labels, f1, strict=True)}
    recall = sk.recall_score(truth, predicted, labels=present, average=None, zero_division=0)
    return {
        "accuracy": float((predicted == truth).mean()),
        "balanced_accuracy": float(np.mean(recall)),
        "macro_f1": float(np.mean([by_label[la] for la in present])),
        **{f"f1_{la}": by_label[la] if la in present else math.nan for la in labels},
        "log_loss": float(sk.log_loss(truth, chances, labels=list(labels))),
        "ece": expected_calibration_error(chances.max(axis=1), predicted == truth),
    }


def expected_calibration_error(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, n_bins: int = 15
) -> float:
    """Mean distance between stated confidence and accuracy, over equal bins of confidence.

    Parameters
    ----------
    confidence : array of shape (n,)
        Probability of the predicted label.
    correct : array of shape (n,)
        Whether it was right.
    n_bins : int, default=15
        Number of bins (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).

    Returns
    -------
    float
        0 is perfect, 1 the worst.
    """
    sure, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    sums = np.bincount(bins, weights=sure - right, minlength=n_bins)
    return float(np.abs(sums).sum() / len(sure))
