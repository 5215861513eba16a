"""Readers of data sets: each gives one `agr.core.data.Faces` table."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agr.core.data import Faces


def read_any(data: str | os.PathLike[str]) -> "Faces":
    """Read labelled pictures of the kind that a path's name tells.

    Parameters
    ----------
    data : path
        A folder of UTKFace pictures, IMDB's or WIKI's ``.mat`` file, or a ``.csv`` or ``.parquet``
        table with the columns path, age, gender and race.

    Returns
    -------
    Faces
        What the reader gives.

    Raises
    ------
    DatasetError
        It is none of these.
    """
    from agr.errors import DatasetError

    path = Path(data)
    readers = {".mat": "imdb_wiki", ".csv": "table", ".parquet": "table"}
    # Not by Path's own methods, which raise for paths that are too long.
    there = os.path.exists(path)
    name = "utkface" if os.path.isdir(path) else readers.get(path.suffix.lower())
    if name is None or not there:
        raise DatasetError(
            f"{path} is {'no folder and no table' if there else 'not there'}; expected a "
            "folder of UTKFace pictures, a .csv or .parquet table, or a .mat file."
        )
    faces: Faces = import_module(f"agr.datasets.{name}").read(path)
    return faces
