"""The race task: labels, estimator, balancing and search space."""

from importlib import import_module
from typing import Any

from agr.race.labels import LABELS

__all__ = ["LABELS", "RaceEstimator"]


def __getattr__(name: str) -> Any:
    if name == "RaceEstimator":
        return import_module("agr.race.estimator").RaceEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
