"""CenterFace (Xu et al., 2019, arXiv:1911.03599) on ONNX Runtime, with a second look per face.

The network sees the whole photo once, which gives boxes and rough landmarks; then it sees every
face again, turned upright and at one size, which gives landmarks about a third as far off.
``centerface.onnx`` is made by ``scripts/convert_centerface.py``; its licence lies beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.photo.alignment import FRAMINGS, Matrix, similarity, warp
from agr.photo.detectors import Detection, Point
from agr.photo.detectors.shrinking import NAMES, check_max_side, shrink, to_photo

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]

STRIDE = 4  # photo pixels per cell of the network's maps
MULTIPLE = 32  # the sides that the network takes
OVERLAP = 0.3  # of two boxes that are taken for the same face
SECOND_SIDE, SECOND_SHARE = 128, 0.7  # pixels, and how much of them the aligned crop fills
# Where the first look's points are put in that crop: about the framing, but symmetrical and fixed,
# so that learning the framing anew changes no landmark.
UPRIGHT = np.array([(0.295, 0.3), (0.695, 0.3), (0.495, 0.515), (0.335, 0.7), (0.655, 0.7)])
SECOND_LEAST = 0.2  # score; below it the first look's landmarks stay
SECOND_BATCH = 16
ASKEW = 0.05  # share of the side that the crop is off, from which a third look is worth its time
# How near the middle the cells of that look are: a face beside the one in question counts less.
_AXIS = np.arange(SECOND_SIDE // STRIDE) - (SECOND_SIDE // STRIDE - 1) / 2
_BELL = np.exp(-(_AXIS**2) / (2 * (SECOND_SIDE / STRIDE / 4) ** 2))
CENTRAL = np.outer(_BELL, _BELL).astype(np.float32)


class CenterFace:
    """Finds faces with CenterFace.

    Parameters
    ----------
    max_side : int, default=640
        A photo whose longer side has more pixels is shrunk to this for the search. Twice as much
        finds faces half as large, in four times the time.
    least_score : float, default=0.5
        Faces that score lower are left out.
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
        # The network tells logits. With 0 and 1 everything and nothing gets through.
        share = np.float64(np.clip(least_score, 0, 1))
        with np.errstate(divide="ignore"):
            self._least_logit = float(np.log(share) - np.log1p(-share))
        self._session = open_session(
            Path(__file__).parent / "centerface.onnx", device=device, threads=threads
        )

    @property
    def framing(self) -> Mapping[str, Point]:
        """Landmarks of an aligned crop, as shares of its side."""
        return FRAMINGS["centerface"]

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
        (maps,) = self._run(small[None])
        cells = np.nonzero(maps[0] >= self._least_logit)
        scores, (boxes, points) = _score(maps[0][cells]), _decode(maps, *cells)
        kept = suppress(boxes, scores)
        found = to_photo(boxes[kept], scores[kept], points[kept], factors)
        looks = self.look_again(image, found)
        # The box stays: that of the second look stands upright on the face, not on the photo.
        return [
            replace(one, landmarks=face.landmarks)
            for one, (face, _) in zip(found, looks, strict=True)
        ]

    def _run(self, images: Pixels) -> Floats:
        maps: Floats
        (maps,) = self._session.run(["maps"], {"images": images})
        return maps

    def look_again(
        self, image: Pixels, found: list[Detection], times: int = 2
    ) -> list[tuple[Detection, float]]:
        """See each face again, turned upright and at one size.

        Parameters
        ----------
        image : array of shape (h, w, 3)
            uint8, RGB: the photo.
        found : list of Detection
            Its faces.
        times : int, default=2
            How often at most; once more where the face was not as upright and as large as expected.

        Returns
        -------
        list of (Detection, float)
            Each face with sharper landmarks and box, and how sure this look is that it is one;
            where that is little, they stay.
        """
        target = ((UPRIGHT - 0.5) * SECOND_SHARE + 0.5) * SECOND_SIDE
        sharper: list[tuple[Detection, float]] = []
        askew = []
        for start in range(0, len(found), SECOND_BATCH):
            batch = found[start : start + SECOND_BATCH]
            places = [np.array([face.landmarks[name] for name in NAMES]) for face in batch]
            matrices = [similarity(points, target) for points in places]
            crops = [
                warp(image, matrix, SECOND_SIDE, Image.Resampling.BILINEAR) for matrix in matrices
            ]
            for face, matrix, maps in zip(batch, matrices, self._run(np.stack(crops)), strict=True):
                score, box, points = _central_face(maps)
                if score >= SECOND_LEAST:
                    face = _put_back(box, points, matrix, face.score)
                    if _moves(similarity(points, target)) > ASKEW:
                        askew.append(len(sharper))
                sharper.append((face, score))
        if times > 1 and askew:
            again = self.look_again(image, [sharper[i][0] for i in askew], times - 1)
            for i, look in zip(askew, again, strict=True):
                sharper[i] = look
        return sharper


def _score(logit: Floats) -> Floats:
    scores: Floats = 1 / (1 + np.exp(-logit))
    return scores


def _decode(maps: Floats, y: Indices, x: Indices) -> tuple[Floats, Floats]:
    """Read the box and the five points that the maps tell at some cells, in pixels."""
    # Of each cell: the logit of the score, height and width, place in y and x, five points (y, x).
    told = maps[:, y, x]
    height, width = np.exp(np.clip(told[1:3], -10, 10)) * STRIDE
    top = (y + told[3] + 0.5) * STRIDE - height / 2
    left = (x + told[4] + 0.5) * STRIDE - width / 2
    boxes = np.stack([left, top, left + width, top + height], axis=-1)
    xs = told[6::2] * width + left
    ys = told[5::2] * height + top
    return boxes, np.stack([xs.T, ys.T], axis=-1)


def suppress(boxes: Floats, scores: Floats) -> list[int]:
    """Keep the surest of boxes that overlap.

    Parameters
    ----------
    boxes, scores : arrays of shape (n, 4) and (n,)
        Left, top, right and bottom; higher scores are surer.

    Returns
    -------
    list of int
        Rows that stay, surest first.
    """
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while len(order):
        first, order = int(order[0]), order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[order, :2])
        high = np.minimum(boxes[first, 2:], boxes[order, 2:])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        order = order[common <= OVERLAP * (areas[first] + areas[order] - common)]
    return kept


def _moves(matrix: Matrix) -> float:
    """How far a similarity moves the corners of the second look's crop, as a share of its side."""
    corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * SECOND_SIDE
    moved = corners @ matrix[:, :2].T + matrix[:, 2] - corners
    return float(np.linalg.norm(moved, axis=1).mean()) / SECOND_SIDE


def _put_back(box: Floats, points: Floats, matrix: Matrix, score: float) -> Detection:
    """Tell a face of the second look in the photo's pixels."""
    back = np.linalg.inv(matrix[:, :2])
    spots = (np.vstack([points, (box[:2] + box[2:]) / 2]) - matrix[:, 2]) @ back.T
    landmarks = {name: (float(x), float(y)) for name, (x, y) in zip(NAMES, spots[:-1], strict=True)}
    half = (box[2:] - box[:2]) / 2 * np.hypot(*back[0])
    if abs(back[0, 0]) < abs(back[0, 1]):  # the face lies on its side
        half = half[::-1]
    left, top, right, bottom = (float(v) for v in (*(spots[-1] - half), *(spots[-1] + half)))
    return Detection((left, top, right, bottom), score, landmarks)


def _central_face(maps: Floats) -> tuple[float, Floats, Floats]:
    """Read score, box and points of the face nearest the middle, a mean over cells that see it."""
    heat = _score(maps[0])
    at_y, at_x = divmod(int(np.argmax(heat * CENTRAL)), len(heat))
    top = heat[at_y, at_x]
    low_y, low_x = max(at_y - 2, 0), max(at_x - 2, 0)
    near = heat[low_y : at_y + 3, low_x : at_x + 3]
    y, x = np.nonzero(near > 0.6 * top)
    boxes, points = _decode(maps, y + low_y, x + low_x)
    weights = near[y, x]
    box, mean = (np.average(told, axis=0, weights=weights) for told in (boxes, points))
    return float(top), box, mean
