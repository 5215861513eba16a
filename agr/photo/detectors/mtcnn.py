"""MTCNN (Zhang et al., 2016, arXiv:1604.02878) from the package ``mtcnn``; imports tensorflow."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

from agr.core.images import Pixels
from agr.errors import require
from agr.photo.alignment import FRAMINGS
from agr.photo.detectors import Detection, Point
from agr.photo.detectors.shrinking import check_max_side, shrink, to_photo


class Mtcnn:
    """Finds faces with MTCNN.

    Parameters
    ----------
    max_side : int, default=640
        A photo whose longer side has more pixels is shrunk to this for the search.

    Raises
    ------
    require
        The package ``mtcnn`` is not installed.
    """

    def __init__(self, max_side: int = 640) -> None:
        check_max_side(max_side)
        self.max_side = max_side
        with require("detect"):
            import mtcnn
        self._detector: Any = mtcnn.MTCNN()
        self._alone = Lock()  # it is not made for several threads at once

    @property
    def framing(self) -> Mapping[str, Point]:
        """Landmarks of an aligned crop, as shares of its side."""
        return FRAMINGS["mtcnn"]

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
        small, factors = shrink(image, self.max_side)
        # As arrays: its other form rounds everything to whole pixels.
        with self._alone:
            rows = self._detector.detect_faces(small, box_format="xyxy", output_type="numpy")
        rows = np.asarray(rows, dtype=np.float64).reshape(-1, 16)
        # Number of the photo, box, score, five x, five y; the points in the order of NAMES.
        points = np.stack([rows[:, 6:11], rows[:, 11:]], axis=-1)
        return to_photo(rows[:, 1:5], rows[:, 5], points, factors)
