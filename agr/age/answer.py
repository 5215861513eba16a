"""From the age network's output to a result's fields; numpy only.

The network gives each picture a distribution over years. Calibration says how far true ages lie
from the answers, in units of that distribution's spread, for each range of answers: a conformal
predictive system (Vovk et al., COPA 2017), normalised and Mondrian. The interval of any coverage
and the chance of any age follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from agr.age.labels import AGE_RANGE
from agr.core.answers import Asked
from agr.core.intervals import cumulative, distribution_interval
from agr.errors import ArtifactError, ParameterError

COVERAGE = 0.9  # the only one that models know which were calibrated by a margin
# A label of k whole years is a point, its bin of one year lies half a year to either side.
HALF_BIN = 0.5
LEAST_SPREAD = 1.0  # years; a network that is surer than that is not believed
# Shares of what an interval leaves out that may lie below it; of equally short ones the first.
TAILS = np.array([0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8])

Floats = npt.NDArray[np.float64]
Outputs = npt.NDArray[np.floating[Any]]
Facts = Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class AgeDistribution:
    """Where an age lies: below ``years[k]`` with the chance ``shares[k]``; both rise."""

    years: npt.NDArray[np.floating]
    shares: npt.NDArray[np.floating]

    def below(self, years: float) -> float:
        """Give the chance that the age is less."""
        return float(np.interp(years, self.years, self.shares))


def years(outputs: Outputs, meaning: Facts, calibration: Facts | None = None) -> Floats:
    """Give the age of which older and younger are as likely.

    Of all guesses the median of the distribution errs by the fewest years. Bins wider than a year
    do not tell where in them it lies; there it is the mean, each bin at its pictures' mean age.

    Parameters
    ----------
    outputs : array of shape (n, n_bins), or (n, 1)
        Probability of each bin, or years.
    meaning : dict
        ``head``, ``edges`` and ``centers`` of the saved model.
    calibration : dict, optional
        Where it has a ``stretch``, ages are moved away from ``middle`` by it, since networks answer
        too close to the middle.

    Returns
    -------
    array of shape (n,)
        Years.
    """
    values = np.asarray(outputs, dtype=float)
    if meaning["head"] == "regression":
        found = values[:, 0]
    elif (np.diff(edges := np.asarray(meaning["edges"], dtype=float)) == 1).all():
        found = distribution_interval(values, edges - HALF_BIN, 0.0)[:, 0]
    else:
        found = values @ np.asarray(meaning["centers"])
    if calibration and "stretch" in calibration:
        found = calibration["middle"] + calibration["stretch"] * (found - calibration["middle"])
    return np.asarray(np.clip(found, *AGE_RANGE))


def spreads(outputs: Outputs, meaning: Facts) -> Floats:
    """Give the standard deviation of each distribution, in years; 1 of a number without one."""
    if meaning["head"] == "regression":
        return np.ones(len(outputs))
    values, centers = np.asarray(outputs, dtype=float), np.asarray(meaning["centers"])
    means = values @ centers
    squares = (values * (centers - means[:, None]) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(squares + LEAST_SPREAD**2))


def intervals(
    outputs: Outputs, meaning: Facts, calibration: Facts, coverage: float = COVERAGE
) -> Floats:
    """Give the interval of each age that holds a share of the true ages.

    Parameters
    ----------
    outputs, meaning
        As in `years`.
    calibration : dict
        From `agr.age.calibration.fit_ages`, or with the ``margin`` that earlier versions
        fitted.
    coverage : float, default=0.9
        The share, between 0 and 1.

    Returns
    -------
    array of shape (n, 2)
        Low and high end in years; the age itself always lies inside.

    Raises
    ------
    ParameterError
        The calibration knows another coverage only.
    """
    ages = years(outputs, meaning, calibration)
    if "errors" in calibration:
        ends = _ends(_Known(calibration), coverage)[_groups(ages, calibration)]
        low, high = (ages[:, None] + _units(outputs, meaning, calibration) * ends).T
    else:
        if coverage != COVERAGE:
            raise ParameterError(
                f"The age model was calibrated for a coverage of {COVERAGE} only, got {coverage}. "
                "'agr calibrate' fits it for any."
            )
        low, high = raw_intervals(outputs, meaning).T
        low, high = low - calibration["margin"], high + calibration["margin"]
    ends = np.stack([np.minimum(low, ages), np.maximum(high, ages)], axis=1)
    return np.asarray(np.clip(ends, *AGE_RANGE))


def raw_intervals(outputs: Outputs, meaning: Facts) -> Floats:
    """Give the 90 % interval as the network has it; a number's has no width."""
    if meaning["head"] == "regression":
        return np.repeat(years(outputs, meaning)[:, None], 2, axis=1)
    edges = np.asarray(meaning["edges"], dtype=float) - HALF_BIN
    return distribution_interval(outputs, edges, COVERAGE)


def distributions(
    outputs: Outputs, meaning: Facts, calibration: Facts
) -> list[AgeDistribution | None]:
    """Give the distribution of each picture's age.

    Parameters
    ----------
    outputs, meaning, calibration
        As in `intervals`.

    Returns
    -------
    list of AgeDistribution or None
        Calibrated, where the calibration is more than a margin; else what the network says, and
        None of a number.
    """
    first, last = AGE_RANGE[0] - HALF_BIN, AGE_RANGE[1] + HALF_BIN
    if "errors" in calibration:
        errors, shares = _errors(_Known(calibration))
        ages = years(outputs, meaning, calibration)
        units = _units(outputs, meaning, calibration)[:, 0]
        found: list[AgeDistribution | None] = []
        for age, unit, k in zip(ages, units, _groups(ages, calibration), strict=True):
            values = (age + unit * errors[k]).clip(first, last).astype(np.float32)
            found.append(AgeDistribution(values, shares[k]))
        return found
    if meaning["head"] == "regression":
        return [None] * len(outputs)
    edges = np.asarray(meaning["edges"], dtype=float) - HALF_BIN
    return [AgeDistribution(edges, row) for row in cumulative(outputs)]


def answer(outputs: Outputs, manifest: dict[str, Any], asked: Asked) -> list[dict[str, Any]]:
    """Give ``age``, ``age_interval`` and ``age_distribution`` of each picture.

    Parameters
    ----------
    outputs : array of shape (n, k)
        What the network put out.
    manifest : dict
        The saved model's ``agr.json``.
    asked : Asked
        Coverage of the intervals, and how wide one may be before the age is withheld.

    Returns
    -------
    list of dict
        Fields of each result, or why the age is ``withheld``.

    Raises
    ------
    ArtifactError
        The model is none for age, or says what cannot be.
    ParameterError
        The model was calibrated for another coverage only.
    """
    meaning, calibration = manifest["meaning"], manifest["calibration"]
    if "head" not in meaning:
        raise ArtifactError(f"A model for age says its head and bins; got {meaning}.")
    _checked(_Known(calibration))
    ages = years(outputs, meaning, calibration)
    ends = intervals(outputs, meaning, calibration, asked.coverage)
    fields = []
    for age, (low, high), shape in zip(
        ages, ends, distributions(outputs, meaning, calibration), strict=True
    ):
        said: dict[str, Any] = {"age": float(age)}
        if asked.max_interval is not None and high - low > asked.max_interval:
            wide = f"the interval spans {high - low:.0f} years, more than {asked.max_interval:g}"
            said = {"withheld": {"age": wide}}
        fields.append(
            {**said, "age_interval": (float(low), float(high)), "age_distribution": shape}
        )
    return fields


class _Known:
    """A calibration as the key of a cache: the same only as itself, for no answer changes one."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def __hash__(self) -> int:
        return id(self.facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self.facts is other.facts


@lru_cache(maxsize=16)
def _checked(known: _Known) -> None:
    check_calibration(known.facts)


@lru_cache(maxsize=16)
def _ends(known: _Known, coverage: float) -> Floats:
    """Give the interval of the errors of each range of ages."""
    return np.array([_shortest(np.asarray(row), coverage) for row in known.facts["errors"]])


@lru_cache(maxsize=16)
def _errors(known: _Known) -> tuple[list[Floats], list[Floats]]:
    """Give the errors of each range of ages, with endless ones about them, and their shares."""
    rows = [np.array([-np.inf, *row, np.inf]) for row in known.facts["errors"]]
    return rows, [np.linspace(0, 1, len(row)) for row in rows]


def _units(outputs: Outputs, meaning: Facts, calibration: Facts) -> Floats:
    """Give the unit of each picture's errors, in years, as a column."""
    return np.asarray(spreads(outputs, meaning)[:, None] ** calibration["power"])


def _groups(ages: Floats, calibration: Facts) -> npt.NDArray[np.intp]:
    return np.searchsorted(calibration["ages"], ages, side="right")


def _shortest(errors: Floats, coverage: float) -> Floats:
    """Give the ends of the shortest interval of errors; infinite where too few are known."""
    low = TAILS * (1 - coverage)
    levels = np.arange(1, len(errors) + 1) / (len(errors) + 1)
    ends = np.array(
        [
            np.interp(low, levels, errors, left=-np.inf),
            np.interp(low + coverage, levels, errors, right=np.inf),
        ]
    )
    finite = np.isfinite(ends).all(axis=0)
    if not finite.any():  # too few to tell both ends; errors of either sign go further
        rank = int(np.ceil((len(errors) + 1) * coverage))
        end = np.sort(np.abs(errors))[rank - 1] if rank <= len(errors) else np.inf
        return np.array([-end, end])
    widths = np.where(finite, ends[1] - ends[0], np.inf)
    return np.asarray(ends[:, widths.round(6).argmin()])


def check_calibration(calibration: Facts) -> None:
    """Refuse a calibration that answers cannot be made with."""
    if "margin" in calibration and "errors" not in calibration:
        return
    ages, errors = calibration.get("ages"), calibration.get("errors")
    good = (
        _rise(ages)
        and isinstance(errors, list)
        and len(errors) == len(ages) + 1
        and all(_rise(row) and row for row in errors)
        and 0 <= calibration.get("power", -1) <= 4
        and 0 < calibration.get("stretch", 1) <= 4
        and ("middle" in calibration or "stretch" not in calibration)
    )
    if not good:
        raise ArtifactError(
            "A model for age has in calibration rising errors for each range of ages and their "
            f"power, or a margin; got {dict(calibration)!r:.100}. Run 'agr calibrate'."
        )


def _rise(values: Any) -> TypeGuard[list[float]]:
    """Tell whether these are finite numbers in order, as nothing said so of the lists yet."""
    return (
        isinstance(values, list)
        and all(type(v) in (int, float) and abs(v) <= 1e9 for v in values)
        and values == sorted(values)
    )
