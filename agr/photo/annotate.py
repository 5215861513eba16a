"""Draw what `agr.Predictor.predict_photo` found: boxes and labels, readable on dark and light."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from agr.core.images import read_photo
from agr.prediction import Face

Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]
Numbers = npt.NDArray[np.float64]

BACKGROUND, TEXT = (16, 20, 28), (255, 255, 255)
# One colour a person, the same as on the service's page (serve/static/draw.js). Each stands out
# from the background and the text.
COLOURS = (
    (255, 214, 64), (108, 184, 255), (255, 143, 107), (95, 217, 180), (245, 143, 210),
    (168, 224, 95), (199, 168, 255), (255, 179, 71), (95, 224, 245), (255, 138, 154),
    (217, 199, 154), (232, 236, 239),
)  # fmt: skip
LINE = COLOURS[0]
STEPS = 16  # places a side that are tried for a label when those beside the face are taken
SIZES = (13, 10)  # of letters, in units; the second where the first finds no room
NEAR = 2.5  # heights of a label that it may be away before the smaller one is tried


def annotate(
    photo: Any,
    faces: Sequence[Face],
    *,
    max_side: int = 4096,
    lines: Callable[[Any], list[str]] | None = None,
) -> Image.Image:
    """Draw boxes and labels on a copy of a photo.

    Everybody has a colour, and a label covers no face as long as there is room beside them. People
    of a video keep the colour of their id.

    Parameters
    ----------
    photo : path, bytes, binary file object, PIL image or uint8 RGB array
        What ``predict_photo`` was given.
    faces : sequence of Face
        What it gave back.
    max_side : int, default=4096
        Pixels of the longer side of the copy at most.
    lines : callable, optional
        Gives the lines to write beside a face; default: `label_lines`.

    Returns
    -------
    PIL.Image.Image
        RGB, upright.
    """
    pixels, scale = read_photo(photo, max_side)
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    unit = max(1, round(max(picture.size) / 640))  # so that a line stays visible when shown small
    shown = [face for face in faces if face.box is not None]
    boxes = [_scaled(face.box, scale) for face in shown if face.box is not None]
    # A person of a video has an id, from 1.
    colours = [COLOURS[(getattr(f, "id", k) - 1) % len(COLOURS)] for k, f in enumerate(shown, 1)]
    for box, own in zip(boxes, colours, strict=True):
        # A light line between dark ones stands out on any ground.
        for grow, width, colour in ((unit, 4 * unit, BACKGROUND), (0, 2 * unit, own)):
            left, top, right, bottom = box
            outer = (left - grow, top - grow, right + grow, bottom + grow)
            draw.rectangle(outer, outline=colour, width=width)
    texts = ["\n".join((lines or label_lines)(face)) for face in shown]
    said = [one for one in zip(texts, boxes, colours, strict=True) if one[0]]
    plates: list[_Plate] = []
    for text, box, _ in said:
        taken = [*boxes, *(plate.box for plate in plates)]
        plates.append(_place(draw, text, box, taken, unit))
    for plate, (_, box, own) in zip(plates, said, strict=True):
        _join(draw, plate, box, unit, own)
    for plate, (text, _, own) in zip(plates, said, strict=True):
        _write(draw, text, plate, unit, own)
    return picture


def label_lines(face: Face) -> list[str]:
    """Put into words what was read from a face.

    Parameters
    ----------
    face : Face
        From ``predict_photo``.

    Returns
    -------
    list of str
        A line for each task that was read, in the order gender, age, race.

    Examples
    --------
    >>> label_lines(Face(age=31.6, age_interval=(24.2, 39.9), race="black"))
    ['age 32 (24 to 40)', 'black']
    """
    lines = []
    if face.gender is not None:
        lines.append(_share(face.gender, face.gender_probabilities))
    if face.age is not None:
        low_high = face.age_interval
        interval = "" if low_high is None else f" ({low_high[0]:.0f} to {low_high[1]:.0f})"
        lines.append(f"age {face.age:.0f}{interval}")
    if face.race is not None:
        lines.append(_share(face.race, face.race_probabilities))
    return lines


def _share(label: str, probabilities: dict[str, float] | None) -> str:
    return label if probabilities is None else f"{label} {100 * probabilities[label]:.0f} %"


def _scaled(box: Box, scale: float) -> Box:
    left, top, right, bottom = box
    return left / scale, top / scale, right / scale, bottom / scale


@dataclass(frozen=True)
class _Plate:
    """Where a label would stand, and how well."""

    box: Box
    size: int  # of the letters
    shift: tuple[float, float]  # of the text within it
    hidden: float  # share of it that is over faces and other labels
    away: float  # pixels from its face

    @property
    def good(self) -> bool:
        """Whether it hides nothing and is close enough to be taken for its face's."""
        return self.hidden == 0 and self.away <= NEAR * (self.box[3] - self.box[1])


def _place(
    draw: ImageDraw.ImageDraw, text: str, box: Box, taken: Sequence[Box], unit: int
) -> _Plate:
    """Find where a label hides no face, as near to its own as can be."""
    tried: list[_Plate] = []
    for places in (_beside, _anywhere):
        for size in SIZES:
            tried.append(_best(draw, text, size * unit, box, taken, unit, places))
            if tried[-1].good:
                return tried[-1]
    return min(tried, key=lambda one: one.hidden)


def _join(draw: ImageDraw.ImageDraw, plate: _Plate, box: Box, unit: int, colour: Colour) -> None:
    """Say by a line whose label it is, where it stands apart."""
    if plate.away <= 4 * unit:
        return
    left, top, right, bottom = plate.box
    middle = (left + right) / 2, (top + bottom) / 2
    ends = zip(middle, box[:2], box[2:], strict=True)
    edge = tuple(min(max(at, low), high) for at, low, high in ends)
    draw.line([middle, edge], fill=BACKGROUND, width=3 * unit)
    draw.line([middle, edge], fill=colour, width=unit)


def _write(draw: ImageDraw.ImageDraw, text: str, plate: _Plate, unit: int, colour: Colour) -> None:
    draw.rectangle(plate.box, fill=BACKGROUND, outline=colour, width=unit)
    at = plate.box[0] + plate.shift[0], plate.box[1] + plate.shift[1]
    draw.multiline_text(at, text, fill=TEXT, font=_font(plate.size), spacing=2 * unit)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _best(
    draw: ImageDraw.ImageDraw,
    text: str,
    size: int,
    box: Box,
    taken: Sequence[Box],
    unit: int,
    places: Callable[..., Iterator[tuple[float, float]]],
) -> _Plate:
    pad = 3 * unit
    x0, y0, x1, y1 = draw.multiline_textbbox((0, 0), text, font=_font(size), spacing=2 * unit)
    width, height = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    free = draw.im.size[0] - 1 - width, draw.im.size[1] - 1 - height
    corners = np.array(list(places(box, (width, height), free, 2 * unit))).clip(0)
    corners = np.minimum(corners, np.maximum(free, 0))  # pushed into the picture
    plates = np.hstack([corners, corners + (width, height)])
    hidden = np.round(sum(_common(plates, other) for other in taken) / (width * height), 3)
    away = _distance(plates, box)
    # Of equal places the first; no way is as bad as a hidden face.
    k = int(np.argmin(10 * hidden + np.round(away / np.hypot(*draw.im.size), 3)))
    left, top, right, bottom = plates[k].tolist()
    shift = (pad - x0, pad - y0)
    return _Plate((left, top, right, bottom), size, shift, float(hidden[k]), float(away[k]))


def _beside(
    box: Box, size: tuple[float, float], free: tuple[float, float], gap: int
) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    width, height = size
    for y in (top - height - gap, bottom + gap):
        yield from ((left, y), (right - width, y), ((left + right - width) / 2, y))
    for x in (right + gap, left - width - gap):
        yield from ((x, top), (x, bottom - height))


def _anywhere(
    box: Box, size: tuple[float, float], free: tuple[float, float], gap: int
) -> Iterator[tuple[float, float]]:
    for y in np.linspace(0, free[1], STEPS):
        yield from ((x, y) for x in np.linspace(0, free[0], STEPS))


def _common(plates: Numbers, other: Box) -> Numbers:
    """Give the area that each plate shares with a box."""
    width = np.minimum(plates[:, 2], other[2]) - np.maximum(plates[:, 0], other[0])
    height = np.minimum(plates[:, 3], other[3]) - np.maximum(plates[:, 1], other[1])
    area: Numbers = width.clip(min=0) * height.clip(min=0)
    return area


def _distance(plates: Numbers, box: Box) -> Numbers:
    """Give how far each plate is from a box, from edge to edge."""
    x = np.maximum(plates[:, 0] - box[2], box[0] - plates[:, 2]).clip(min=0)
    y = np.maximum(plates[:, 1] - box[3], box[1] - plates[:, 3]).clip(min=0)
    far: Numbers = np.hypot(x, y)
    return far
