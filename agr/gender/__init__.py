"""The gender task: labels, estimator, balancing and search space."""

from importlib import import_module
from typing import Any

from agr.gender.labels import LABELS

__all__ = ["GenderEstimator", "LABELS"]


def __getattr__(name: str) -> Any:
    if name == "GenderEstimator":
        return import_module("agr.gender.estimator").GenderEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
