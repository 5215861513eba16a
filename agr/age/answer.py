"""From the age network's output to a result's fields; numpy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

from agr.age.labels import AGE_RANGE
from agr.core.intervals import distribution_interval
from agr.errors import ArtifactError

COVERAGE = 0.9
# A label of k whole years is a point, its bin of one year lies half a year to either side.
HALF_BIN = 0.5


def years(
    outputs: npt.NDArray[np.floating[Any]], meaning: dict[str, Any]
) -> npt.NDArray[np.float64]:
    """Give the age of which older and younger are as likely.

    Of all guesses the median of the distribution errs by the fewest years. Bins wider than a year
    do not tell where in them it lies; there it is the mean, each bin at its pictures' mean age.

    Parameters
    ----------
    outputs : array of shape (n, n_bins), or (n, 1)
        Probability of each bin, or years.
    meaning : dict
        ``head``, ``edges`` and ``centers`` of the saved model.

    Returns
    -------
    array of shape (n,)
        Years.
    """
    values = np.asarray(outputs, dtype=float)
    if meaning["head"] == "regression":
        return np.asarray(np.clip(values[:, 0], *AGE_RANGE))
    edges = np.asarray(meaning["edges"], dtype=float)
    if (np.diff(edges) == 1).all():
        return distribution_interval(values, edges - HALF_BIN, 0.0)[:, 0]
    return np.asarray(values @ np.asarray(meaning["centers"]))


def raw_intervals(
    outputs: npt.NDArray[np.floating[Any]], meaning: dict[str, Any]
) -> npt.NDArray[np.float64]:
    """Give what the network itself says of its uncertainty, before calibration.

    Parameters
    ----------
    outputs, meaning
        As in `years`.

    Returns
    -------
    array of shape (n, 2)
        Low and high end in years; a number's interval has no width.
    """
    if meaning["head"] == "regression":
        return np.repeat(years(outputs, meaning)[:, None], 2, axis=1)
    edges = np.asarray(meaning["edges"], dtype=float) - HALF_BIN
    return distribution_interval(outputs, edges, COVERAGE)


def intervals(
    outputs: npt.NDArray[np.floating[Any]], meaning: dict[str, Any], margin: float
) -> npt.NDArray[np.float64]:
    """Widen the raw intervals by the calibrated margin; the age itself always lies inside."""
    ages = years(outputs, meaning)
    low, high = raw_intervals(outputs, meaning).T
    ends = np.stack([np.minimum(low - margin, ages), np.maximum(high + margin, ages)], axis=1)
    return np.asarray(np.clip(ends, *AGE_RANGE))


def answer(
    outputs: npt.NDArray[np.floating[Any]], manifest: dict[str, Any]
) -> list[dict[str, Any]]:
    """Give ``age`` and ``age_interval`` of each picture.

    Parameters
    ----------
    outputs : array of shape (n, k)
        What the network put out.
    manifest : dict
        The saved model's ``agr.json``.

    Returns
    -------
    list of dict
        Fields of each result.

    Raises
    ------
    ArtifactError
        The model is none for age.
    """
    meaning = manifest["meaning"]
    if "head" not in meaning:
        raise ArtifactError(f"A model for age says its head and bins; got {meaning}.")
    ages = years(outputs, meaning)
    ends = intervals(outputs, meaning, manifest["calibration"]["margin"])
    return [
        {"age": float(age), "age_interval": (float(low), float(high))}
        for age, (low, high) in zip(ages, ends, strict=True)
    ]
