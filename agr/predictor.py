"""Faces in, age, gender and race out: three saved models side by side, and a face detector."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from agr.core.engine import OnnxEngine
from agr.core.images import Pixels, read_image, read_photo, resize
from agr.errors import ImageError, MissingExtraError, ParameterError, choice
from agr.tasks import TASKS

if TYPE_CHECKING:  # a prediction of crops loads no detector
    from agr.detect import Detection, Detector

Folder = str | os.PathLike[str]
Point = tuple[float, float]


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


@dataclass(frozen=True)
class Face(Prediction):
    """A face that was found in a photo, and what was read from it.

    Attributes
    ----------
    box : tuple of float, or None
        Left, top, right and bottom in pixels of the upright photo (the camera's rotation is
        applied); may reach over its edge.
    score : float or None
        How sure the detector is, between 0 and 1.
    landmarks : dict of str to (x, y), or None
        Eyes, and nose and mouth corners where the detector tells them; in pixels. Left is what the
        photo shows further left of an upright face.
    """

    box: tuple[float, float, float, float] | None = None
    score: float | None = None
    landmarks: dict[str, Point] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types, ready for ``json.dumps``."""
        places = None
        if self.landmarks is not None:
            places = {name: list(point) for name, point in self.landmarks.items()}
        return {**super().to_dict(), "landmarks": places}


class Predictor:
    """Reads age, gender and race from photos and from aligned face crops.

    Parameters
    ----------
    tasks : sequence of {"age", "gender", "race"}, optional
        What to read; default: all three.
    age, gender, race : path, optional
        A folder that an estimator saved; default: the model that comes with agr.
    detector : {"centerface", "mtcnn"} or Detector, optional
        What finds the faces of `predict_photo`; default: ``"centerface"``, opened when the first
        photo comes. ``"mtcnn"`` needs ``pip install "agr[detect]"``; see `agr.detect`.
    threads : int, optional
        Threads per batch; default: one per core.

    Raises
    ------
    ParameterError
        An unknown task or detector, or no task.
    ArtifactError
        A saved model is damaged, too new, or for another task.
    MissingExtraError
        The detector's package is not installed.

    Examples
    --------
    >>> from agr import Predictor
    >>> result = Predictor().predict("examples/astronaut.jpg")
    >>> result.gender
    'female'
    >>> [face.gender for face in Predictor().predict_photo("examples/astronaut.jpg")]
    ['female']
    """

    def __init__(
        self,
        tasks: Sequence[str] | None = None,
        *,
        age: Folder | None = None,
        gender: Folder | None = None,
        race: Folder | None = None,
        detector: "str | Detector | None" = None,
        threads: int | None = None,
    ) -> None:
        given = {"age": age, "gender": gender, "race": race}
        self.tasks = tuple(TASKS) if tasks is None else _check_tasks(tasks)
        self._engines: dict[str, OnnxEngine] = {}
        self._answers: dict[str, Callable[..., list[dict[str, Any]]]] = {}
        for task in self.tasks:
            folder = given[task]  # an empty path is a mistake, and not the built-in model
            if folder is None:
                folder = Path(__file__).parent / task / "pretrained"
            engine = self._engines[task] = OnnxEngine(folder, task, threads=threads)
            self._answers[task] = import_module(f"agr.{task}.answer").answer
            self._answers[task](engine.trial, engine.manifest)
        self._sizes = sorted({engine.image_size for engine in self._engines.values()})
        self._threads = threads
        self._detector: Detector | None = None
        self._detector_lock = Lock()
        if isinstance(detector, str):
            self._open_detector(detector)
        else:
            self._detector = detector

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
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size!r}.")
        with ThreadPoolExecutor() as pool:
            rest = iter(images)
            while batch := list(islice(rest, batch_size)):
                read = list(pool.map(self._read, batch))
                good = [item for item in read if not isinstance(item, str)]
                answers = iter(self._answer_sizes(good))
                for item in read:
                    yield Prediction(error=item) if isinstance(item, str) else next(answers)

    def predict_photo(self, photo: Any) -> list[Face]:
        """Find the faces of one photo and read each.

        Parameters
        ----------
        photo : path, bytes, binary file object, PIL image or uint8 RGB array
            Up to 178 million pixels of a JPEG, some 50 million of a PNG and 20 million of other
            kinds; what is larger than 4096 pixels in width or height is shrunk while it is decoded.

        Returns
        -------
        list of Face
            Largest first; empty when no face was found. A face is found when it spans 16 pixels or
            more of the photo as the detector looks at it, which is at most 640 pixels wide or high.

        Raises
        ------
        ImageError
            The photo cannot be read.
        """
        pixels, scale = read_photo(photo)
        return self._read_faces(pixels, scale)

    def stream_photos(self, photos: Iterable[Any]) -> Iterator[list[Face]]:
        """Read any number of photos; the next ones are decoded while one is looked at.

        Parameters
        ----------
        photos : iterable
            As in `predict_photo`.

        Yields
        ------
        list of Face
            One list for each photo, in the same order; see `predict_photo`. For a photo that cannot
            be read it holds one face with ``error``, and the others go on.
        """
        with ThreadPoolExecutor(2) as pool:
            rest = iter(photos)
            ahead = deque(pool.submit(_read_photo, photo) for photo in islice(rest, 2))
            while ahead:
                read = ahead.popleft().result()
                ahead.extend(pool.submit(_read_photo, photo) for photo in islice(rest, 1))
                yield [Face(error=read)] if isinstance(read, str) else self._read_faces(*read)

    def find(self, photo: Pixels) -> "list[Detection]":
        """Find the faces of a photo without reading them.

        Parameters
        ----------
        photo : array of shape (h, w, 3)
            uint8, RGB.

        Returns
        -------
        list of Detection
            Largest first.
        """
        return self._open_detector()(photo)

    def read(self, photo: Pixels, found: "Sequence[Detection]") -> list[Prediction]:
        """Read faces that `find` found.

        Parameters
        ----------
        photo : array of shape (h, w, 3)
            uint8, RGB.
        found : sequence of Detection
            Some or all of them.

        Returns
        -------
        list of Prediction
            One for each, in the same order.
        """
        from agr.align import align

        framing = self._open_detector().framing
        answers: list[Prediction] = []
        for start in range(0, len(found), 32):
            crops = [
                {size: align(photo, one.landmarks, size, framing) for size in self._sizes}
                for one in found[start : start + 32]
            ]
            answers += self._answer_sizes(crops)
        return answers

    def _read_faces(self, photo: Pixels, scale: float) -> list[Face]:
        found = self.find(photo)
        answers = self.read(photo, found)
        return [
            Face(**vars(answer), **vars(one.scaled(scale)))
            for one, answer in zip(found, answers, strict=True)
        ]

    def _open_detector(self, name: str | None = None) -> "Detector":
        from agr.detect import DEFAULT, open_detector

        with self._detector_lock:  # of many threads that come at once, one opens it
            if self._detector is None:
                self._detector = open_detector(name or DEFAULT, threads=self._threads)
            return self._detector

    def _read(self, image: Any) -> dict[int, Pixels] | str:
        try:
            return self._resize(read_image(image))
        except (ImageError, MissingExtraError) as error:
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


def _read_photo(photo: Any) -> tuple[Pixels, float] | str:
    try:
        return read_photo(photo)
    except (ImageError, MissingExtraError) as error:
        return str(error)


def _check_tasks(tasks: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tasks, str):
        tasks = (tasks,)
    for task in tasks:
        if task not in TASKS:
            raise ParameterError(choice("each of tasks", task, TASKS))
    if not tasks:
        raise ParameterError(f"tasks is empty; choose from {', '.join(TASKS)}.")
    return tuple(dict.fromkeys(tasks))
