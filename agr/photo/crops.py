"""Faces cut out of photos once, to be trained on."""

from typing import Any

from agr.core.images import Pixels, read_photo
from agr.errors import FaceNotFoundError
from agr.photo.alignment import align
from agr.photo.detectors import Detector

SIDE = 200  # pixels, as UTKFace's crops have; most networks read fewer


def largest_face(photo: Any, detector: Detector, size: int = SIDE) -> tuple[Pixels, int]:
    """Cut out the largest face of a photo, upright and framed as the models read it.

    Parameters
    ----------
    photo : path, bytes, binary file object, PIL image or uint8 RGB array
        As for ``Predictor.predict_photo``.
    detector : Detector
        From `agr.photo.detectors.open_detector`.
    size : int, default=200
        Side of the crop in pixels.

    Returns
    -------
    (array of shape (size, size, 3), int)
        uint8, RGB; and how many faces the photo shows.

    Raises
    ------
    FaceNotFoundError
        The photo shows no face that can be found.
    ImageError
        The photo cannot be read, or the face not be aligned.
    """
    pixels, _ = read_photo(photo)
    found = detector(pixels)
    if not found:
        raise FaceNotFoundError("No face was found.")
    return align(pixels, found[0].landmarks, size, detector.framing), len(found)
