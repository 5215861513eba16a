"""Plots that show pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agr.core.images import read_photo
from agr.plots.canvas import ALERT, INK, axes, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from agr.prediction import Face

SIDE = 160  # pixels of the longer side of a shown picture
PHOTO_SIDE, TITLE = 7.0, 0.3  # inches of the longer side of a whole photo, and of what is above it
CAPTION = 0.32  # height of two lines of caption, in widths of a picture


def picture_grid(
    images: Sequence[Any],
    captions: Sequence[str],
    *,
    marked: npt.ArrayLike | None = None,
    columns: int = 8,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw pictures in rows, each with its caption below.

    Parameters
    ----------
    images : sequence of n pictures
        Paths, or whatever `agr.core.images.read_photo` takes.
    captions : sequence of n str
        One or two lines each.
    marked : array of shape (n,), optional
        Bool; pictures that get a frame, for example those whose prediction is wrong.
    columns : int, default=8
        Pictures in a row.
    title : str, default=""
        Written above.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    ax = axes(ax, grid_size(len(images), columns))
    chosen = np.zeros(len(images), bool) if marked is None else np.asarray(marked, dtype=bool)
    for k, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(k, columns)
        top = row * (1 + CAPTION)
        pixels = read_photo(image, SIDE)[0]
        height, width = np.array(pixels.shape[:2]) / max(pixels.shape[:2]) * 0.92
        left, upper = column + (1 - width) / 2, top + (0.96 - height)
        ax.imshow(pixels, extent=(left, left + width, upper + height, upper))
        if chosen[k]:
            frame = {"fill": False, "edgecolor": ALERT, "linewidth": 2.5}
            ax.add_patch(_rectangle((left, upper), width, height, **frame))
        style: dict[str, Any] = (
            {"color": ALERT, "fontweight": "bold"} if chosen[k] else {"color": INK}
        )
        place = column + 0.5, top + 0.99
        ax.text(*place, caption, ha="center", va="top", fontsize=7.5, linespacing=1.1, **style)
    rows = -(-len(images) // columns)
    ax.set(xlim=(0, columns), ylim=(rows * (1 + CAPTION), 0), aspect="equal")
    ax.set_axis_off()
    set_title(ax, title)
    return ax


def grid_size(n: int, columns: int = 8) -> tuple[float, float]:
    """Give the inches, width and height, that ``n`` pictures of `picture_grid` need."""
    width = 10.0
    return width, 0.4 + -(-n // columns) * (1 + CAPTION) * width / columns


def photo(photo: Any, faces: "Face | Sequence[Face]", *, ax: "Axes | None" = None) -> "Axes":
    """Draw a photo with the faces that were found on it.

    Parameters
    ----------
    photo : path, bytes, binary file object, PIL image or uint8 RGB array
        What ``predict_photo`` or ``predict`` was given.
    faces : Face, or sequence of Face
        What it gave back.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    from agr.photo.annotate import annotate
    from agr.prediction import Face

    faces = [faces] if isinstance(faces, Face) else faces
    picture = annotate(photo, faces)
    width, height = np.array(picture.size) / max(picture.size) * PHOTO_SIDE
    ax = axes(ax, (width, height + TITLE))
    ax.imshow(picture)
    ax.set_axis_off()
    n = sum(face.box is not None for face in faces)
    set_title(ax, f"{n} {'face' if n == 1 else 'faces'}")
    return ax


def _rectangle(*place: Any, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(*place, **style)
