"""Rows in numbered parts, with a manifest, so that a run that was stopped can go on.

A picture's rows are appended to the journal as soon as they are there. Once it holds enough
pictures, they become a part: a file that is never touched again. The manifest, which is replaced in
one step, says which parts count. So whatever moment a run ends at, every picture is in a part, in
the journal, or still to be read, and never in two of these.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Self

from agr.bulk.formats import FORMATS, Row, write_rows
from agr.bulk.sources import ALL, Item, Shard
from agr.core import files
from agr.errors import OutputError

VERSION = 1
PICTURES = 10_000  # in a part
MANIFEST, JOURNAL, PART = "_manifest", "_journal", "part"  # pyarrow and Spark skip what begins so


@dataclass
class Part:
    """What the manifest says of a part.

    Attributes
    ----------
    file : str
        Its name.
    pictures, rows, errors : int
        How many it holds; of the pictures, how many could not be read or show no face.
    names : str
        Digest of the pictures' names.
    tar : str
        The archive that all of them lie in; empty where they are files.
    """

    file: str = ""
    pictures: int = 0
    rows: int = 0
    errors: int = 0
    names: str = ""
    tar: str = ""
    _digest: Any = field(default_factory=lambda: blake2b(digest_size=16), repr=False)

    def add(self, name: str, tar: str, rows: Sequence[Row]) -> None:
        """Count a picture."""
        self.tar = tar
        self.pictures += 1
        self.rows += len(rows)
        self.errors += rows[0]["error"] is not None
        _add_name(self._digest, name)
        self.names = self._digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Give what the manifest holds."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


@dataclass(frozen=True)
class Counts:
    """What is done.

    Attributes
    ----------
    pictures, rows : int
        How many were read and written.
    errors : int
        Pictures that could not be read or show no face.
    """

    pictures: int
    rows: int
    errors: int


class Parts:
    """Writes rows into a folder, and knows what earlier runs wrote there.

    Parameters
    ----------
    folder : Path
        Where; made if need be.
    form : str
        A key of `FORMATS`: what the parts are.
    columns : sequence of str
        Keys of the rows.
    settings : mapping of str to object
        What must be the same for a run to go on; plain JSON.
    shard : Shard
        Which share of the pictures these are; several shares may be written into one folder.
    overwrite : bool, default=False
        Remove what earlier runs wrote; of a share, only that.

    Raises
    ------
    OutputError
        Once it is entered: the folder holds something else, or what was begun in another way; or
        another run is writing there.
    """

    def __init__(
        self,
        folder: Path,
        form: str,
        columns: Sequence[str],
        settings: Mapping[str, Any],
        shard: Shard = ALL,
        *,
        overwrite: bool = False,
    ) -> None:
        self._folder, self._form, self._columns = folder, form, columns
        self._overwrite = overwrite
        self._settings = json.loads(json.dumps(settings))
        self._shard = shard
        own = "" if shard.count == 1 else f"-{shard.number}-of-{shard.count}"
        self._stem = f"{PART}{own}"
        self._manifest = folder / f"{MANIFEST}{own}.json"
        self._journal = folder / f"{JOURNAL}{own}.jsonl"
        self._done: list[Part] = []
        self._part = Part()
        self.complete = False

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        manifests = self._check_folder()
        self._stream = self._lock()
        try:
            if self._overwrite:
                manifests = [path for path in manifests if path != self._manifest]
            self._compare(manifests)
            if self._overwrite or not self._manifest.exists():
                self._write_manifest()
                self._start_journal()
            else:
                found = _load(self._manifest)
                self._done, self.complete = found["parts"], found["complete"]
                self._check_parts()
                self._read_journal()
            self._remove_rest()
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        if self.complete:
            self._journal.unlink(missing_ok=True)

    @property
    def counts(self) -> Counts:
        """What is done, by earlier runs too."""
        every = [*self._done, self._part]
        return Counts(*(sum(getattr(p, n) for p in every) for n in ("pictures", "rows", "errors")))

    @property
    def finished_tars(self) -> set[str]:
        """Archives that are done and need not be opened again."""
        tars = [part.tar for part in (*self._done, self._part) if part.pictures]
        return {tar for tar in tars if tar != tars[-1]}

    def skip_done(self, items: Iterable[Item]) -> Iterator[Item]:
        """Leave out what is done, and make sure that it is what was done.

        Parameters
        ----------
        items : iterable of Item
            All pictures, but for those in `finished_tars`.

        Yields
        ------
        Item
            One that is still to be read.

        Raises
        ------
        OutputError
            The pictures are not those that the run began with.
        """
        rest, skipped = iter(items), self.finished_tars
        for part in (*self._done, self._part):
            if part.tar and part.tar in skipped:
                continue
            digest = blake2b(digest_size=16)
            for item in islice(rest, part.pictures):
                _add_name(digest, item.name)
            if part.pictures and digest.hexdigest() != part.names:
                raise OutputError(
                    f"{self._folder} was begun with other pictures: those of "
                    f"{part.file or 'the journal'} are no longer at the same place of the source. "
                    "Restore the source, give another output, or start anew with --overwrite "
                    "(in Python overwrite=True)."
                )
        yield from rest

    def add(self, item: Item, rows: Sequence[Row]) -> None:
        """Keep a picture's rows; they count from now on."""
        if self._part.pictures and item.tar != self._part.tar:
            self._close_part()
        line = json.dumps([item.name, item.tar, rows]) + "\n"
        self._stream.write(line.encode())
        self._stream.flush()
        self._part.add(item.name, item.tar, rows)
        if self._part.pictures == PICTURES:
            self._close_part()

    def finish(self) -> None:
        """Turn the rest into the last part; there is nothing more to come."""
        if self._part.pictures:
            self._close_part()
        self.complete = True
        self._write_manifest()

    def join(self, output: Path, form: str) -> None:
        """Write the rows of all parts, which are JSON lines, into one file."""
        joined = self._folder / "_joined"
        with joined.open("wb") as stream:
            lines = chain.from_iterable(map(self._lines_of, self._done))
            write_rows(map(json.loads, lines), form, stream, self._columns)
        files.put(joined, output)

    def _lines_of(self, part: Part) -> Iterator[bytes]:
        with (self._folder / part.file).open("rb") as stream:
            yield from stream

    def _check_folder(self) -> list[Path]:
        """Give the manifests that lie in the folder, which must be ours."""
        found = sorted(self._folder.iterdir())
        manifests = [path for path in found if re.fullmatch(rf"{MANIFEST}.*\.json", path.name)]
        # Other shares may be at their start, and have no manifest yet.
        strange = [path for path in found if not path.name.startswith((".", JOURNAL))]
        if strange and not manifests:
            raise OutputError(
                f"{self._folder} holds other files, such as {strange[0].name}; name a new folder "
                "for the output."
            )
        return manifests

    def _lock(self) -> IO[bytes]:
        """Open the journal for this process alone; the system frees it however the run ends."""
        stream = self._journal.open("a+b")
        with suppress(ImportError):  # Windows has no such locks
            import fcntl

            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.close()
                raise OutputError(
                    f"Another run is writing into {self._folder}; wait for it, or give another "
                    "output."
                ) from None
            except OSError:  # not every file system has them
                pass
        return stream

    def _compare(self, manifests: Iterable[Path]) -> None:
        """Make sure that all that lies in the folder was begun as this run is."""
        wanted = {**self._settings, "shards": self._shard.count}
        for path in manifests:
            before = {**_load(path)["settings"], "shards": _load(path)["shards"]}
            differ = [key for key in wanted if before.get(key) != wanted[key]]
            if differ:
                changes = "; ".join(
                    f"{key} was {_words(before.get(key))} and is {_words(wanted[key])}"
                    for key in differ
                )
                raise OutputError(
                    f"{self._folder} was begun in another way: {changes}. Give another output, or "
                    "start anew with --overwrite (in Python overwrite=True)."
                )

    def _check_parts(self) -> None:
        for part in self._done:
            if not (self._folder / part.file).is_file():
                raise OutputError(
                    f"{self._folder} lacks {part.file}, which its manifest names. Put it back, or "
                    "start anew with --overwrite (in Python overwrite=True)."
                )

    def _remove_rest(self) -> None:
        """Remove parts that do not count: of a run that was killed there, or is overwritten."""
        counted = {part.file for part in self._done}
        part = rf"{self._stem}-\d+\.\w+"
        for path in self._folder.iterdir():
            rest = re.fullmatch(part, path.name) and path.name not in counted
            if rest or re.fullmatch(rf"\.{part}-[0-9a-f]+\.part", path.name):
                path.unlink()

    def _write_manifest(self) -> None:
        found = {
            "format": VERSION,
            "settings": self._settings,
            "shard": self._shard.number,
            "shards": self._shard.count,
            "complete": self.complete,
            **asdict(self.counts),
            "parts": [part.to_dict() for part in self._done],
        }
        files.write(self._manifest, json.dumps(found, indent=1).encode() + b"\n")

    def _read_journal(self) -> None:
        """Take over what the journal holds, up to a line that was cut off."""
        self._stream.seek(0)
        head = self._stream.readline()
        if head != self._head():  # of a part that was finished already, or none
            self._start_journal()
            return
        end = self._stream.tell()
        for line in self._stream:
            try:
                name, tar, rows = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            self._part.add(name, tar, rows)
            end += len(line)
        self._stream.truncate(end)
        self._stream.seek(0, os.SEEK_END)

    def _head(self) -> bytes:
        return json.dumps({"part": len(self._done)}).encode() + b"\n"

    def _start_journal(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.write(self._head())
        self._stream.flush()
        self._part = Part()

    def _close_part(self) -> None:
        name = f"{self._stem}-{len(self._done):05d}{FORMATS[self._form].ending}"
        with files.replacing(self._folder / name) as stream:
            write_rows(self._journal_rows(), self._form, stream, self._columns)
        self._part.file = name
        self._done.append(self._part)
        self._part = Part()
        self._write_manifest()
        self._start_journal()

    def _journal_rows(self) -> Iterator[Row]:
        with self._journal.open("rb") as stream:
            stream.readline()
            for line in stream:
                yield from json.loads(line)[2]


def _add_name(digest: Any, name: str) -> None:
    digest.update(name.encode(errors="surrogateescape") + b"\0")


def _load(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        if found["format"] != VERSION:
            raise ValueError(f"format {found['format']}")
        return {
            "settings": dict(found["settings"]),
            "shards": int(found["shards"]),
            "complete": bool(found["complete"]),
            "parts": [Part(**part) for part in found["parts"]],
        }
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path} is damaged or from another agr ({error!r}); give another output, or start "
            "anew with --overwrite (in Python overwrite=True)."
        ) from None


def _words(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return repr(text) if len(text) <= 200 else repr(text[:200] + "...")
