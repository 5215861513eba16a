"""UTKFace: pictures named ``AGE_GENDER_RACE_TIME.jpg.chip.jpg`` (Zhang, Song and Qi, CVPR 2017)."""

import os
import re
from pathlib import Path

from agr.core.images import find_images
from agr.datasets.faces import Faces, OnBad, ReadReport, make_faces, scan
from agr.errors import DatasetError, ParameterError, choice

GENDERS = ("male", "female")  # by code
RACES = ("white", "black", "asian", "indian", "other")  # by code
# A stray blank, a long stamp or a missing dot at the end harms no label; a missing field does.
NAME = re.compile(r"([0-9]{1,3})_([01])_([0-4])_[0-9]+[^0-9]")
OLDEST = 120  # years


def read(root: str | os.PathLike[str], *, on_bad: OnBad = "skip") -> Faces:
    """Read a folder of UTKFace pictures.

    Parameters
    ----------
    root : path
        Folder; subfolders are searched too.
    on_bad : {"skip", "raise"}, default="skip"
        Malformed names and unreadable pictures are left out and named in ``report``, or raise.

    Returns
    -------
    Faces
        Sorted by path, with ``report``.

    Raises
    ------
    DatasetError
        There is no such folder, it holds no picture that can be read, or ``on_bad="raise"`` and
        some are bad.
    ParameterError
        ``on_bad`` is neither.
    """
    if on_bad not in ("skip", "raise"):
        raise ParameterError(choice("on_bad", on_bad, ("skip", "raise")))
    if not os.path.isdir(root):  # Path.is_dir raises for paths that are too long
        raise DatasetError(f"{root} is not a folder; expected one with UTKFace pictures.")
    paths = find_images([root])
    matches = [(path, NAME.match(path.name)) for path in paths]
    named = [(path, match) for path, match in matches if match and int(match[1]) <= OLDEST]
    if not named:
        raise DatasetError(
            f"{root} holds no picture named AGE_GENDER_RACE_TIME.jpg, "
            "such as 26_1_0_20170116171048641.jpg.chip.jpg."
        )
    hashes, errors = scan(str(path) for path, _ in named)
    if len(errors) == len(named):
        raise DatasetError(f"No picture in {root} can be read; first: {min(errors.values())}")
    good = [(path, match, h) for (path, match), h in zip(named, hashes, strict=True) if h]
    report = ReadReport(
        len(paths),
        {
            "malformed name": tuple(path.name for path, match in matches if not match),
            "impossible age": tuple(
                path.name for path, match in matches if match and int(match[1]) > OLDEST
            ),
            "unreadable picture": tuple(Path(path).name for path in errors),
        },
    )
    if on_bad == "raise":
        report.raise_if_dropped()
    columns = {
        "path": [str(path) for path, _, _ in good],
        "age": [int(match[1]) for _, match, _ in good],
        "gender": [GENDERS[int(match[2])] for _, match, _ in good],
        "race": [RACES[int(match[3])] for _, match, _ in good],
        "source": ["utkface"] * len(good),
        "hash": [h for _, _, h in good],
    }
    return make_faces(columns, report)
