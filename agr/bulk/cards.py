"""Results as cards in a notebook, each with its face."""

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from agr.bulk.frame import pair_up
from agr.core.images import Pixels, read_photo
from agr.prediction import Face, Prediction

SIDE = 96  # of a face, in pixels


def show(results: Any, images: Any = None) -> "Cards":
    """Show results in a notebook, beside their faces where the pictures are given.

    Parameters
    ----------
    results : Prediction, or iterable of Prediction or of lists of them
        As in `to_frame`.
    images : picture, or iterable of pictures, optional
        The photo that all faces are from, or a picture for each of ``results``.

    Returns
    -------
    Cards
        A notebook shows it as pictures and text, a terminal as lines.

    Raises
    ------
    ImageError
        A picture cannot be read, though it has a result.
    ParameterError
        The number of ``images`` differs from that of ``results``.

    Examples
    --------
    >>> show([Prediction(gender="male"), Prediction(error="no picture")])
    <Prediction: male>
    <Prediction: error: no picture>
    """
    return Cards(tuple(pair_up(results, images)))


@dataclass(frozen=True, repr=False)
class Cards:
    """Results with their pictures, or with None where those are not at hand; see `show`."""

    pairs: tuple[tuple[Any, Prediction], ...]

    def __repr__(self) -> str:
        return "\n".join(repr(result) for _, result in self.pairs)

    def _repr_html_(self) -> str:
        style = "display:flex;gap:8px;margin:0 16px 16px 0"
        pixels: dict[int, tuple[Pixels, float]] = {}  # of each picture, which faces may share
        cards = [
            f'<div style="{style}">{_crop(image, result, pixels)}{result._repr_html_()}</div>'
            for image, result in self.pairs
        ]
        return f'<div style="display:flex;flex-wrap:wrap">{"".join(cards)}</div>'


def _crop(image: Any, result: Prediction, known: dict[int, tuple[Pixels, float]]) -> str:
    if image is None or result.error is not None:
        return ""
    if id(image) not in known:
        known[id(image)] = read_photo(image)
    pixels, scale = known[id(image)]
    picture = Image.fromarray(pixels)
    if isinstance(result, Face) and result.box is not None:
        left, top, right, bottom = (round(side / scale) for side in result.box)
        picture = picture.crop((left, top, right, bottom))
    picture.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG")
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'
