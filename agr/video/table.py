"""The people of every frame as a CSV, which goes on where a stopped run left it."""

import csv
import hashlib
import json
import os
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agr._version import __version__
from agr.core.files import put
from agr.prediction import FIELDS, Face, columns_of, flatten, restore
from agr.video.people import Person
from agr.video.reading import Frame, Video

_FLAT = [column for column in columns_of(FIELDS[Face]) if column.name != "error"]
COLUMNS = ("frame", "time", "person", *(column.name for column in _FLAT))
_NUMBERS = {column.name for column in _FLAT if column.digits is not None}
_FLAGS = {column.name for column in _FLAT if column.is_flag}


class Table:
    """Rows of people; use it in a ``with`` block.

    They are written beside the table, into a file whose name tells the settings, and get the
    table's name when the block ends well. After a stop, the same settings find that file again.

    Parameters
    ----------
    path : pathlib.Path
        CSV to write.
    settings : dict
        Whatever the rows depend on; plain values.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self._path = path
        self._part = path.with_name(f"{path.name}.{digest}.part")
        self._stream: Any = None
        self._empty = True

    def __str__(self) -> str:
        return str(self._part)

    @property
    def goes_on(self) -> bool:
        """Whether a stopped run left rows; ask before the block begins."""
        return self._complete() > 0

    def __enter__(self) -> Self:
        known = self._complete()
        self._empty = not known
        self._stream = open(
            self._part, "r+" if known else "w", encoding="utf-8", newline="", opener=_open_no_link
        )
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._stream.truncate(known)
        self._stream.seek(known)
        if not known:
            self._writer.writerow(COLUMNS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if error is None:
            put(self._part, self._path)
        elif self._empty:
            self._part.unlink()

    def recalled(self) -> Iterator[tuple[int, list[Person]]]:
        """Read what an earlier run wrote."""
        with self._part.open(encoding="utf-8", newline="") as stream:
            for number, rows in groupby(csv.DictReader(stream), lambda row: int(row["frame"])):
                yield number, [_person(row) for row in rows if row["person"]]

    def write(self, frame: Frame, people: list[Person]) -> None:
        """Write the people of a frame; a frame without any gets a row all the same."""
        self._empty = False
        # Numbers are not rounded as in other tables, because a stopped run goes on from them.
        rows = [(person.id, *flatten(person.to_dict(), _FLAT).values()) for person in people]
        for row in rows or [(None,) * (1 + len(_FLAT))]:
            self._writer.writerow([frame.number, frame.time, *row])
        self._stream.flush()

    def _complete(self) -> int:
        """Count the bytes before the last frame, which a stop may have cut short."""
        start, offset, current = 0, 0, None
        if self._part.exists():
            with self._part.open("rb") as stream:
                for line in stream:
                    frame = line.split(b",")[0]
                    if frame != current:
                        start, current = offset, frame
                    offset += len(line)
        return start


def run_settings(video: Video, **options: Any) -> dict[str, Any]:
    """Tell runs apart whose rows differ."""
    settings: dict[str, Any] = {"agr": __version__, "video": video.name}
    if video.live:
        settings["started"] = time.time_ns()
    else:
        path = Path(video.name).resolve()
        state = path.stat()
        settings["video"] = [str(path), state.st_size, state.st_mtime_ns]
    for name, value in options.items():
        settings[name] = str(value.resolve()) if isinstance(value, Path) else value
    return settings


def _open_no_link(path: str, flags: int) -> int:
    """Open a file whose name others could foresee, and so could make a link of."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _person(row: dict[str, str]) -> Person:
    cells: dict[str, Any] = {
        name: float(row[name]) if name in _NUMBERS else row[name] for name in COLUMNS if row[name]
    }
    cells |= {name: row[name] == "True" for name in _FLAGS if row[name]}
    return Person(**restore(cells), id=int(row["person"]))
