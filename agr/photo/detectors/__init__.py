"""Face detectors: a photo in, boxes and landmarks out; no labels.

``yunet`` and ``centerface`` come with agr and run on ONNX Runtime; ``yunet`` takes a quarter of the
time. ``mtcnn`` imports tensorflow and needs ``pip install "agr-faces[detect]"``. Anything with the
attributes of `Detector` may take their place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agr.core.images import Pixels
from agr.errors import ParameterError, choice

DEFAULT = "yunet"
DETECTORS = (DEFAULT, "centerface", "mtcnn")
# Longer side, in pixels of the photo as the detector looks at it (shrunk to its max_side).
LEAST_FACE = 16.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Detection:
    """A found face.

    Attributes
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels; may reach over the photo's edge.
    score : float
        Between 0 and 1; higher is surer.
    landmarks : dict of str to (x, y)
        In pixels, at least ``left_eye`` and ``right_eye``, and at most ``nose``, ``mouth_left``
        and ``mouth_right`` besides. Left is what the photo shows further left of an upright face.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: dict[str, Point]

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        left, top, right, bottom = self.box
        return max(right - left, 0) * max(bottom - top, 0)

    def scaled(self, scale: float = 1.0) -> "Detection":
        """Put the face into a photo ``scale`` times as large, to a tenth of a pixel."""
        left, top, right, bottom = (round(side * scale, 1) for side in self.box)
        places = {
            name: (round(x * scale, 1), round(y * scale, 1))
            for name, (x, y) in self.landmarks.items()
        }
        return Detection((left, top, right, bottom), self.score, places)


@runtime_checkable
class Detector(Protocol):
    """What finds faces.

    Attributes
    ----------
    framing : mapping of str to (x, y)
        Where this detector sees the landmarks of an aligned crop, as shares of its side; see
        `agr.photo.alignment`.
    """

    @property
    def framing(self) -> Mapping[str, Point]:
        """Landmarks of an aligned crop, as shares of its side."""

    def __call__(self, image: Pixels) -> list[Detection]:
        """Find the faces of an RGB uint8 photo of shape (h, w, 3), largest first."""


def check_name(name: str) -> None:
    """Check that a detector of that name exists.

    Parameters
    ----------
    name : str
        One of `DETECTORS`.

    Raises
    ------
    ParameterError
        It does not.
    """
    if name not in DETECTORS:
        raise ParameterError(choice("detector", name, DETECTORS))


def open_detector(name: str = DEFAULT, *, threads: int = 1, device: str = "cpu") -> Detector:
    """Open a detector.

    Parameters
    ----------
    name : {"yunet", "centerface", "mtcnn"}, default="yunet"
        Which.
    threads : int, default=1
        Threads that share one photo. ``mtcnn`` goes by tensorflow's own settings, in this too.
    device : str, default="cpu"
        Where, as ONNX Runtime calls it; see `agr.core.runtime.devices`.

    Returns
    -------
    Detector
        Ready to find faces.

    Raises
    ------
    ParameterError
        There is no such detector, or no such device.
    MissingExtraError
        Its package is not installed.
    """
    check_name(name)
    if name == "mtcnn":
        from agr.photo.detectors.mtcnn import Mtcnn

        return Mtcnn()
    if name == "centerface":
        from agr.photo.detectors.centerface import CenterFace

        return CenterFace(threads=threads, device=device)
    from agr.photo.detectors.yunet import YuNet

    return YuNet(threads=threads, device=device)
