"""Scores: numpy in, floats out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from agr.evaluation.tally import Tally

Floats = npt.NDArray[np.float64]
CS_YEARS = 5
ECE_BINS = 15


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
    return tally_ages(y_true, y_pred).scores()


def tally_ages(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    intervals: npt.ArrayLike | None = None,
    **hits: npt.ArrayLike,
) -> Tally:
    """Tally predicted ages.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Years.
    intervals : array of shape (n, 2), optional
        Low and high end of each, for ``coverage``, the share of true ages inside, and
        ``interval_years``, the mean width.
    hits : array of shape (n,) by name
        Whether each picture was a success; their shares are scores too.

    Returns
    -------
    Tally
        Scores as of `regression_metrics`, then the others.
    """
    truth, said = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    errors = said - truth
    columns = {"mae": abs(errors), "rmse": errors**2, "cs5": abs(errors) <= CS_YEARS}
    columns["bias"] = errors
    shares = ["cs5", *hits]
    if intervals is not None:
        low, high = np.asarray(intervals, dtype=float).reshape(-1, 2).T
        columns |= {"coverage": (low <= truth) & (truth <= high), "interval_years": high - low}
        shares.append("coverage")
    columns |= {name: np.asarray(values, dtype=float) for name, values in hits.items()}

    def score(sums: Floats, n: Floats) -> dict[str, Floats]:
        means = {name: sums[..., k] / n for k, name in enumerate(columns)}
        return {**means, "rmse": np.sqrt(means["rmse"])}

    return Tally(np.stack([*columns.values()], axis=-1).astype(float), score, tuple(shares))


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
        15 equal bins, Guo et al. 2017). NaN where a score is not defined: F1 and balanced accuracy
        need two labels, since of one alone they say no more than its accuracy.
    """
    return tally_labels(y_true, probabilities, labels).scores()


def tally_labels(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, labels: tuple[str, ...]
) -> Tally:
    """Tally predicted labels and their probabilities.

    Parameters
    ----------
    y_true, probabilities, labels
        As for `classification_metrics`.

    Returns
    -------
    Tally
        Scores as of `classification_metrics`.
    """
    truth = np.asarray(y_true, dtype=str)[:, None] == np.asarray(labels)
    # As float32, since networks' probabilities are no more exact than that.
    chances = np.asarray(probabilities, dtype=np.float32).reshape(-1, len(labels))
    said = chances.argmax(axis=1)[:, None] == np.arange(len(labels))
    hits = truth & said
    sure, right = chances.max(axis=1).astype(float), hits.any(axis=1)
    tiny = np.finfo(np.float32).eps  # so that a wrong answer that was sure costs a finite loss
    loss = -np.log(np.clip(chances, tiny, 1 - tiny).astype(float))[truth]
    bins = _bins(sure, ECE_BINS)[:, None] == np.arange(ECE_BINS)
    columns = [truth, said, hits, loss[:, None], bins * (sure - right)[:, None]]
    ends = np.cumsum([part.shape[1] for part in columns])

    def score(sums: Floats, n: Floats) -> dict[str, Floats]:
        true, predicted, both, lost, gaps = np.split(sums, ends[:-1], axis=-1)
        present = (true > 0) & ((true > 0).sum(axis=-1, keepdims=True) > 1)
        f1 = np.where(present, 2 * both / (true + predicted), np.nan)
        return {
            "accuracy": both.sum(axis=-1) / n,
            "balanced_accuracy": _mean(np.where(present, both / true, np.nan)),
            "macro_f1": _mean(f1),
            **{f"f1_{label}": f1[..., k] for k, label in enumerate(labels)},
            "log_loss": lost[..., 0] / n,
            "ece": abs(gaps).sum(axis=-1) / n,
        }

    return Tally(np.concatenate(columns, axis=1).astype(float), score, ("accuracy",))


def _mean(values: Floats) -> Floats:
    """Give the mean over the last axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1))


def _bins(sure: npt.NDArray[Any], n_bins: int) -> npt.NDArray[np.intp]:
    return np.minimum((sure * n_bins).astype(np.intp), n_bins - 1)


def expected_calibration_error(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, n_bins: int = ECE_BINS
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
    sums = np.bincount(_bins(sure, n_bins), weights=sure - right, minlength=n_bins)
    return float(np.abs(sums).sum() / len(sure))
