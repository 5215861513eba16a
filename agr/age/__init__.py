"""The age task: range, bins, answer, estimator, balancing, search space and recipes."""

from typing import TYPE_CHECKING, Any

from agr.age.labels import AGE_RANGE

if TYPE_CHECKING:
    from agr.age.estimator import AgeEstimator as AgeEstimator

__all__ = ["AGE_RANGE", "AgeEstimator"]


def __getattr__(name: str) -> Any:
    if name == "AgeEstimator":
        from agr.errors import require

        with require("train", "keras"):
            from agr.age.estimator import AgeEstimator
        return AgeEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
