"""The one list of tasks."""

from pkgutil import resolve_name
from typing import Any

TASKS = {
    "age": "agr.age:AgeEstimator",
    "gender": "agr.gender:GenderEstimator",
    "race": "agr.race:RaceEstimator",
}


def estimator_class(task: str) -> Any:
    """Find the estimator of a task, for example "age" gives `AgeEstimator`."""
    return resolve_name(TASKS[task])
