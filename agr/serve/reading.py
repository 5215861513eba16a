"""From the pictures of a batch to the rows of the answer."""

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol, get_args

from agr.bulk.formats import COLUMNS, FACE_COLUMNS, NO_FACE, Row, rows_of
from agr.errors import ImageError
from agr.prediction import Face, Prediction
from agr.serve.limits import check_picture
from agr.serve.upload import Picture

Faces = Literal["crop", "detect"]  # what the query's `faces` may be
FACES: tuple[str, ...] = get_args(Faces)

log = logging.getLogger(__name__)


class Reads(Protocol):
    """What the service asks of a `agr.Predictor`."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it was made for."""

    def predict(self, image: list[Any], *, batch_size: int = ...) -> list[Prediction]:
        """Read a list of faces."""

    def stream_photos(self, photos: Iterable[Any]) -> Iterator[list[Face]]:
        """Find and read the faces of photos."""


class _Named(io.BytesIO):
    """Bytes that error messages can call by name."""

    def __init__(self, picture: Picture) -> None:
        super().__init__(picture.data)
        self.name = picture.name


class Reader:
    """Reads batches of pictures.

    Parameters
    ----------
    predictor : Predictor
        Its models are asked.
    max_pixels : int
        Pixels of a picture at most.
    """

    def __init__(self, predictor: Reads, max_pixels: int) -> None:
        self._predictor, self._max_pixels = predictor, max_pixels

    def __call__(self, pictures: Sequence[Picture]) -> list[list[Row]]:
        """Read a batch.

        Parameters
        ----------
        pictures : sequence of Picture
            Of any number of requests.

        Returns
        -------
        list of list of dict
            The rows of each picture: one for a face crop, one for each face of a photo.
        """
        errors = [self._error(picture) for picture in pictures]
        good = [p for p, error in zip(pictures, errors, strict=True) if error is None]
        crops = self._predict([_Named(p) for p in good if p.faces == "crop"])
        photos = self._predictor.stream_photos([_Named(p) for p in good if p.faces == "detect"])
        found: dict[str, Iterator[Sequence[Prediction]]] = {
            "crop": ([crop] for crop in crops),
            "detect": photos,
        }
        return [
            _rows(picture, error=error) if error else _rows(picture, next(found[picture.faces]))
            for picture, error in zip(pictures, errors, strict=True)
        ]

    def _error(self, picture: Picture) -> str | None:
        if picture.error is not None:
            return picture.error
        try:
            check_picture(picture.data, self._max_pixels)
        except ImageError as error:
            return str(error)
        return None

    def _predict(self, pictures: list[_Named]) -> list[Prediction]:
        return self._predictor.predict(pictures, batch_size=len(pictures)) if pictures else []


def failed(picture: Picture) -> list[Row]:
    """Give the rows of a picture that made the models fail.

    Parameters
    ----------
    picture : Picture
        The one.

    Returns
    -------
    list of dict
        One row, with an error that tells nothing of the inside.
    """
    return _rows(picture, error="The picture could not be read.")


def _rows(picture: Picture, found: Sequence[Prediction] = (), error: str = NO_FACE) -> list[Row]:
    """Give a row for each face that was found, or one with the error."""
    kind, columns = (Face, FACE_COLUMNS) if picture.faces == "detect" else (Prediction, COLUMNS)
    return list(rows_of(picture.name, found or [kind(error=error)], columns))
