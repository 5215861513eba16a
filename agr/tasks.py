"""The registry of tasks: where each has its estimator, answer, search space and recipes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time a task's parts are imported when they are asked for
    from agr.core.answers import Answer
    from agr.training.estimator import ImageEstimator
    from agr.training.recipes import Recipe

__all__ = ["TASKS", "Task"]


@dataclass(frozen=True)
class Task:
    """One task: its name, and its parts as "module:name" strings.

    Parameters
    ----------
    name : str
        Also the name of its field in a result and of its column in a table of faces.
    estimator : str
        Class that trains it.
    answer : str
        Function from a network's output to a result's fields.
    space : str
        Function that draws the parameters of a search.
    recipes : str
        Named trainings.
    labels : str, optional
        Words of the task; None where the answer is a number.
    """

    name: str
    estimator: str
    answer: str
    space: str
    recipes: str
    labels: str | None = None

    @property
    def pretrained(self) -> Path:
        """Folder of the model that comes with agr."""
        return Path(__file__).parent / self.name / "pretrained"

    def load_estimator(self) -> "type[ImageEstimator]":
        """Import the estimator's class."""
        from agr.errors import require

        with require("train"):
            found: type[ImageEstimator] = resolve_name(self.estimator)
        return found

    def load_answer(self) -> "Answer":
        """Import the function that turns a network's output into a result's fields."""
        found: Answer = resolve_name(self.answer)
        return found

    def load_labels(self) -> tuple[str, ...]:
        """Import the words of the task; none where the answer is a number."""
        found: tuple[str, ...] = () if self.labels is None else resolve_name(self.labels)
        return found

    def load_space(self) -> Callable[..., dict[str, Any]]:
        """Import the search space."""
        found: Callable[..., dict[str, Any]] = resolve_name(self.space)
        return found

    def load_recipes(self) -> "Mapping[str, Recipe]":
        """Import the recipes."""
        found: Mapping[str, Recipe] = resolve_name(self.recipes)
        return found


def _task(name: str, estimator: str, answer: str, *, words: bool = True) -> Task:
    room = f"agr.{name}"
    return Task(
        name,
        estimator=f"{room}.estimator:{estimator}",
        answer=answer,
        space=f"{room}.space:search_space",
        recipes=f"{room}.recipes:RECIPES",
        labels=f"{room}.labels:LABELS" if words else None,
    )


TASKS = {
    task.name: task
    for task in (
        _task("age", "AgeEstimator", "agr.age.answer:answer", words=False),
        _task("gender", "GenderEstimator", "agr.core.answers:label_answer"),
        _task("race", "RaceEstimator", "agr.core.answers:label_answer"),
    )
}
