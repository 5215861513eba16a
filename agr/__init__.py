"""Reads a face and says age, gender and race, with three separate models.

>>> from agr import Predictor
>>> Predictor().predict("examples/astronaut.jpg").race
'white'
"""

from importlib import import_module
from typing import Any

from agr._version import __version__

_HOMES = {
    "AgeEstimator": "agr.age",
    "Face": "agr.predictor",
    "GenderEstimator": "agr.gender",
    "Prediction": "agr.predictor",
    "Predictor": "agr.predictor",
    "RaceEstimator": "agr.race",
}
__all__ = [
    "AgeEstimator",
    "Face",
    "GenderEstimator",
    "Prediction",
    "Predictor",
    "RaceEstimator",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
