"""How far true ages lie from the network's answers, learned from pictures kept apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.age.answer import spreads, years
from agr.age.labels import AGE_RANGE

ENOUGH = 100  # pictures; from fewer, neither a stretch nor a power is fitted
LEAST_GROUP = 60  # pictures of a range of ages that has errors of its own
DECADE = 10
KNOTS = 199  # errors that are kept of a range; every half percent of them
STRETCHES = np.arange(1, 1.151, 0.01)

Floats = npt.NDArray[np.float64]


def fit_ages(
    outputs: npt.ArrayLike, y: npt.ArrayLike, meaning: Mapping[str, Any], n_clean: int | None = None
) -> dict[str, Any]:
    """Find how far true ages lie from answers, for each range of answers.

    A normalised Mondrian conformal predictive system: the errors of each decade of answers, in
    units of a power of the spread of the network's distribution. The power is fitted too, since a
    spread that grows twofold, as on a bad picture, may stand for errors that grow more. Decades
    with few pictures join their neighbours.

    Parameters
    ----------
    outputs : array of shape (n, k)
        What the network put out.
    y : array of shape (n,)
        True ages in years.
    meaning : dict
        As in `agr.age.answer.years`.
    n_clean : int, optional
        So many pictures are as they were given, and those after them corrupted copies; default:
        all. Copies do not count for the stretch, since of a bad picture an answer near the middle
        is the best.

    Returns
    -------
    dict
        ``errors`` of each range, of which the k-th of m is exceeded with the chance
        1 - k / (m + 1); where the ranges begin, in ``ages``; ``power``, ``middle`` and ``stretch``.
    """
    outputs, truth = np.asarray(outputs, dtype=float), np.asarray(y, dtype=float)
    ages = years(outputs, meaning)
    calibration = fit_stretch(truth[:n_clean], ages[:n_clean])
    ages = years(outputs, meaning, calibration)
    errors, spread = truth - ages, spreads(outputs, meaning)
    power = fit_power(errors, spread)
    borders = find_borders(ages)
    groups = np.searchsorted(borders, ages, side="right")
    units = errors / spread**power
    return {
        **calibration,
        "power": power,
        "ages": borders,
        "errors": [knots_of(units[groups == k]) for k in range(len(borders) + 1)],
    }


def fit_stretch(y: Floats, ages: Floats) -> dict[str, float]:
    """Find the largest stretch about the median that leaves the mean error no larger.

    Networks answer too close to the middle: it is the safest guess. The mean absolute error is
    nearly flat there, so the pull can be lessened at no cost.
    """
    if len(y) < ENOUGH:
        return {}
    middle = float(np.median(ages))
    mae = [
        np.abs(np.clip(middle + factor * (ages - middle), *AGE_RANGE) - y).mean()
        for factor in STRETCHES
    ]
    best = np.flatnonzero(np.asarray(mae) <= mae[0]).max()
    return {"middle": middle, "stretch": round(float(STRETCHES[best]), 2)}


def fit_power(errors: Floats, spread: Floats) -> float:
    """Find the power of the spread that errors grow with, by a line through the logarithms."""
    logs = np.log(spread)
    if len(errors) < ENOUGH or np.ptp(logs) < 1e-3:
        return 1.0
    # Half a year, since the logarithm of an error of 0 is no number.
    slope = np.polyfit(logs, np.log(np.abs(errors) + 0.5), 1)[0]
    return round(float(np.clip(slope, 0, 2)), 3)


def find_borders(ages: Floats) -> list[float]:
    """Find where ranges of ages begin: decades, of which small ones join the smaller neighbour."""
    borders = list(range(DECADE, AGE_RANGE[1], DECADE))
    while borders:
        counts = np.bincount(
            np.searchsorted(borders, ages, side="right"), minlength=len(borders) + 1
        )
        smallest = int(counts.argmin())
        if counts[smallest] >= LEAST_GROUP:
            break
        below = counts[smallest - 1] if smallest else np.inf
        above = counts[smallest + 1] if smallest < len(borders) else np.inf
        del borders[smallest - 1 if below <= above else smallest]
    return [float(border) for border in borders]


def knots_of(units: Floats) -> list[float]:
    """Give errors at even shares of their number; up to `KNOTS`, they are the errors themselves."""
    ordered = np.sort(units)
    n = len(ordered)
    kept = min(n, KNOTS)
    shares = np.arange(1, kept + 1) / (kept + 1)
    found = np.interp(shares, np.arange(1, n + 1) / (n + 1), ordered)
    return [round(float(error), 4) for error in found]
