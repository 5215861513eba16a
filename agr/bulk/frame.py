"""Many results as a DataFrame."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from agr.errors import ParameterError, require
from agr.prediction import FIELDS, Face, Prediction, columns_of, flatten

if TYPE_CHECKING:
    import pandas as pd


def to_frame(results: Any, images: Any = None) -> "pd.DataFrame":
    """Put results into a table with flat columns, those of ``agr predict --format csv``.

    Parameters
    ----------
    results : Prediction, or iterable of Prediction or of lists of them
        What `Predictor` gives for a picture, many pictures, a photo or many photos.
    images : object, or iterable, optional
        The picture's name, or one for each of ``results``; becomes the column ``image``.

    Returns
    -------
    DataFrame
        A row for each result, with ``age``, ``age_low``, ``age_high``, ``gender``,
        ``gender_female`` and so on; for faces that were found also ``left``, ``top``, ``right``,
        ``bottom``, ``score`` and the landmarks. What was not read is missing.

    Raises
    ------
    MissingExtraError
        pandas is not installed.
    ParameterError
        The number of ``images`` differs from that of ``results``.

    Examples
    --------
    >>> to_frame([Prediction(age=31.5, age_interval=(24, 40))], ["a.png"])["age_low"].tolist()
    [24.0]
    """
    with require("train"):
        import pandas as pd
    pairs = list(pair_up(results, images))
    kind = Face if any(isinstance(one, Face) for _, one in pairs) else Prediction
    columns = columns_of([*(["image"] if images is not None else []), *FIELDS[kind]])
    rows = [flatten({"image": image, **one.to_dict()}, columns) for image, one in pairs]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    # A column without a value would be one of objects, and the next frame's one of numbers.
    measured = [column.name for column in columns if column.digits is not None]
    return frame.astype(dict.fromkeys(measured, float))


def pair_up(results: Any, images: Any) -> Iterator[tuple[Any, Prediction]]:
    """Give every result with its picture; the faces of a photo share one.

    Parameters
    ----------
    results, images
        As in `to_frame`.

    Yields
    ------
    (object, Prediction)
        None for the picture where there are none.
    """
    several = [results] if isinstance(results, Prediction) else list(results)
    shared = images is None or _is_one(images)
    pictures = [images] * len(several) if shared else list(images)
    if len(pictures) != len(several):
        raise ParameterError(
            f"images must be one picture, or one for each of the {len(several)} results; got "
            f"{len(pictures)}."
        )
    for picture, found in zip(pictures, several, strict=True):
        for result in [found] if isinstance(found, Prediction) else found:
            yield picture, result


def _is_one(images: Any) -> bool:
    """Tell one picture, of any kind that can be read, from many."""
    if hasattr(images, "shape"):  # an array of paths has one axis, a batch of pictures four
        return len(images.shape) in (2, 3)
    whole = isinstance(images, str | bytes | bytearray | memoryview) or hasattr(images, "read")
    return whole or not isinstance(images, Iterable)
