"""What is read, one picture after another: folders, lists, tables and tar shards."""

import csv
import io
import os
import tarfile
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, Any

from agr.bulk.places import (
    Remote,
    Unreadable,
    beside,
    expand,
    is_folder,
    is_url,
    open_file,
    suffix_of,
    walk,
)
from agr.errors import DatasetError, ParameterError, nearest, require

LISTS = frozenset({".txt", ".list"})
TABLES = frozenset({".csv", ".tsv"})
PARQUET = frozenset({".parquet", ".pq"})
PACKED = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PATH_COLUMN = "path"
SEPARATORS = ",;\t|"  # of which the most frequent one in the header parts the columns

Source = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """A picture.

    Attributes
    ----------
    name : str
        What its rows call it.
    picture : object
        What `Predictor.predict` takes.
    tar : str
        The archive that it lies in; empty where it is a file.
    """

    name: str
    picture: Any
    tar: str = ""


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of the pictures.

    A picture's share follows from its name in its source alone, so that machines need not speak
    with each other, and pictures that are added meanwhile move no other. Archives are shared out
    whole, in turn by name, since each is read from end to end.

    Attributes
    ----------
    number : int
        From 1 on.
    count : int
        How many there are.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``"2/8"``."""
        number, _, count = text.partition("/")
        if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return cls(int(number), int(count))
        raise ParameterError(f"shard must be i/n with 1 <= i <= n, such as 2/8; got {text!r}.")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, key: str) -> bool:
        """Tell whether a picture is in this share."""
        if self.count == 1:
            return True
        digest = blake2b(key.encode(errors="surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest) % self.count == self.number - 1

    def has_turn(self, position: int) -> bool:
        """Tell whether an archive is in this share, by its position among all, from 0 on."""
        return position % self.count == self.number - 1


ALL = Shard()


def find(
    sources: Iterable[Source],
    *,
    path_column: str = PATH_COLUMN,
    shard: Shard = ALL,
    without: Collection[str] = (),
) -> Generator[Item]:
    """Give the pictures of some sources, in an order that is always the same.

    Parameters
    ----------
    sources : iterable of path or URL
        Pictures; folders; lists (``.txt``, a path or URL a line); tables (``.csv``, ``.tsv``,
        ``.parquet``); tar archives. Paths in a list or table are relative to its folder.
    path_column : str, default="path"
        The column of tables that holds the paths or URLs.
    shard : Shard, optional
        Give only this share.
    without : collection of str
        Archives that are left out.

    Yields
    ------
    Item
        A picture. One that does not exist or cannot be read is given too: whoever reads it learns
        the reason.

    Raises
    ------
    DatasetError
        A list or table cannot be read, or has no such column.
    MissingExtraError
        A URL without the extra ``cloud``, or Parquet without ``parquet``.
    """
    places = list(chain.from_iterable(expand(_text(source)) for source in sources))
    # Sorted, since on another machine the shell may name them in another order.
    tars = sorted({place for place in places if place.lower().endswith(PACKED)})
    turns = {tar: shard.has_turn(k) and tar not in without for k, tar in enumerate(tars)}
    for place in places:
        if place in turns:
            if turns[place]:
                turns[place] = False  # an archive that is given twice is read once
                yield from _in_tar(place)
            continue
        for key, found in _listed(place, path_column):
            if shard.has(key):
                yield Item(found, Remote(found) if is_url(found) else found)


def _text(source: Source) -> str:
    place = os.fspath(source)
    return place if is_url(place) else str(Path(place))


def _listed(place: str, path_column: str) -> Iterator[tuple[str, str]]:
    """Give what decides a picture's share, and its path or URL."""
    from agr.core.images import SUFFIXES

    kind = suffix_of(place)
    if kind in SUFFIXES:
        # A folder may be called so too, and one path is no reason to ask a server.
        if is_url(place) or not os.path.isdir(place):
            yield place, place
            return
    elif kind in LISTS | TABLES | PARQUET:
        read = _in_list if kind in LISTS else _in_table if kind in TABLES else _in_parquet
        for entry in read(place, path_column):
            yield entry, beside(place, entry)
        return
    if is_folder(place):
        yield from walk(place, SUFFIXES)
    else:
        yield place, place


def _open(place: str) -> IO[bytes]:
    try:
        return open_file(place)
    except FileNotFoundError:
        raise DatasetError(f"{place} does not exist; check the path.") from None


def _in_list(place: str, _: str) -> Iterator[str]:
    with io.TextIOWrapper(_open(place), "utf-8-sig", errors="surrogateescape") as lines:
        for line in lines:
            if entry := line.strip():
                yield entry


def _in_table(place: str, column: str) -> Iterator[str]:
    stream = _open(place)
    with io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="") as lines:
        head = lines.readline()
        separator = max(SEPARATORS, key=head.count)
        rows = csv.reader(chain([head], lines), delimiter=separator)
        try:
            k = _position(next(rows, []), column, place)
            for row in rows:
                if row:
                    yield row[k].strip() if k < len(row) else ""
        except csv.Error as error:
            raise DatasetError(f"{place}, line {rows.line_num}: {error}.") from None


def _in_parquet(place: str, column: str) -> Iterator[str]:
    with require("parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    with _open(place) as stream:
        try:
            table = pq.ParquetFile(stream)
            names = [table.schema_arrow.names[_position(table.schema_arrow.names, column, place)]]
            for batch in table.iter_batches(1000, columns=names):
                yield from (str(entry or "").strip() for entry in batch.column(0).to_pylist())
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise DatasetError(f"{place} cannot be read as a parquet file: {error}.") from None


def _position(names: list[str], column: str, place: str) -> int:
    if column in names:
        return names.index(column)
    raise DatasetError(
        f"{place} has no column {column!r}; its columns are {', '.join(map(repr, names))}."
        f"{nearest(column, names)} Name the one that holds the paths with --path-column (in Python "
        "path_column=)."
    )


def _in_tar(place: str) -> Iterator[Item]:
    from agr.core.images import MAX_BYTES, SUFFIXES

    with _open(place) as stream:
        members = _members(stream)
        while True:
            try:
                name, file = next(members, (None, None))
                if name is None or file is None:
                    return
                if suffix_of(name) not in SUFFIXES:
                    continue
                member = _Member(f"{place}/{name}", file.read(MAX_BYTES))
            except Exception as error:  # unpackers raise nearly anything over damaged files
                reason = str(error) or type(error).__name__
                broken = Unreadable(place, f"{place} cannot be read any further: {reason}.")
                yield Item(place, broken, place)
                return
            yield Item(member.name, member, place)


class _Member(io.BytesIO):
    """A file of an archive, by its name, so that an error can say it."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


def _members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Give the files of an archive as they come; nothing is unpacked to the disk."""
    with tarfile.open(fileobj=stream, mode="r|*", errors="surrogateescape") as archive:
        for member in archive:
            if member.isreg() and (file := archive.extractfile(member)):
                yield member.name, file
            # Of which it would keep every one, to find them again.
            archive.members = []  # type: ignore[attr-defined]
