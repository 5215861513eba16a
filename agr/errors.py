"""Every error that agr raises on purpose.

```
AgrError
  ImageError(ValueError)         a picture that cannot be read or has the wrong shape or dtype
    FaceNotFoundError            a picture in which no face is found
  VideoError(ValueError)         a video or camera that cannot be read
  LabelError(ValueError)         unknown labels, a length that differs, a class missing from y
  ParameterError(ValueError)     a parameter that is off; found in fit
  DatasetError(ValueError)       a folder, file name or column that is off
  ArtifactError(ValueError)      a saved model that is damaged, too new or made for another task
  OutputError(ValueError)        an output that holds something else
  TrainingError(RuntimeError)    a training that diverged, a search without a finished trial
  DownloadError(OSError)         weights that could not be downloaded
  MissingExtraError(ImportError) an optional package is not installed
```
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec

EXTRAS = {  # what needs each extra, as the beginning of a sentence
    "balance": "SMOTE needs",
    "cloud": "URLs need",
    "detect": "The detector mtcnn needs",
    "heic": "HEIC pictures need",
    "openvino": "The engine openvino needs",
    "parquet": "Parquet needs",
    "plots": "Plots need",
    "serve": "The service needs",
    "suspects": "Finding doubtful labels needs",
    "train": "Training, tuning and evaluation need",
    "video": "Video needs",
}


class AgrError(Exception):
    """Base of all errors that agr raises on purpose."""


class ImageError(AgrError, ValueError):
    """A picture cannot be read, or its shape or dtype is wrong."""


class FaceNotFoundError(ImageError):
    """A picture shows no face that the detector can find."""


class VideoError(AgrError, ValueError):
    """A video or camera cannot be read, or not written as asked."""


class LabelError(AgrError, ValueError):
    """Labels are unknown, missing, or differ in number from the pictures."""


class ParameterError(AgrError, ValueError):
    """A parameter has a value that cannot work."""


class DatasetError(AgrError, ValueError):
    """A data set's folder, file name or column is not as expected."""


class ArtifactError(AgrError, ValueError):
    """A saved model is damaged, too new, or made for another task."""


class OutputError(AgrError, ValueError):
    """An output exists already and holds something else than this run would write there."""


class TrainingError(AgrError, RuntimeError):
    """A training or a search failed: its loss diverged, or no trial finished."""


class DownloadError(AgrError, OSError):
    """Weights could not be downloaded."""


class MissingExtraError(AgrError, ImportError):
    """An optional package is needed; the message holds the command that installs it."""


@contextmanager
def require(extra: str, *packages: str) -> Iterator[None]:
    """Word the failure of the imports inside, which an extra brings.

    Of two, one inside the other, the outer words it: it knows what the user asked for.

    Parameters
    ----------
    extra : str
        A key of `EXTRAS`.
    *packages : str
        Packages that must be there too, but take too long to import now.

    Raises
    ------
    MissingExtraError
        A package is not installed; the message names it and the command that installs it.
    """
    try:
        yield
        for package in packages:
            if package not in sys.modules and find_spec(package) is None:
                raise ModuleNotFoundError(name=package)
    except (ModuleNotFoundError, MissingExtraError) as error:
        package = (error.name or "agr").split(".")[0]
        if package == "agr":
            raise  # a fault of ours
        raise MissingExtraError(
            f'{EXTRAS[extra]} {package}: pip install "agr-faces[{extra}]"', name=error.name
        ) from None


def choice(name: str, value: object, choices: Iterable[object]) -> str:
    """Say that ``value`` is none of the ``choices``, and name the nearest.

    Parameters
    ----------
    name : str
        Parameter's name.
    value : object
        What came.
    choices : iterable
        What is allowed.

    Returns
    -------
    str
        The sentence for an error.
    """
    allowed = list(choices)
    said = f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}."
    return said + nearest(value, allowed)


def nearest(value: object, choices: Iterable[object]) -> str:
    """Ask whether the choice most like ``value`` was meant; empty where none is like it."""
    near = get_close_matches(str(value), [str(c) for c in choices], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
