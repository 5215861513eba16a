"""A table of one's own: csv, parquet or DataFrame, with any column names."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from agr.datasets.faces import Faces, OnBad, ReadReport, make_faces, scan
from agr.errors import DatasetError, ParameterError, choice, nearest, require
from agr.gender.labels import LABELS as GENDERS
from agr.race.labels import LABELS as RACES

OLDEST = 120
SEPARATORS = b",;\t|"  # of which the most frequent one in the header parts the columns
VOCABULARIES = {"gender": GENDERS, "race": RACES}
PLAIN = ("", ".csv", ".tsv", ".txt")
LONGEST_HEADER = 1 << 20  # bytes
NAMES = ("path", "age", *VOCABULARIES)
OWN_WORDS = "Say what a word means with --label WORD=LABEL (in Python labels={word: label})."

Mask = npt.NDArray[np.bool_]
Words = list[str | None]


def read(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    columns: Mapping[str, str | None] | None = None,
    labels: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    root: str | os.PathLike[str] | None = None,
    name: str | None = None,
    check_images: bool = True,
    on_bad: OnBad = "skip",
) -> Faces:
    """Read a table that has a row for each picture.

    Parameters
    ----------
    source : path or DataFrame
        CSV file, parquet file (``.parquet``; needs pyarrow) or a table in memory. Columns of a CSV
        may be parted by commas, semicolons, tabs or bars.
    columns : mapping of str to str or None, optional
        The table's own name of ``path``, ``age``, ``gender`` or ``race``, such as
        ``{"age": "years"}``; None leaves a column out. A column of labels that is not named here
        may be lacking, all its labels are missing then.
    labels : mapping of str to str, or iterable of (str, str)
        The table's own words, each with the label that it stands for, such as
        ``{"M": "male", "F": "female"}``; pairs where two columns share a word, such as
        ``[("0", "male"), ("0", "white")]``. Genders are female or male; races are asian, black,
        indian, other or white. Case does not matter. Ages are numbers from 0 to 120. A blank cell
        is a missing label.
    root : path, optional
        Folder that the paths are relative to; default: the file's folder, or for a DataFrame
        the working directory.
    name : str, optional
        The data set's name; default: the file's name without its ending, or "table".
    check_images : bool, default=True
        Decode every picture once, and keep its hash; False does not look at the pictures.
    on_bad : {"skip", "raise"}, default="skip"
        Impossible ages, unknown words and unreadable pictures are left out and named in
        ``report``, or raise.

    Returns
    -------
    Faces
        In the table's order, with ``report``.

    Raises
    ------
    DatasetError
        The file cannot be read, a column is lacking, no row is good, or ``on_bad="raise"`` and
        some are bad.
    MissingExtraError
        Parquet without pyarrow.
    ParameterError
        ``on_bad`` is neither; or ``columns`` or ``labels`` name something that agr does not know.
    """
    own_words = _meanings(labels)
    names = _names(columns or {})
    rows, folder, stem = _load(source)
    found = _label_columns(rows, names)
    places = clean(rows[names["path"]])
    sieve = Sieve([place or f"row {i}" for i, place in enumerate(places)], on_bad)
    sieve.drop("no path", is_blank(places))
    values: dict[str, Any] = {}
    for label, column in found.items():
        if label == "age":
            values["age"] = _ages(clean(rows[column]), sieve)
        else:
            meaning = own_words[label]
            # Codes of a column with gaps come as 0.0 and 1.0; they are meant as 0 and 1.
            cells = rows[column].convert_dtypes() if meaning else rows[column]
            words = [meaning.get(word or "", word) for word in lower(clean(cells))]
            sieve.drop_unknown(label, words, [*VOCABULARIES[label], None], advice=OWN_WORDS)
            values[label] = words
    values["path"] = join(folder if root is None else root, places)
    values["source"] = stem if name is None else name
    return sieve.faces(values, check_images=check_images)


class Sieve:
    """Leave entries of a data set out, rule by rule, and remember which.

    Parameters
    ----------
    names : sequence of str
        What the report calls each entry.
    on_bad : {"skip", "raise"}
        Whether `faces` raises over what was left out.

    Attributes
    ----------
    kept : array of shape (n,)
        Bool; entries that no rule has left out yet.
    """

    def __init__(self, names: Sequence[str], on_bad: OnBad) -> None:
        if on_bad not in ("skip", "raise"):
            raise ParameterError(choice("on_bad", on_bad, ("skip", "raise")))
        self.kept: Mask = np.ones(len(names), dtype=bool)
        self._names = names
        self._on_bad = on_bad
        self._dropped: dict[str, tuple[str, ...]] = {}
        self._bad: set[str] = set()
        self._hints: list[str] = []

    def drop(self, rule: str, mask: Mask, *, wanted: bool = False) -> None:
        """Leave the entries in ``mask`` out; ``wanted`` ones are no fault of the data set."""
        out = np.flatnonzero(self.kept & mask)
        self._dropped[rule] = tuple(self._names[int(i)] for i in out)
        self.kept[out] = False
        if not wanted:
            self._bad.add(rule)

    def drop_unknown(
        self, label: str, words: Words, known: Sequence[str | None], advice: str = ""
    ) -> None:
        """Leave entries out whose word is not ``known``, and say what was expected."""
        mask = np.array([word not in known for word in words], dtype=bool)
        if (self.kept & mask).any():
            first = words[int(np.flatnonzero(self.kept & mask)[0])]
            expected = choice(label, first, [word for word in known if word is not None])
            self._hints.append(f"{expected} {advice}".strip())
        self.drop(f"unknown {label}", mask)

    def faces(self, columns: Mapping[str, Any], *, check_images: bool) -> Faces:
        """Look at the pictures that are left and build the table.

        Parameters
        ----------
        columns : mapping of str to sequence
            Columns of `Faces` for all entries, ``path`` among them.
        check_images : bool
            Decode every picture; what cannot be read is left out.

        Returns
        -------
        Faces
            The good entries in their order, with ``report``.

        Raises
        ------
        DatasetError
            Nothing is left, or ``on_bad="raise"`` and something is bad.
        """
        table = pd.DataFrame(dict(columns), index=range(len(self.kept)))
        if check_images:
            table["hash"] = self._drop_unreadable(table["path"].to_numpy(object))
        report = ReadReport(len(self.kept), self._dropped)
        if self._on_bad == "raise":
            strict = {rule: names for rule, names in self._dropped.items() if rule in self._bad}
            if any(strict.values()):
                advice = 'Pass on_bad="skip" to go on without them.'
                lines = [str(ReadReport(report.n_found, strict)), *self._hints, advice]
                raise DatasetError("\n".join(lines))
        if not self.kept.any():
            raise DatasetError("\n".join([f"No entry is good: {report}", *self._hints]))
        return make_faces(table[self.kept], report)

    def _drop_unreadable(self, paths: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        hashes = np.full(len(paths), None, dtype=object)
        seen, errors = scan(paths[self.kept])
        hashes[self.kept] = seen
        self._hints += list(errors.values())[:1]
        self.drop("missing or unreadable picture", np.array([h is None for h in hashes], bool))
        return hashes


def load_csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a csv file with every cell as text.

    Parameters
    ----------
    path : path
        File, UTF-8, with a header line.

    Returns
    -------
    DataFrame
        Blank cells are missing values.

    Raises
    ------
    DatasetError
        It does not exist or is no such table.
    """
    try:
        # An absolute path cannot be taken for an address, which pandas would fetch.
        with warnings.catch_warnings():
            # Rows longer than the header would be cut or shift every column, with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                Path(path).absolute(), dtype=str, index_col=False, sep=_separator(Path(path))
            )
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist; check the path.") from None
    except Exception as error:  # pandas raises nearly anything over damaged files
        raise DatasetError(f"{path} cannot be read as a csv file: {error}.") from error


def _separator(path: Path) -> str:
    """Tell what parts the columns: what the header has most of, outside quotes."""
    if path.suffix.lower() not in PLAIN:  # pandas unpacks some
        return ","
    with path.open("rb") as stream:
        header = re.sub(rb'"[^"]*"', b"", stream.readline(LONGEST_HEADER))
    return chr(max(SEPARATORS, key=lambda separator: header.count(separator)))


def clean(cells: "pd.Series[Any]") -> Words:
    """Turn cells into text without blanks around it; None for a blank cell."""
    blank = cells.isna().to_numpy()
    try:
        return [None if b else str(c).strip() or None for c, b in zip(cells, blank, strict=True)]
    except UnicodeDecodeError as error:  # of parquet, whose text is decoded as it is looked at
        raise DatasetError(
            f"The column {cells.name!r} holds text that is no UTF-8: {error}."
        ) from None


def lower(words: Words) -> Words:
    """Write words in lower case."""
    return [word and word.lower() for word in words]


def is_blank(words: Words) -> Mask:
    """Mark what is missing."""
    return np.array([word is None for word in words], dtype=bool)


def join(root: str | os.PathLike[str], places: Words) -> list[str]:
    """Put ``root`` before relative paths."""
    return [str(Path(root) / (place or "")) for place in places]


def _load(source: Any) -> tuple[pd.DataFrame, Path, str]:
    """Give the rows, the folder their paths start from, and a name for the data set."""
    if isinstance(source, pd.DataFrame):
        return source, Path(), "table"
    if not isinstance(source, str | os.PathLike):
        raise DatasetError(
            f"Expected the path of a csv or parquet file, or a DataFrame, got {type(source)}."
        )
    file = Path(source)
    parquet = file.suffix.lower() in (".parquet", ".pq")
    return _load_parquet(file) if parquet else load_csv(file), file.parent, file.stem


def _load_parquet(path: Path) -> pd.DataFrame:
    with require("parquet"):
        import pyarrow  # noqa: F401
    try:
        return pd.read_parquet(path.absolute(), engine="pyarrow")
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist; check the path.") from None
    except Exception as error:  # pandas and pyarrow raise nearly anything over damaged files
        raise DatasetError(f"{path} cannot be read as a parquet file: {error}.") from error


def _names(columns: Mapping[str, str | None]) -> dict[str, Any]:
    """Give the table's name of every column."""
    for name in columns:
        if name not in NAMES:
            raise ParameterError(choice("a column that --column names", name, NAMES))
    found = {name: columns.get(name, name) for name in NAMES}
    return {**found, "path": found["path"] or "path"}  # nothing can be read without it


def _meanings(
    labels: Mapping[str, str] | Iterable[tuple[str, str]],
) -> dict[str, dict[str, str]]:
    """Sort own words by the column that their label belongs to."""
    found: dict[str, dict[str, str]] = {column: {} for column in VOCABULARIES}
    for word, label in labels.items() if isinstance(labels, Mapping) else labels:
        meant = label.strip().lower()
        columns = [column for column, known in VOCABULARIES.items() if meant in known]
        if not columns:
            everything = [label for known in VOCABULARIES.values() for label in known]
            raise ParameterError(choice("a label that --label names", label, everything))
        key = word.strip().lower()
        if found[columns[0]].setdefault(key, meant) != meant:
            raise ParameterError(
                f"The word {word!r} means {found[columns[0]][key]} or {meant}, not both; leave one "
                "of them out."
            )
    return found


def _label_columns(rows: pd.DataFrame, names: Mapping[str, Any]) -> dict[str, str]:
    """Find the columns; a name that the caller chose must exist, a default one need not."""
    came: list[Any] = list(rows.columns)
    found = {}
    for label, column in names.items():
        if came.count(column) > 1:
            raise DatasetError(f"The table has {came.count(column)} columns called {column!r}.")
        if column in came:
            found[label] = str(column)
        elif column is not None:
            # A column "Age" must not be overlooked because "age" was expected.
            alike = [c for c in came if str(c).lower() == column.lower()]
            if label == "path" or column != label or alike:
                raise _lacking(f"column {column!r}", came, nearest(column, came))
    del found["path"]
    if not found:
        raise _lacking("column of labels", came)
    return found


def _lacking(what: str, came: list[Any], hint: str = "") -> DatasetError:
    return DatasetError(
        f"The table has no {what}; its columns are {', '.join(map(repr, came))}.{hint} Needed are "
        "'path' and at least one of 'age', 'gender' and 'race'. Say how yours are called, such as "
        '--column path=file --column age=years (in Python columns={"path": "file"}).'
    )


def _ages(words: Words, sieve: Sieve) -> npt.NDArray[np.float64]:
    numbers = pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").to_numpy(float)
    sieve.drop("impossible age", ~is_blank(words) & ~((numbers >= 0) & (numbers <= OLDEST)))
    return numbers
