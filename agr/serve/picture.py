"""What goes to a reader, and what comes back; loads neither models nor decoders."""

from dataclasses import dataclass
from typing import Literal, get_args

from agr.bulk.formats import COLUMNS, FACE_COLUMNS, Row

FIELD = "images"  # of the form, holds the pictures
Faces = Literal["crop", "detect"]  # what the query's `faces` may be
FACES: tuple[str, ...] = get_args(Faces)


@dataclass(frozen=True)
class Picture:
    """One picture of a request.

    Attributes
    ----------
    name : str
        What the client calls it.
    data : bytes
        Its file; empty when there is an error.
    error : str or None
        Why it was not kept.
    faces : {"crop", "detect"}
        Whether it is one face that fills it, or a photo whose faces are to be found.
    """

    name: str
    data: bytes
    error: str | None = None
    faces: str = "crop"

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of its rows."""
        return FACE_COLUMNS if self.faces == "detect" else COLUMNS


@dataclass(frozen=True)
class Answer:
    """What was read from a picture.

    Attributes
    ----------
    rows : list of dict or None
        One for a face crop, one for each face of a photo; None where the picture is more work
        than this reader may take on.
    pixels : int
        Pixels that the decoder has to go over.
    late : bool
        Whether it turned out to be too much work only while it was read.
    """

    rows: list[Row] | None
    pixels: int = 0
    late: bool = False


def failed(picture: Picture, error: str = "The picture could not be read.") -> list[Row]:
    """Give the rows of a picture that could not be read."""
    row = {**dict.fromkeys(picture.columns), "image": picture.name, "error": error}
    return [row]
