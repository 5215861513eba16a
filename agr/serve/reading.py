"""From the pictures of a batch to the rows of the answer."""

import io
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from agr.errors import ImageError
from agr.predictor import Prediction
from agr.serve.limits import check_picture
from agr.serve.upload import Picture

Row = dict[str, Any]
FACES = ("crop",)  # what the query's `faces` may be

log = logging.getLogger(__name__)


class Reads(Protocol):
    """What the service asks of a `agr.Predictor`."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that it was made for."""

    def predict(self, image: list[Any], *, batch_size: int = ...) -> list[Prediction]:
        """Read a list of faces."""


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
            The rows of each picture: one, as each is a face crop.
        """
        errors = [self._error(picture) for picture in pictures]
        good = [_Named(p) for p, error in zip(pictures, errors, strict=True) if error is None]
        answers = iter(self._predict(good))
        return [
            [_row(picture, next(answers) if error is None else Prediction(error=error))]
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
    return [_row(picture, Prediction(error="The picture could not be read."))]


def _row(picture: Picture, prediction: Prediction) -> Row:
    return {"image": picture.name, **prediction.to_dict()}
