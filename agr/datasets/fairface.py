"""FairFace: pictures with bins of age and seven words for race (Karkkainen and Joo, WACV 2021)."""

import os
from pathlib import Path

import numpy as np

from agr.datasets.faces import Faces, OnBad
from agr.datasets.table import Sieve, clean, is_blank, join, load_csv, lower
from agr.errors import DatasetError

COLUMNS = ("file", "age", "gender", "race")
AGE_BINS = (
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
)
GENDERS = ("female", "male")
# Seven words become five, which cannot be undone. East and Southeast Asian fall together. UTKFace
# counts Hispanic, Latino and Middle Eastern people under "other", and so must FairFace's, or one
# face would have two right answers in a mixture of the two data sets.
RACES = {
    "white": "white",
    "black": "black",
    "indian": "indian",
    "east asian": "asian",
    "southeast asian": "asian",
    "latino_hispanic": "other",
    "middle eastern": "other",
}


def read(
    csv: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    check_images: bool = True,
    on_bad: OnBad = "skip",
) -> Faces:
    """Read one of FairFace's label files.

    FairFace gives no exact age, so ``age`` is missing everywhere; the table has one column more,
    ``age_bin``, with FairFace's own words from "0-2" to "more than 70". Its seven races become
    five: East Asian and Southeast Asian are asian; Latino_Hispanic and Middle Eastern are other,
    as in UTKFace.

    Parameters
    ----------
    csv : path
        File with the columns ``file``, ``age``, ``gender`` and ``race``.
    root : path, optional
        Folder that ``file`` is relative to; default: the csv's folder.
    check_images : bool, default=True
        Decode every picture once, and keep its hash; False does not look at the pictures.
    on_bad : {"skip", "raise"}, default="skip"
        Unknown words and unreadable pictures are left out and named in ``report``, or raise.

    Returns
    -------
    Faces
        In the file's order, with ``report``.

    Raises
    ------
    DatasetError
        The file cannot be read, a column is lacking, no row is good, or ``on_bad="raise"`` and
        some are bad.
    ParameterError
        ``on_bad`` is neither.
    """
    rows = load_csv(csv)
    lacking = [column for column in COLUMNS if column not in rows]
    if lacking:
        raise DatasetError(
            f"{csv} lacks {', '.join(lacking)}; expected FairFace's columns {', '.join(COLUMNS)}, "
            f"got {', '.join(rows.columns)}. Read other tables with agr.datasets.table.read."
        )
    places = clean(rows["file"])
    bins, genders, races = (lower(clean(rows[column])) for column in COLUMNS[1:])
    sieve = Sieve([place or f"row {i}" for i, place in enumerate(places)], on_bad)
    sieve.drop("no path", is_blank(places))
    sieve.drop_unknown("age", bins, AGE_BINS)
    sieve.drop_unknown("gender", genders, GENDERS)
    sieve.drop_unknown("race", races, tuple(RACES))
    faces = sieve.faces(
        {
            "path": join(Path(csv).parent if root is None else root, places),
            "gender": genders,
            "race": [RACES.get(race or "") for race in races],
            "source": "fairface",
        },
        check_images=check_images,
    )
    faces.table["age_bin"] = np.array(bins, dtype=object)[sieve.kept]
    return faces
