"""The race task: labels, estimator, balancing, search space and recipes."""

from typing import TYPE_CHECKING, Any

from agr.race.labels import LABELS

if TYPE_CHECKING:
    from agr.race.estimator import RaceEstimator as RaceEstimator

__all__ = ["LABELS", "RaceEstimator"]


def __getattr__(name: str) -> Any:
    if name == "RaceEstimator":
        from agr.errors import require

        with require("train", "keras"):
            from agr.race.estimator import RaceEstimator
        return RaceEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
