"""Estimates age, gender and race from face images with three independent models.

>>> from agr import Predictor
>>> Predictor().predict("examples/portrait.jpg").race
'white'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agr._version import __version__

if TYPE_CHECKING:  # for type checkers; at run time each name is imported on its first use
    from agr.age.estimator import AgeEstimator as AgeEstimator
    from agr.bulk.cards import show as show
    from agr.bulk.frame import to_frame as to_frame
    from agr.gender.estimator import GenderEstimator as GenderEstimator
    from agr.prediction import Face as Face
    from agr.prediction import Prediction as Prediction
    from agr.predictor import Predictor as Predictor
    from agr.race.estimator import RaceEstimator as RaceEstimator
    from agr.runs.explain import explain as explain

_HOMES = {
    "AgeEstimator": "agr.age",
    "Face": "agr.prediction",
    "GenderEstimator": "agr.gender",
    "Prediction": "agr.prediction",
    "Predictor": "agr.predictor",
    "RaceEstimator": "agr.race",
    "explain": "agr.runs.explain",
    "show": "agr.bulk.cards",
    "to_frame": "agr.bulk.frame",
}
__all__ = [
    "AgeEstimator",
    "Face",
    "GenderEstimator",
    "Prediction",
    "Predictor",
    "RaceEstimator",
    "__version__",
    "explain",
    "show",
    "to_frame",
]


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
