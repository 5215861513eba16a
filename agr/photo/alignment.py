"""Turn, scale and shift a found face into the framing that the networks were trained on.

The framing is where a detector sees the eyes, nose and mouth corners of the training crops: the
medians over 500 UTKFace pictures, as shares of the side, each crop put into a larger frame first.
This repeats the numbers::

    python scripts/learn_framing.py --data UTKFace --detector centerface --n 500

The detector ``yunet`` takes its landmarks from CenterFace, and its framing with them.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from agr.core.images import Pixels
from agr.errors import ImageError, ParameterError

Point = tuple[float, float]
Matrix = npt.NDArray[np.float64]
LEAST_SPREAD, LEAST_TURN = 1e-9, 1e-9  # of landmarks that can be brought anywhere

FRAMINGS: dict[str, dict[str, Point]] = {
    "centerface": {
        "left_eye": (0.2810, 0.3056),
        "right_eye": (0.6912, 0.2926),
        "nose": (0.4809, 0.5153),
        "mouth_left": (0.3266, 0.7095),
        "mouth_right": (0.6574, 0.6973),
    },
    "mtcnn": {
        "left_eye": (0.2965, 0.2886),
        "right_eye": (0.6858, 0.2907),
        "nose": (0.4899, 0.5191),
        "mouth_left": (0.3157, 0.6838),
        "mouth_right": (0.6629, 0.6846),
    },
}


def align(
    image: Pixels, landmarks: Mapping[str, Point], size: int, framing: Mapping[str, Point]
) -> Pixels:
    """Cut a face out so that its landmarks lie as those of the training crops.

    Parameters
    ----------
    image : array of shape (h, w, 3)
        uint8, RGB: the photo.
    landmarks : mapping of str to (x, y)
        In pixels; with both eyes. Further ones share the say (least squares), which steadies
        faces that look aside.
    size : int
        Side of the crop in pixels.
    framing : mapping of str to (x, y)
        Where the landmarks belong, as shares of the side; see `FRAMINGS`.

    Returns
    -------
    array of shape (size, size, 3)
        uint8, RGB; black where the photo ends, as in the training crops.

    Raises
    ------
    ParameterError
        An eye is missing.
    ImageError
        The landmarks are not those of a face; see `similarity`.
    """
    names = [name for name in framing if name in landmarks]
    if not {"left_eye", "right_eye"} <= set(names):
        raise ParameterError(f"landmarks must hold left_eye and right_eye, got {list(landmarks)}.")
    source = np.array([landmarks[name] for name in names], dtype=np.float64)
    target = np.array([framing[name] for name in names], dtype=np.float64)
    return warp(image, similarity(source, target * size), size)


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Matrix:
    """Find the turn, scale and shift that bring points nearest to others.

    Parameters
    ----------
    source, target : arrays of shape (n, 2)
        Points (x, y), n at least 2.

    Returns
    -------
    array of shape (2, 3)
        ``target`` is about ``m[:, :2] @ point + m[:, 2]``.

    Raises
    ------
    ImageError
        The source points are all in one place, are not finite, or resemble the others in no turn.

    Examples
    --------
    >>> similarity([(0, 0), (2, 0)], [(5, 5), (5, 9)]).round(6) + 0.0
    array([[ 0., -2.,  5.],
           [ 2.,  0.,  5.]])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        a = np.asarray(source, dtype=np.float64) @ (1, 1j)  # in the plane of complex numbers, a
        b = np.asarray(target, dtype=np.float64) @ (1, 1j)  # similarity is one product and one sum
        spread = np.vdot(a - a.mean(), a - a.mean()).real
        turn = np.vdot(a - a.mean(), b - b.mean()) / max(spread, LEAST_SPREAD)
    if not (spread > LEAST_SPREAD and abs(turn) > LEAST_TURN):  # neither holds for NaN
        points = ", ".join(f"({x:.4g}, {y:.4g})" for x, y in np.asarray(source))
        raise ImageError(
            f"The face cannot be aligned: its landmarks must be different places in the photo, "
            f"got {points}."
        )
    shift = b.mean() - turn * a.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def warp(
    image: Pixels,
    matrix: Matrix,
    size: int,
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
) -> Pixels:
    """Sample a square from a photo, antialiased."""
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)])
    inside = (corners - matrix[:, 2]) @ inverse.T
    # Only the part that the square shows is touched, which keeps large photos cheap.
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    margin = 2 + 2 / scale
    limit = image.shape[1::-1]
    low = np.clip(np.floor(inside.min(0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(inside.max(0) + margin), 0, limit).astype(int)
    if (high <= low).any():
        return np.zeros((size, size, 3), np.uint8)
    part = Image.fromarray(image[low[1] : high[1], low[0] : high[0]])
    ratio = np.ones(2)
    if scale < 1:  # an affine transform alone would skip pixels: shrink with a filter first
        small = tuple(max(1, math.ceil(side * scale)) for side in part.size)
        ratio = np.array(part.size) / small
        part = part.resize((small[0], small[1]), Image.Resampling.BILINEAR, reducing_gap=3.0)
    shift = (-inverse @ matrix[:, 2] - low) / ratio
    turn = inverse / ratio[:, None]
    data = (turn[0, 0], turn[0, 1], shift[0], turn[1, 0], turn[1, 1], shift[1])
    sampled = part.transform((size, size), Image.Transform.AFFINE, data, resampling)
    return np.asarray(sampled)
