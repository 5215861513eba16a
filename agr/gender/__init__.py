"""The gender task: labels, estimator, balancing, search space and recipes."""

from typing import TYPE_CHECKING, Any

from agr.gender.labels import LABELS

if TYPE_CHECKING:
    from agr.gender.estimator import GenderEstimator as GenderEstimator

__all__ = ["GenderEstimator", "LABELS"]


def __getattr__(name: str) -> Any:
    if name == "GenderEstimator":
        from agr.errors import require

        with require("train", "keras"):
            from agr.gender.estimator import GenderEstimator
        return GenderEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
