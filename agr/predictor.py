"""Faces in, age, gender and race out: three saved models side by side, and a face detector."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np

from agr.core.answers import Answer, Asked
from agr.core.images import Pixels, read_image, read_photo, resize
from agr.engines.engine import Engine, resolve
from agr.errors import (
    ArtifactError,
    FaceNotFoundError,
    ImageError,
    MissingExtraError,
    ParameterError,
    choice,
)
from agr.photo import quality
from agr.prediction import Face, Prediction
from agr.tasks import TASKS

if TYPE_CHECKING:  # a prediction of crops loads no detector
    from agr.photo.detectors import Detection, Detector

Folder = str | os.PathLike[str]
MODES = ("detect", "crop")
T = TypeVar("T")
R = TypeVar("R")


class _Crop(NamedTuple):
    """An aligned face at the sides that the networks take, and what its picture is like."""

    sizes: dict[int, Pixels]
    quality: dict[str, float]
    score: float | None = None  # of the detector


class Predictor:
    """Reads age, gender and race from photos and from aligned face crops.

    Parameters
    ----------
    tasks : sequence of {"age", "gender", "race"}, optional
        What to read; default: all three.
    age, gender, race : path, optional
        A folder that an estimator saved; default: the model that comes with agr.
    faces : {"detect", "crop"}, default="detect"
        Whether `predict` finds the faces first and answers for the largest, or takes each picture
        for one aligned face that fills it, as UTKFace has them.
    detector : {"yunet", "centerface", "mtcnn"} or Detector, optional
        What finds the faces; default: ``"yunet"``, opened when the first photo comes.
        ``"mtcnn"`` needs ``pip install "agr-faces[detect]"``; see `agr.photo.detectors`.
    engine : {"auto", "onnxruntime", "openvino", "keras"}, default="auto"
        What computes the three networks. ``"auto"`` is OpenVINO where it is installed
        (``pip install "agr-faces[openvino]"``) and the device is the CPU, else ONNX Runtime. The
        detectors run on ONNX Runtime, the saved ``model.keras`` on Keras.
    device : str, default="cpu"
        Where, in the engine's own words: ONNX Runtime's execution providers (``"cuda"``,
        ``"coreml"``, ``"cuda:1"``), OpenVINO's devices (``"gpu"``, ``"npu"``), or Keras's.
    threads : int, optional
        Cores to use; default: all that the process may. Networks and parts of a batch are spread
        over them, with one core each.
    coverage : float, default=0.9
        Share of the true ages that ``age_interval`` shall hold, between 0 and 1.
    min_confidence : float, or mapping of str to float, optional
        Least probability of a label, for all tasks with labels or by task. A less likely label is
        None, with the reason in ``withheld``; its probabilities stay. Default: what ``agr
        calibrate`` saved with a model, else none.
    max_interval : float, optional
        Years that ``age_interval`` may span. Where it spans more, ``age`` is None, with the reason
        in ``withheld``; the interval stays.
    refuse : bool, default=False
        Whether nothing is answered where the picture of a face is not ``readable``.

    Attributes
    ----------
    engine : str
        What ``"auto"`` chose.
    faces : str
        What `predict` takes pictures for.
    threads : int
        Cores that are used.

    Raises
    ------
    ParameterError
        An unknown task, detector, engine, device or way of ``faces``, no task, fewer threads than
        one, or a coverage or confidence that cannot be.
    ArtifactError
        A saved model is damaged, too new, or for another task.
    MissingExtraError
        The package of the detector or the engine is not installed.

    Notes
    -----
    A predictor can be pickled and copied; the copy opens the same models anew.

    Examples
    --------
    >>> from agr import Predictor
    >>> result = Predictor().predict("examples/portrait.jpg")
    >>> result.gender
    'female'
    >>> [face.gender for face in Predictor().predict_photo("examples/portrait.jpg")]
    ['female']
    """

    def __init__(
        self,
        tasks: Sequence[str] | None = None,
        *,
        age: Folder | None = None,
        gender: Folder | None = None,
        race: Folder | None = None,
        faces: str = "detect",
        detector: "str | Detector | None" = None,
        engine: str = "auto",
        device: str = "cpu",
        threads: int | None = None,
        coverage: float = 0.9,
        min_confidence: float | Mapping[str, float] | None = None,
        max_interval: float | None = None,
        refuse: bool = False,
    ) -> None:
        given = {"age": age, "gender": gender, "race": race}
        # An absolute path means the same where a pickle of this is opened.
        folders = {task: Path(path).absolute() for task, path in given.items() if path is not None}
        self._made_with: dict[str, Any] = {
            "tasks": tasks,
            **folders,
            "faces": faces,
            "detector": detector,
            "engine": engine,
            "device": device,
            "threads": threads,
            "coverage": coverage,
            "min_confidence": min_confidence,
            "max_interval": max_interval,
            "refuse": refuse,
        }
        self.faces = faces
        self._asked = _check_asked(coverage, min_confidence, max_interval)
        self._refuse = refuse
        self._mode(None)
        self.tasks = tuple(TASKS) if tasks is None else _check_tasks(tasks)
        self.engine, self._device = resolve(engine, device), device
        self.threads = _check_threads(threads)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="agr")
        self._engines: dict[str, Engine] = {}
        self._answers: dict[str, Answer] = {}
        for task in self.tasks:
            folder = folders.get(task, TASKS[task].pretrained)
            opened = self._engines[task] = Engine(
                folder, task, engine=self.engine, device=device, calls=self.threads
            )
            words, said = TASKS[task].load_labels(), opened.manifest["meaning"].get("labels")
            if words and said != list(words):
                raise ArtifactError(
                    f"A model for {task} has the labels {', '.join(words)}; got {said}."
                )
            self._answers[task] = TASKS[task].load_answer()
            self._answers[task](opened.trial, opened.manifest, self._asked)
        self._sizes = sorted({engine.image_size for engine in self._engines.values()})
        self._detector: Detector | None = None
        self._detector_lock = Lock()
        if isinstance(detector, str):
            self._open_detector(detector)
        else:
            self._detector = detector

    def __repr__(self) -> str:
        tasks = ", ".join(self.tasks)
        return f"<Predictor: {tasks}; {self.engine} on {self._device}, {self.threads} threads>"

    @property
    def settings(self) -> dict[str, Any]:
        """What the answers depend on, as plain JSON; a model is named by its digest."""
        detector = self._made_with["detector"]
        name = detector if isinstance(detector, str | None) else type(detector).__qualname__
        return {
            "models": {task: one.manifest["sha256"] for task, one in self._engines.items()},
            "faces": self.faces,
            "detector": name,
            "engine": self.engine,
            "device": self._device,
            **asdict(self._asked),
            "refuse": self._refuse,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep what it was made with; the copy opens its models anew."""
        return partial(type(self), **self._made_with), ()

    @overload
    def predict(
        self, image: str | bytes | os.PathLike[str], *, faces: str | None = ...
    ) -> Face: ...

    @overload
    def predict(
        self,
        image: list[Any] | tuple[Any, ...],
        *,
        faces: str | None = ...,
        batch_size: int = ...,
    ) -> list[Face]: ...

    @overload
    def predict(self, image: Any, *, faces: str | None = ..., batch_size: int = ...) -> Any: ...

    def predict(
        self, image: Any, *, faces: str | None = None, batch_size: int = 32
    ) -> Face | list[Face]:
        """Read the largest face of one picture, or of each of many.

        Parameters
        ----------
        image : picture, or many of them
            One is a path, bytes, a binary file object, a PIL image or a uint8 RGB array of shape
            (h, w, 3). Many are a list, tuple, generator or other iterable of these, an array or
            Series of paths, or a uint8 array of shape (n, h, w, 3).
        faces : {"detect", "crop"}, optional
            As in the constructor, for this call.
        batch_size : int, default=32
            Face crops that are read together.

        Returns
        -------
        Face, or list of Face
            Of many one each, in the same order; a picture that cannot be read, or shows no face,
            has the reason in ``error``, and the rest are still processed.

        Raises
        ------
        FaceNotFoundError
            The one picture shows no face that can be found; `predict_photo` gives an empty list.
        ImageError
            The one picture cannot be read.
        """
        many = _many(image)
        if many is not None:
            return list(self.stream(many, faces=faces, batch_size=batch_size))
        if self._mode(faces) == "crop":
            (answer,) = self._answer_crops([self._whole(read_image(image))])
            return _as_face(answer)
        return self._largest(image, self.threads)

    def stream(
        self, images: Iterable[Any], *, faces: str | None = None, batch_size: int = 32
    ) -> Iterator[Face]:
        """Read any number of pictures with constant memory; the next are decoded meanwhile.

        Parameters
        ----------
        images : iterable
            As in `predict`.
        faces : {"detect", "crop"}, optional
            As in the constructor, for this call.
        batch_size : int, default=32
            Face crops that are read together; two batches are in memory at most.

        Yields
        ------
        Face
            One for each picture, in the same order.
        """
        if batch_size < 1:
            raise ParameterError(f"batch_size must be at least 1, got {batch_size!r}.")
        if self._mode(faces) == "detect":
            yield from self._ahead(images, lambda photo: self._largest(photo, 1), _failed)
            return
        rest = iter(images)

        def start() -> "list[Future[_Crop | str]]":
            return [self._pool.submit(self._read, one) for one in islice(rest, batch_size)]

        ahead = start()
        while ahead:
            batch, ahead = ahead, start()
            read = [future.result() for future in batch]
            answers = iter(self._answer_crops([item for item in read if not isinstance(item, str)]))
            for item in read:
                yield _failed(item) if isinstance(item, str) else _as_face(next(answers))

    async def apredict(self, image: Any, *, faces: str | None = None) -> Any:
        """Read as `predict` does, while the event loop goes on.

        Each picture takes one core; as many are read at once as there are ``threads``, for all
        callers together. When the call is cancelled, pictures that wait are dropped; those that are
        being read are finished, a fraction of a second each, and their answers dropped.

        Parameters
        ----------
        image : picture, or many of them
            As in `predict`.
        faces : {"detect", "crop"}, optional
            As in the constructor, for this call.

        Returns
        -------
        Face, or list of Face
            As `predict` gives.

        Raises
        ------
        FaceNotFoundError
            The one picture shows no face that can be found.
        ImageError
            The one picture cannot be read.

        Examples
        --------
        >>> import asyncio
        >>> asyncio.run(Predictor().apredict("examples/portrait.jpg")).gender
        'female'
        """
        import asyncio

        mode, many = self._mode(faces), _many(image)

        def read(one: Any) -> Face:
            if mode == "detect":
                return self._largest(one, 1)
            (answer,) = self._answer_crops([self._whole(read_image(one))], 1)
            return _as_face(answer)

        def attempt(one: Any) -> Face:
            try:
                return read(one)
            except (ImageError, MissingExtraError) as error:
                return _failed(str(error))

        if many is None:
            return await asyncio.wrap_future(self._pool.submit(read, image))
        pictures = list(many)
        return await asyncio.gather(
            *(asyncio.wrap_future(self._pool.submit(attempt, one)) for one in pictures)
        )

    @overload
    def predict_photo(self, photo: str | bytes | os.PathLike[str]) -> list[Face]: ...

    @overload
    def predict_photo(self, photo: list[Any] | tuple[Any, ...]) -> list[list[Face]]: ...

    @overload
    def predict_photo(self, photo: Any) -> Any: ...

    def predict_photo(self, photo: Any) -> list[Face] | list[list[Face]]:
        """Find the faces of one photo, or of each of many, and read each face.

        Parameters
        ----------
        photo : photo, or many of them
            As in `predict`. Up to 178 million pixels of a JPEG, some 50 million of a PNG and 20
            million of other kinds; what is larger than 4096 pixels in width or height is shrunk
            while it is decoded.

        Returns
        -------
        list of Face, or list of such lists
            Largest first; empty when no face was found. Of many photos one list each, as from
            `stream_photos`. A face is found when it spans 16 pixels or
            more of the photo as the detector looks at it, which is at most 640 pixels wide or high.
            One that cannot be aligned has the reason in ``error``.

        Raises
        ------
        ImageError
            The one photo cannot be read.
        """
        many = _many(photo)
        if many is not None:
            return list(self.stream_photos(many))
        return self._read_faces(photo, self.threads)

    def stream_photos(self, photos: Iterable[Any]) -> Iterator[list[Face]]:
        """Read any number of photos, on each core another.

        Parameters
        ----------
        photos : iterable
            As in `predict_photo`.

        Yields
        ------
        list of Face
            One list for each photo, in the same order; see `predict_photo`. For a photo that cannot
            be read it holds one face with ``error``, and the rest are still processed.
        """
        return self._ahead(
            photos, lambda photo: self._read_faces(photo, 1), lambda error: [_failed(error)]
        )

    def _ahead(
        self, photos: Iterable[Any], work: Callable[[Any], R], failed: Callable[[str], R]
    ) -> Iterator[R]:
        """Do some work on every photo, on each core another, in their order."""

        def attempt(photo: Any) -> R:
            try:
                return work(photo)
            except (ImageError, MissingExtraError) as error:
                return failed(str(error))

        rest = iter(photos)

        def start(n: int) -> "list[Future[R]]":
            return [self._pool.submit(attempt, photo) for photo in islice(rest, n)]

        ahead = deque(start(self.threads + 1))
        while ahead:
            answer = ahead.popleft().result()
            ahead.extend(start(1))
            yield answer

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
        detector = self._open_detector()
        own = self._made_with["detector"] is detector
        with self._detector_lock if own else nullcontext():  # it may be unfit for many threads
            return detector(photo)

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
        return self._read_found(photo, found, self.threads)

    def crop(self, photo: Pixels, found: "Detection", size: int) -> Pixels:
        """Cut out a face that `find` found, aligned as the networks want it.

        Parameters
        ----------
        photo : array of shape (h, w, 3)
            uint8, RGB.
        found : Detection
            The face.
        size : int
            Side of the crop in pixels.

        Returns
        -------
        array of shape (size, size, 3)
            uint8, RGB; `predict` reads it with ``faces="crop"``.
        """
        from agr.photo.alignment import align

        return align(photo, found.landmarks, size, self._open_detector().framing)

    def _read_found(
        self, photo: Pixels, found: "Sequence[Detection]", cores: int, scale: float = 1.0
    ) -> list[Prediction]:
        def cut(one: "Detection") -> _Crop | str:
            try:
                sizes = {size: self.crop(photo, one, size) for size in self._sizes}
                shown = sizes.get(quality.SIDE)  # which the bundled models take
                if shown is None:
                    shown = self.crop(photo, one, quality.SIDE)
            except ImageError as error:
                return str(error)
            left, top, right, bottom = one.box
            side = scale * max(right - left, bottom - top)
            return _Crop(sizes, quality.measure(shown, side, one.landmarks), one.score)

        answers: list[Prediction] = []
        for start in range(0, len(found), 32):
            crops = self._spread(cut, found[start : start + 32], cores)
            read = [crop for crop in crops if not isinstance(crop, str)]
            rest = iter(self._answer_crops(read, cores))
            answers += [Prediction(error=c) if isinstance(c, str) else next(rest) for c in crops]
        return answers

    def _read_faces(self, photo: Any, cores: int) -> list[Face]:
        pixels, scale = read_photo(photo)
        found = self.find(pixels)
        return self._faces(pixels, scale, found, len(found), cores)

    def _largest(self, photo: Any, cores: int) -> Face:
        pixels, scale = read_photo(photo)
        found = self.find(pixels)
        if not found:
            raise FaceNotFoundError(
                "No face was found. Faces are found from 16 pixels on, or a fortieth of the longer "
                "side of a large photo; give a larger or brighter picture. For a crop that one "
                "aligned face fills, use faces='crop'."
            )
        (face,) = self._faces(pixels, scale, found[:1], len(found), cores)
        if face.error is not None:
            raise ImageError(face.error)
        return face

    def _faces(
        self, pixels: Pixels, scale: float, found: "Sequence[Detection]", n_faces: int, cores: int
    ) -> list[Face]:
        answers = self._read_found(pixels, found, cores, scale)
        return [
            replace(_as_face(answer, one.score), **vars(one.scaled(scale)), n_faces=n_faces)
            for one, answer in zip(found, answers, strict=True)
        ]

    def _mode(self, faces: str | None) -> str:
        faces = self.faces if faces is None else faces
        if faces not in MODES:
            raise ParameterError(choice("faces", faces, MODES))
        return faces

    def _open_detector(self, name: str | None = None) -> "Detector":
        from agr.photo.detectors import DEFAULT, open_detector

        with self._detector_lock:  # of many threads that come at once, one opens it
            if self._detector is None:
                device = self._device if self.engine == "onnxruntime" else "cpu"
                self._detector = open_detector(name or DEFAULT, device=device)
            return self._detector

    def _read(self, image: Any) -> _Crop | str:
        try:
            return self._whole(read_image(image))
        except (ImageError, MissingExtraError) as error:
            return str(error)

    def _whole(self, image: Pixels) -> _Crop:
        """Take a picture for the crop of one face."""
        sizes = {size: resize(image, size) for size in self._sizes}
        return _Crop(sizes, quality.measure(image, min(image.shape[:2])))

    def _answer_crops(self, crops: list[_Crop], cores: int | None = None) -> list[Prediction]:
        if not crops:
            return []
        cores = cores or self.threads
        batches = {size: np.stack([crop.sizes[size] for crop in crops]) for size in self._sizes}
        n_parts = min(len(crops), cores)
        work = [
            (engine, part)
            for engine in self._engines.values()
            for part in np.array_split(batches[engine.image_size], n_parts)
        ]
        outputs = iter(self._spread(lambda one: one[0](one[1]), work, cores))
        fields: list[dict[str, Any]] = [{"withheld": {}} for _ in crops]
        for task, engine in self._engines.items():
            joined = np.concatenate(list(islice(outputs, n_parts)))
            answers = self._answers[task](joined, engine.manifest, self._asked)
            for field, found in zip(fields, answers, strict=True):
                field["withheld"].update(found.pop("withheld", {}))
                field.update(found)
        return [self._judged(crop, field) for crop, field in zip(crops, fields, strict=True)]

    def _judged(self, crop: _Crop, fields: dict[str, Any]) -> Prediction:
        """Put the quality of the picture beside the answers, or instead of them."""
        doubts = quality.doubts(crop.quality, crop.score)
        if doubts and self._refuse:
            fields = {"withheld": dict.fromkeys(self.tasks, " ".join(doubts))}
        fields["withheld"] = fields["withheld"] or None
        return Prediction(**fields, quality=crop.quality, readable=not doubts)

    def _spread(self, work: Callable[[T], R], items: Sequence[T], cores: int) -> list[R]:
        """Do some work on every item; on one core, where it is a thread of the pool that asks."""
        if cores == 1 or len(items) == 1:
            return [work(item) for item in items]
        return list(self._pool.map(work, items))


def _many(image: Any) -> Iterable[Any] | None:
    """Give many pictures as an iterable; None where the picture is one."""
    if isinstance(image, np.ndarray):
        paths = image.ndim == 1 and image.dtype.kind in "OUS"
        return image if paths or image.ndim == 4 else None
    single = isinstance(image, str | bytes | bytearray | memoryview | os.PathLike | Mapping)
    if single or hasattr(image, "read") or not hasattr(image, "__iter__"):
        return None
    found: Iterable[Any] = image
    return found


def _failed(error: str) -> Face:
    return Face(error=error)


def _as_face(answer: Prediction, score: float | None = None) -> Face:
    doubts = quality.doubts(answer.quality or {}, score)
    return Face(**vars(answer), warning=" ".join(doubts) or None)


def _check_asked(
    coverage: float, confidence: float | Mapping[str, float] | None, years: float | None
) -> Asked:
    if not 0 < coverage < 1:
        raise ParameterError(f"coverage must lie between 0 and 1, such as 0.9; got {coverage!r}.")
    with_labels = [name for name, task in TASKS.items() if task.labels is not None]
    if confidence is None:
        confidence = {}
    elif not isinstance(confidence, Mapping):
        confidence = dict.fromkeys(with_labels, confidence)
    for task, least in confidence.items():
        if task not in with_labels:
            raise ParameterError(
                choice("each task of min_confidence", task, with_labels)
                + " Where the answer is a number, max_interval bounds its interval."
            )
        if not 0 <= least <= 1:
            raise ParameterError(f"min_confidence must be from 0 to 1, got {least!r}.")
    if years is not None and years <= 0:
        raise ParameterError(f"max_interval must be a positive number of years, got {years!r}.")
    return Asked(coverage, dict(confidence), years)


def _check_threads(threads: int | None) -> int:
    if threads is None:
        # Of a container or a pinned process, fewer than the machine has.
        known = hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    if threads < 1:
        raise ParameterError(f"threads must be at least 1, got {threads!r}.")
    return threads


def _check_tasks(tasks: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tasks, str):
        tasks = (tasks,)
    for task in tasks:
        if task not in TASKS:
            raise ParameterError(choice("each of tasks", task, TASKS))
    if not tasks:
        raise ParameterError(f"tasks is empty; choose from {', '.join(TASKS)}.")
    return tuple(dict.fromkeys(tasks))
