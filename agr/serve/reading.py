"""From one picture to its rows; runs in a process of its own, where it can be ended."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from agr.bulk.formats import NO_FACE, rows_of
from agr.errors import ImageError
from agr.prediction import Face, Prediction
from agr.serve.cost import look
from agr.serve.picture import Answer, Picture, failed


class Reads(Protocol):
    """What the service asks of a `agr.Predictor`."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it was made for."""

    def predict(self, image: list[Any], *, faces: str | None = ...) -> list[Face]:
        """Read a list of faces."""

    def stream_photos(self, photos: Iterable[Any]) -> Iterator[list[Face]]:
        """Find and read the faces of photos."""


class _Named(io.BytesIO):
    """Bytes that error messages can call by name."""

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture.data)
        self.name = picture.name


def read(predictor: Reads, picture: Picture, max_pixels: int, *, large: bool) -> Answer:
    """Read one picture."""
    if picture.error is not None:
        return Answer(failed(picture, picture.error))
    try:
        cost = look(picture.data, max_pixels)
    except ImageError as error:
        return Answer(failed(picture, str(error)))
    if not (large or cost.small):
        return Answer(None, cost.pixels)
    found: Sequence[Prediction]
    if picture.faces == "crop":
        found = predictor.predict([_Named(picture)], faces="crop")
    else:
        (found,) = predictor.stream_photos([_Named(picture)])
    rows = list(rows_of(picture.name, found, picture.columns))
    return Answer(rows or failed(picture, NO_FACE), cost.pixels)
