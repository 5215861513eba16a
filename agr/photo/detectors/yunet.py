"""YuNet (Wu, Peng and Yu, 2023) finds what may be a face, and CenterFace looks at each again.

YuNet sees the whole photo in a seventh of the time that CenterFace takes, but is unsure of small
faces and vague about large ones. So whatever it suspects is shown to CenterFace, turned upright and
at one size, which decides and gives box and landmarks. ``yunet.onnx`` is made by
``scripts/convert_yunet.py``; its licence lies beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.photo.detectors import Detection, Point
from agr.photo.detectors.centerface import CenterFace, suppress
from agr.photo.detectors.shrinking import check_max_side, largest_first, shrink, to_photo

Floats = npt.NDArray[np.floating]

STRIDES = (8, 16, 32)  # photo pixels per cell of the network's maps
MULTIPLE = 32  # the sides that the network takes
SUSPECTED = 0.15  # score from which CenterFace is asked
MOST = 512  # places that it is asked about in one photo


class YuNet:
    """Finds faces with YuNet and CenterFace.

    Parameters
    ----------
    max_side : int, default=640
        A photo whose longer side has more pixels is shrunk to this for the search. Twice as much
        finds faces half as large, in four times the time.
    least_score : float, default=0.5
        Faces that score lower are left out. The score is CenterFace's, or the mean of both where
        YuNet is surer.
    threads : int, default=1
        Threads that share one photo.
    device : str, default="cpu"
        One of ONNX Runtime's; see `agr.core.runtime.devices`.
    """

    def __init__(
        self,
        max_side: int = 640,
        *,
        least_score: float = 0.5,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        check_max_side(max_side)
        self.max_side = max_side
        self.least_score = least_score
        self._centerface = CenterFace(threads=threads, device=device)
        self._session = open_session(
            Path(__file__).parent / "yunet.onnx", device=device, threads=threads
        )

    @property
    def framing(self) -> Mapping[str, Point]:
        """Landmarks of an aligned crop, as shares of its side."""
        return self._centerface.framing

    def __call__(self, image: Pixels) -> list[Detection]:
        """Find the faces of a photo.

        Parameters
        ----------
        image : array of shape (h, w, 3)
            uint8, RGB.

        Returns
        -------
        list of Detection
            Largest first.
        """
        small, factors = shrink(image, self.max_side, MULTIPLE)
        levels = self._session.run(
            [f"maps_{stride}" for stride in STRIDES], {"images": small[None]}
        )
        told = [_decode(maps, stride) for (maps,), stride in zip(levels, STRIDES, strict=True)]
        scores, boxes, points = (np.concatenate(parts) for parts in zip(*told, strict=True))
        kept = suppress(boxes, scores)[:MOST]
        suspected = to_photo(boxes[kept], scores[kept], points[kept], factors)
        seen = [
            replace(face, score=max(score, (score + face.score) / 2))
            for face, score in self._centerface.look_again(image, suspected)
        ]
        seen = [face for face in seen if face.score >= self.least_score]
        if len(seen) < 2:
            return seen
        # Of a face that fills the photo YuNet suspects several parts, and CenterFace sees it whole.
        once = suppress(np.array([f.box for f in seen]), np.array([f.score for f in seen]))
        return largest_first(seen[row] for row in once)


def _decode(maps: Floats, stride: int) -> tuple[Floats, Floats, Floats]:
    """Read scores, boxes and five points of the cells that suspect a face, in pixels."""
    # Of each cell: the logits of face and object, place in x and y, width and height, five points.
    face, thing = 1 / (1 + np.exp(-maps[:2]))
    y, x = np.nonzero(face * thing >= SUSPECTED**2)
    told = maps[2:, y, x]
    width, height = np.exp(np.clip(told[2:4], -10, 10)) * stride
    left, top = (x + told[0]) * stride - width / 2, (y + told[1]) * stride - height / 2
    boxes = np.stack([left, top, left + width, top + height], axis=-1)
    points = np.stack([(told[4::2] + x).T, (told[5::2] + y).T], axis=-1) * stride
    return np.sqrt(face * thing)[y, x], boxes, points
