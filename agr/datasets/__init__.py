"""Readers of data sets: each gives one `agr.datasets.faces.Faces` table."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agr.errors import require

with require("train"):
    import pandas  # noqa: F401  # every reader's table

if TYPE_CHECKING:
    from agr.datasets.faces import Faces


def read_any(
    data: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> "Faces":
    """Read labelled pictures of the kind that a path's name tells.

    Parameters
    ----------
    data : path
        A folder of UTKFace pictures, IMDB's or WIKI's ``.mat`` file, or a ``.csv`` or ``.parquet``
        table with the columns path, age, gender and race.
    columns, labels
        A table's own names and words; see `agr.datasets.table.read`.

    Returns
    -------
    Faces
        What the reader gives.

    Raises
    ------
    DatasetError
        It is none of these.
    ParameterError
        ``columns`` or ``labels`` for what is no table.
    """
    from agr.errors import DatasetError, ParameterError

    path = Path(data)
    # Not by Path's own methods, which raise for paths that are too long.
    there = os.path.exists(path)
    kind = "folder" if os.path.isdir(path) else path.suffix.lower()
    if kind not in ("folder", ".mat", ".csv", ".parquet") or not there:
        raise DatasetError(
            f"{path} is {'no folder and no table' if there else 'not there'}; expected a "
            "folder of UTKFace pictures, a .csv or .parquet table, or a .mat file."
        )
    if kind in ("folder", ".mat") and (columns or labels):
        raise ParameterError(
            f"{path} is no table, so its columns and labels have no names of their own; leave out "
            "--column and --label."
        )
    if kind == "folder":
        from agr.datasets import utkface

        return utkface.read(path)
    if kind == ".mat":
        from agr.datasets import imdb_wiki

        return imdb_wiki.read(path)
    from agr.datasets import table

    return table.read(path, columns=columns, labels=labels)
