"""Detectors look at a shrunk copy; what they find is told in the photo's own pixels."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from agr.core.images import Pixels
from agr.errors import ParameterError
from agr.photo.detectors import LEAST_FACE, Detection

NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def check_max_side(max_side: int) -> None:
    """Refuse a side that no face would fit in.

    Parameters
    ----------
    max_side : int
        Pixels.

    Raises
    ------
    ParameterError
        It is below 64.
    """
    if max_side < 64:
        raise ParameterError(f"max_side must be at least 64 pixels, got {max_side!r}.")


def shrink(
    image: Pixels, max_side: int, multiple: int = 1
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Shrink a photo whose longer side exceeds ``max_side``.

    Parameters
    ----------
    image : array of shape (h, w, 3)
        uint8, RGB.
    max_side : int
        Pixels.
    multiple : int, default=1
        Both sides of the copy are multiples of this, by a slight stretch.

    Returns
    -------
    (array of shape (h', w', 3), array of shape (2,))
        The copy, and the photo's pixels per pixel of the copy in x and y.
    """
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = [max(1, math.ceil(side * scale / multiple)) * multiple for side in (width, height)]
    factors = np.array([width / size[0], height / size[1]])
    if size == [width, height]:
        return image, factors
    picture = Image.fromarray(image).resize(
        (size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    return np.asarray(picture), factors


def to_photo(
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    points: npt.NDArray[np.floating],
    factors: npt.NDArray[np.float64],
) -> list[Detection]:
    """Put what was found into the photo's pixels, leave out tiny faces, sort by area.

    Parameters
    ----------
    boxes, scores, points : arrays of shape (n, 4), (n,) and (n, 5, 2)
        In pixels of the shrunk copy; points in the order `NAMES`.
    factors : array of shape (2,)
        As `shrink` gives it.

    Returns
    -------
    list of Detection
        Largest first.
    """
    big = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) >= LEAST_FACE
    found = []
    for box, score, five in zip(boxes[big], scores[big], points[big], strict=True):
        left, top, right, bottom = (float(v) for v in box * np.tile(factors, 2))
        places = [(float(x), float(y)) for x, y in five * factors]
        landmarks = dict(zip(NAMES, places, strict=True))
        found.append(Detection((left, top, right, bottom), float(score), landmarks))
    return largest_first(found)


def largest_first(found: Iterable[Detection]) -> list[Detection]:
    """Sort faces by the area of their boxes.

    Parameters
    ----------
    found : iterable of Detection
        In any order.

    Returns
    -------
    list of Detection
        Largest first.
    """
    return sorted(found, key=lambda face: -face.area)
