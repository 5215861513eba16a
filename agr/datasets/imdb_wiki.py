"""IMDB-WIKI: pictures of well-known people, labelled by a .mat file (Rothe et al., IJCV 2018)."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agr.datasets.faces import Faces, OnBad
from agr.datasets.matlab import read_struct
from agr.datasets.table import Sieve, is_blank, join

STRUCTS = ("imdb", "wiki")
NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
GENDERS = {0.0: "female", 1.0: "male"}  # by code
YEAR_ONE = 367  # Matlab's serial number of 1 January of the year 1
LAST_DAY = 3_652_425  # and of 31 December 9999

Numbers = npt.NDArray[np.float64]


def read(
    mat: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    min_age: float = 9,
    max_age: float = 99,
    min_face_score: float = 1.0,
    check_images: bool = True,
    on_bad: OnBad = "skip",
) -> Faces:
    """Read ``imdb.mat`` or ``wiki.mat``.

    The age is the number of whole years between the birth date and 1 July of the year in which
    the picture was taken, since its day is not known. Race is not labelled.

    Parameters
    ----------
    mat : path
        Matlab file with the struct ``imdb`` or ``wiki``.
    root : path, optional
        Folder that ``full_path`` is relative to; default: the file's folder.
    min_age, max_age : float
        Ages in years that are kept, both ends included.
    min_face_score : float, default=1.0
        The face detector's score must be above this.
    check_images : bool, default=True
        Decode every picture once, and keep its hash; False does not look at the pictures.
    on_bad : {"skip", "raise"}, default="skip"
        Impossible birth dates, unknown genders and unreadable pictures are left out and named in
        ``report``, or raise. What the thresholds and a second face leave out never raises.

    Returns
    -------
    Faces
        In the file's order, with ``report``; ``source`` is "imdb" or "wiki".

    Raises
    ------
    DatasetError
        The file cannot be read, a field is lacking, no entry is good, or ``on_bad="raise"`` and
        some are bad.
    ParameterError
        ``on_bad`` is neither.
    """
    name, places, fields = read_struct(Path(mat), STRUCTS, NUMBERS)
    ages = ages_at_mid_year(fields["dob"], fields["photo_taken"])
    genders = [GENDERS.get(code) for code in fields["gender"]]
    sieve = Sieve([place or f"entry {i}" for i, place in enumerate(places)], on_bad)
    sieve.drop("impossible birth date", np.isnan(ages))
    sieve.drop("unknown gender", is_blank(genders))
    sieve.drop("no face or a low face score", ~(fields["face_score"] > min_face_score), wanted=True)
    sieve.drop("second face", ~np.isnan(fields["second_face_score"]), wanted=True)
    sieve.drop("age outside range", ~((ages >= min_age) & (ages <= max_age)), wanted=True)
    sieve.drop("no path", is_blank(places))
    return sieve.faces(
        {
            "path": join(Path(mat).parent if root is None else root, places),
            "age": ages,
            "gender": genders,
            "source": name,
        },
        check_images=check_images,
    )


def ages_at_mid_year(dob: Numbers, photo_taken: Numbers) -> Numbers:
    """Count the whole years from a birth date to 1 July of the picture's year.

    Parameters
    ----------
    dob : array of shape (n,)
        Matlab serial dates: 1 is 1 January of the year 0.
    photo_taken : array of shape (n,)
        Years.

    Returns
    -------
    array of shape (n,)
        Years; NaN where the birth date is none, or lies after the picture.

    Examples
    --------
    >>> ages_at_mid_year(np.array([730486.0]), np.array([2030.0]))  # born on 1 January 2000
    array([30.])
    """
    possible = (dob >= YEAR_ONE) & (dob <= LAST_DAY) & np.isfinite(photo_taken)
    days = np.floor(np.where(possible, dob, YEAR_ONE)).astype(np.int64) - YEAR_ONE
    born = np.datetime64("0001-01-01") + days.astype("timedelta64[D]")
    year = born.astype("datetime64[Y]")
    july = (year.astype("datetime64[M]") + np.timedelta64(6, "M")).astype("datetime64[D]")
    ages = photo_taken - (year.astype(np.int64) + 1970) - (born > july)
    return np.where(possible & (ages >= 0), ages, np.nan)
