"""What the answers about a face are sensitive to, as the command line offers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from agr.core.images import Pixels, read_image, read_photo, resize
from agr.errors import FaceNotFoundError, ParameterError
from agr.photo.occlusion import SIDE, draw_map, sensitivity
from agr.prediction import Face, share_words
from agr.predictor import Predictor

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """How the answers about a face change when parts of it are covered.

    This is sensitivity, measured from outside: it shows where the networks look, not why they
    answer as they do, and nothing of the person.

    Attributes
    ----------
    face : Face
        The answers for the aligned crop as it is.
    crop : array of shape (side, side, 3)
        uint8, RGB: the aligned face.
    maps : dict of str to array of shape (side, side)
        By task, by how much covering a place lowers the age in years, or the probability of the
        label that was answered. Negative where it raises it.
    """

    face: Face
    crop: Pixels
    maps: dict[str, Floats]

    def __repr__(self) -> str:
        return f"<Explanation: {'; '.join(map(self.words, self.maps))}>"

    def words(self, task: str) -> str:
        """Say an answer, and the largest change of it."""
        heat = self.maps[task]
        most = -float(heat.flat[np.abs(heat).argmax()])  # what covering does
        if task == "age":
            return f"age {self.face.age:.0f}, {most:+.1f} years"
        said = share_words(getattr(self.face, task), getattr(self.face, f"{task}_probabilities"))
        return f"{said}, {100 * most:+.0f} points"

    def draw(self) -> Image.Image:
        """Draw the maps over the face, side by side.

        Returns
        -------
        PIL.Image.Image
            RGB. Red: covering the place lowers the number below the face; blue: it raises it.
        """
        parts = [draw_map(self.crop, heat, self.words(task)) for task, heat in self.maps.items()]
        whole = Image.new("RGB", (sum(p.width for p in parts), parts[0].height))
        left = 0
        for part in parts:
            whole.paste(part, (left, 0))
            left += part.width
        return whole


def explain(photo: Any, *, predictor: Predictor | None = None) -> Explanation:
    """Find what the answers about the largest face of a photo are sensitive to.

    A square is laid over the face in 169 places, and every picture is read anew. That needs no
    gradients, so it works with any engine; it takes about half a second.

    Parameters
    ----------
    photo : path, bytes, binary file object, PIL image or uint8 RGB array
        As `agr.Predictor.predict` takes it.
    predictor : Predictor, optional
        What answers, and whether the photo is a crop; default: a new `agr.Predictor`.

    Returns
    -------
    Explanation
        A map for each task that was read.

    Raises
    ------
    FaceNotFoundError
        The photo shows no face.
    ImageError
        The photo cannot be read.
    ParameterError
        The predictor withholds an answer.

    Examples
    --------
    >>> from agr import explain
    >>> sorted(explain("examples/portrait.jpg").maps)
    ['age', 'gender', 'race']
    """
    predictor = predictor or Predictor(min_confidence=0)
    crop = _crop(photo, predictor)
    face = predictor.predict(crop, faces="crop")

    def numbers(pictures: Sequence[Pixels]) -> Floats:
        answers = predictor.predict(list(pictures), faces="crop")
        return np.array([[_number(one, face, task) for task in predictor.tasks] for one in answers])

    maps = dict(zip(predictor.tasks, sensitivity(crop, numbers), strict=True))
    return Explanation(face, crop, maps)


def _crop(photo: Any, predictor: Predictor) -> Pixels:
    if predictor.faces == "crop":
        return resize(read_image(photo), SIDE)
    pixels, _ = read_photo(photo)
    found = predictor.find(pixels)
    if not found:
        raise FaceNotFoundError("No face was found, so there is nothing to explain.")
    return predictor.crop(pixels, found[0], SIDE)


def _number(answer: Face, whole: Face, task: str) -> float:
    """Give the age, or the probability of the label that the whole face got."""
    label = getattr(whole, task)
    if isinstance(label, str):
        share: float = getattr(answer, f"{task}_probabilities")[label]
        return share
    number: float | None = getattr(answer, task)
    if number is None or label is None:
        raise ParameterError(
            f"The predictor withholds an answer for {task}; explain with one without "
            "min_confidence, max_interval and refuse."
        )
    return number
