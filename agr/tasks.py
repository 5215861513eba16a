"""The one list of tasks."""

from importlib import import_module
from typing import Any

TASKS = {
    "age": "agr.age:AgeEstimator",
    "gender": "agr.gender:GenderEstimator",
    "race": "agr.race:RaceEstimator",
}


def estimator_class(task: str) -> Any:
    """Find the estimator of a task, for example "age" gives `AgeEstimator`."""
    module, name = TASKS[task].split(":")
    return getattr(import_module(module), name)
