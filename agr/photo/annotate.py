"""Draw what `agr.Predictor.predict_photo` found: boxes and labels, readable on dark and light."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from agr.core.images import read_photo
from agr.prediction import Face

Box = tuple[float, float, float, float]

BACKGROUND, LINE, TEXT = (16, 20, 28), (255, 214, 64), (255, 255, 255)


def annotate(
    photo: Any,
    faces: Sequence[Face],
    *,
    max_side: int = 4096,
    lines: Callable[[Any], list[str]] | None = None,
) -> Image.Image:
    """Draw boxes and labels on a copy of a photo.

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
    font = ImageFont.load_default(13 * unit)
    shown = [face for face in faces if face.box is not None]
    boxes = [_scaled(face.box, scale) for face in shown if face.box is not None]
    for box in boxes:
        # A light line between dark ones stands out on any ground.
        for grow, width, colour in ((unit, 4 * unit, BACKGROUND), (0, 2 * unit, LINE)):
            left, top, right, bottom = box
            outer = (left - grow, top - grow, right + grow, bottom + grow)
            draw.rectangle(outer, outline=colour, width=width)
    taken: list[Box] = []
    for face, box in zip(shown, boxes, strict=True):
        text = "\n".join((lines or label_lines)(face))
        if text:
            taken.append(_write(draw, text, font, box, [*taken, *boxes], unit))
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


def _write(
    draw: ImageDraw.ImageDraw, text: str, font: Any, box: Box, taken: Iterable[Box], unit: int
) -> Box:
    """Write on a dark plate beside the box, where it hides least."""
    pad = 3 * unit
    x0, y0, x1, y1 = draw.multiline_textbbox((0, 0), text, font=font, spacing=2 * unit)
    size = (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad)
    canvas = draw.im.size
    others = [other for other in taken if other != box]

    def hidden(place: Box) -> float:
        return sum(_common(place, other) for other in others) + _common(place, box) / 2

    plate = min(_places(box, size, canvas, 2 * unit), key=hidden)
    draw.rectangle(plate, fill=BACKGROUND, outline=LINE, width=unit)
    at = (plate[0] + pad - x0, plate[1] + pad - y0)
    draw.multiline_text(at, text, fill=TEXT, font=font, spacing=2 * unit)
    return plate


def _places(
    box: Box, size: tuple[float, float], canvas: tuple[int, int], gap: int
) -> Iterator[Box]:
    """Where a plate may stand: above, below, right, left, pushed into the picture."""
    left, top, right, bottom = box
    width, height = size
    for x, y in (
        (left, top - height - gap),
        (left, bottom + gap),
        (right + gap, top),
        (left - width - gap, top),
    ):
        inside_x = max(0, min(x, canvas[0] - 1 - width))
        inside_y = max(0, min(y, canvas[1] - 1 - height))
        yield inside_x, inside_y, inside_x + width, inside_y + height


def _common(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)
