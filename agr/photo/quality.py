"""What the picture of a face is like, and whether it can be read; numpy only.

All but the size is measured on the aligned crop at `SIDE` pixels, in gray values from 0 to 1, so
that it means the same for every photo:

- ``size``: side of the face in pixels of the photo, or of the picture that a crop fills.
- ``sharpness``: share of the change between neighbouring pixels that a blur takes away (1 minus the
  blur effect of Crete et al., 2007). Low where the face is out of focus, smeared or enlarged.
- ``noise``: standard deviation of the grain (Immerkaer, 1996).
- ``light`` and ``contrast``: mean and standard deviation of the gray values.
- ``turn``: how far the nose lies aside of the middle between the eyes, in distances of the eyes; 0
  from the front, about 0.5 in profile.
- ``nod``: how far the nose lies below the eyes, as a share of the way to the mouth.
- ``tilt``: how far the line through the eyes is turned, in degrees. The alignment undoes it, so it
  has no limit.

The limits were chosen on the validation part of UTKFace, clean and corrupted, and on pictures
without faces; `benchmarks/uncertainty.py` measures how often they are exceeded.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels, resize

SIDE = 112  # pixels
GRAY = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
WINDOW = 9  # pixels of the blur that sharpness compares with; the last ones are repeated
COMES = np.minimum(np.arange(1, SIDE) + WINDOW // 2, SIDE - 1)
GOES = np.maximum(np.arange(SIDE - 1) - WINDOW // 2, 0)
LIMITS = {  # of each part, and what is said of a picture beyond them
    "size": (32, math.inf, "The face is small: {:.0f} pixels."),
    "sharpness": (0.30, math.inf, "The face is blurred (sharpness {:.2f})."),
    "noise": (0, 0.04, "The picture is grainy (noise {:.3f})."),
    "light": (0.15, 0.87, "The face is too dark or too bright (light {:.2f})."),
    "contrast": (0.06, math.inf, "The face has little contrast ({:.2f})."),
    "turn": (-0.35, 0.35, "The head is turned aside ({:.2f})."),
    "nod": (0.46, 0.61, "The head is bent up or down ({:.2f})."),
}
SURE = 0.7  # score of the detector below which a face is doubtful

Point = tuple[float, float]
Floats = npt.NDArray[np.float32]


def measure(
    crop: Pixels, size: float, landmarks: Mapping[str, Point] | None = None
) -> dict[str, float]:
    """Measure the picture of a face.

    Parameters
    ----------
    crop : array of shape (h, w, 3)
        uint8, RGB: the aligned face.
    size : float
        Side of the face in pixels, before it was scaled to the crop.
    landmarks : mapping of str to (x, y), optional
        Where the photo shows eyes, nose and mouth corners.

    Returns
    -------
    dict of str to float
        The parts that the module's list explains; of the pose only those that landmarks tell.
    """
    gray = resize(crop, SIDE).astype(np.float32) @ GRAY
    parts = {
        "size": float(size),
        "sharpness": _sharpness(gray),
        "noise": _noise(gray),
        "light": float(gray.mean()),
        "contrast": float(gray.std()),
    }
    parts |= _pose(landmarks or {})
    return {part: round(value, 4) for part, value in parts.items()}


def doubts(quality: Mapping[str, float], score: float | None = None) -> list[str]:
    """Say why answers about a face may mean nothing.

    Parameters
    ----------
    quality : dict of str to float
        From `measure`.
    score : float, optional
        How sure the detector is, between 0 and 1.

    Returns
    -------
    list of str
        A sentence for each part beyond its limit; empty for a picture that can be read.

    Examples
    --------
    >>> doubts({"size": 20.0, "light": 0.5})
    ['The face is small: 20 pixels.']
    """
    found = []
    if score is not None and score < SURE:
        found.append(f"The detector is unsure that this is a face (score {score:.2f}).")
    for part, (low, high, words) in LIMITS.items():
        if part in quality and not low <= quality[part] <= high:
            found.append(words.format(quality[part]))
    return found


def _sharpness(gray: Floats) -> float:
    """Give the share of differences that a blur removes, along the direction that has least."""
    kept = []
    for axis in (0, 1):
        sharp = np.abs(np.diff(gray, axis=axis))
        # Neighbouring means of a window differ by what comes in and what falls out.
        soft = np.abs(gray.take(COMES, axis) - gray.take(GOES, axis)) / WINDOW
        lost = np.maximum(sharp - soft, 0).sum()
        kept.append(float(lost / max(float(sharp.sum()), 1e-6)))
    return min(kept)


def _noise(gray: Floats) -> float:
    """Estimate the grain from what a mask that is blind to edges and slopes leaves."""
    rows = gray[:-2] - 2 * gray[1:-1] + gray[2:]
    left = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.sqrt(np.pi / 2) * np.abs(left).mean() / 6)


def _pose(landmarks: Mapping[str, Point]) -> dict[str, float]:
    if not {"left_eye", "right_eye"} <= landmarks.keys():
        return {}
    left, right = (complex(*landmarks[name]) for name in ("left_eye", "right_eye"))
    across = right - left
    if not across:
        return {}
    pose = {"tilt": math.degrees(math.atan2(across.imag, across.real))}
    if not {"nose", "mouth_left", "mouth_right"} <= landmarks.keys():
        return pose
    # Seen from the line through the eyes, with their distance as the unit.
    middle = (left + right) / 2
    nose = (complex(*landmarks["nose"]) - middle) / across
    mouth = (complex(*landmarks["mouth_left"]) + complex(*landmarks["mouth_right"])) / 2
    below = ((mouth - middle) / across).imag
    pose["turn"] = nose.real
    if below > 0:
        pose["nod"] = nose.imag / below
    return pose
