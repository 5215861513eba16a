"""One face in, age, gender and race out: three saved models side by side."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np

from agr.core.engine import OnnxEngine
from agr.core.images import Pixels, read_image, resize
from agr.errors import ImageError, ParameterError, choice
from agr.tasks import TASKS

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Prediction:
    """What was read from one face; a task that was left out is None.

    Attributes
    ----------
    age : float or None
        Years.
    age_interval : tuple of float or None
        Low and high end in years; holds the true age in 90 % of cases.
    gender, race : str or None
        Likeliest label.
    gender_probabilities, race_probabilities : dict of str to float, or None
        Calibrated, by label; they sum to 1.
    error : str or None
        Why the picture could not be read; then everything else is None.
    """

    age: float | None = None
    age_interval: tuple[float, float] | None = None
    gender: str | None = None
    gender_probabilities: dict[str, float] | None = None
    race: str | None = None
    race_probabilities: dict[str, float] | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types, ready for ``json.dumps``."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


class Predictor:
    """Reads age, gender and race from aligned face crops.

    Parameters
    ----------
    tasks : sequence of {"age", "gender", "race"}, optional
        What to read; default: all three.
    age, gender, race : path, optional
        A folder that an estimator saved; default: the model that comes with agr.
    threads : int, optional
        Threads per batch; default: one per core.

    Raises
    ------
    ParameterError
        An unknown task, or none.
    ArtifactError
        A saved model is damaged, too new, or for another task.

    Examples
    --------
    >>> from agr import Predictor
    >>> result = Predictor().predict("examples/astronaut.jpg")
    >>> result.gender
    'female'
    """

    def __init__(
        self,
        tasks: Sequence[str] | None = None,
        *,
        age: Folder | None = None,
        gender: Folder | None = None,
        race: Folder | None = None,
        threads: int | None = None,
    ) -> None:
        given = {"age": age, "gender": gender, "race": race}
        self.tasks = tuple(TASKS) if tasks is None else _check_tasks(tasks)
        self._engines: dict[str, OnnxEngine] = {}
        self._answers: dict[str, Callable[..., list[dict[str, Any]]]] = {}
        for task in self.tasks:
            folder = given[task] or Path(__file__).parent / task / "pretrained"
            self._engines[task] = OnnxEngine(folder, task, threads=threads)
            self._answers[task] = import_module(f"agr.{task}.answer").answer
        self._sizes = sorted({engine.image_size for engine in self._engines.values()})

    @overload
    def predict(
        self, image: list[Any] | tuple[Any, ...], *, batch_size: int = ...
    ) -> list[Prediction]: ...

    @overload
    def predict(self, image: Any, *, batch_size: int = ...) -> Prediction: ...

    def predict(self, image: Any, *, batch_size: int = 32) -> Prediction | list[Prediction]:
        """Read one face, or a list of faces.

        Parameters
        ----------
        image : path, bytes, binary file object, PIL image or uint8 RGB array, or list of these
            Aligned face crops; the whole picture is looked at.
        batch_size : int, default=32
            Pictures of a list that are read together.

        Returns
        -------
        Prediction, or list of Prediction
            One for each picture, in the same order. In a list, a picture that cannot be read
            gives a prediction with ``error``, and the others go on.

        Raises
        ------
        ImageError
            The one picture cannot be read.
        """
        if isinstance(image, list | tuple):
            return list(self.stream(image, batch_size=batch_size))
        return self._answer([read_image(image)])[0]

    def stream(self, images: Iterable[Any], *, batch_size: int = 32) -> Iterator[Prediction]:
        """Read any number of faces, one batch in memory at a time.

        Parameters
        ----------
        images : iterable
            As in `predict`.
        batch_size : int, default=32
            Pictures that are read together.

        Yields
        ------
        Prediction
            One for each picture, in the same order.
        """
        with ThreadPoolExecutor() as pool:
            rest = iter(images)
            while batch := list(islice(rest, batch_size)):
                read = list(pool.map(self._read, batch))
                good = [item for item in read if not isinstance(item, str)]
                answers = iter(self._answer_sizes(good))
                for item in read:
                    yield Prediction(error=item) if isinstance(item, str) else next(answers)

    def _read(self, image: Any) -> dict[int, Pixels] | str:
        try:
            return self._resize(read_image(image))
        except ImageError as error:
            return str(error)

    def _resize(self, image: Pixels) -> dict[int, Pixels]:
        return {size: resize(image, size) for size in self._sizes}

    def _answer(self, images: list[Pixels]) -> list[Prediction]:
        return self._answer_sizes([self._resize(image) for image in images])

    def _answer_sizes(self, images: list[dict[int, Pixels]]) -> list[Prediction]:
        if not images:
            return []
        batches = {size: np.stack([image[size] for image in images]) for size in self._sizes}
        fields: list[dict[str, Any]] = [{} for _ in images]
        for task, engine in self._engines.items():
            outputs = engine(batches[engine.image_size])
            answers = self._answers[task](outputs, engine.manifest)
            for field, found in zip(fields, answers, strict=True):
                field.update(found)
        return [Prediction(**field) for field in fields]


def _check_tasks(tasks: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tasks, str):
        tasks = (tasks,)
    for task in tasks:
        if task not in TASKS:
            raise ParameterError(choice("each of tasks", task, TASKS))
    if not tasks:
        raise ParameterError(f"tasks is empty; choose from {', '.join(TASKS)}.")
    return tuple(dict.fromkeys(tasks))
