"""The age task: range, bins, estimator, balancing and search space."""

from importlib import import_module
from typing import Any

from agr.age.labels import AGE_RANGE

__all__ = ["AGE_RANGE", "AgeEstimator"]


def __getattr__(name: str) -> Any:
    if name == "AgeEstimator":
        return import_module("agr.age.estimator").AgeEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
