"""Where pictures lie: folders and files, on the disk or behind URLs that fsspec opens."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from agr.errors import ImageError, MissingExtraError, ParameterError, require

PAUSES = (1, 4)  # seconds before a picture that could not be fetched is asked for again
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")  # two letters at least: C:// is a disk


def is_url(place: str) -> bool:
    """Tell a URL from a path."""
    return _URL.match(place) is not None


def suffix_of(place: str) -> str:
    """Give the ending of a path or URL in lower case."""
    if is_url(place):
        place = place.partition("?")[0].partition("#")[0]
    return os.path.splitext(place)[1].lower()


def open_system(url: str) -> tuple[Any, str]:
    """Give fsspec's file system of a URL, and the path in it."""
    with require("cloud"):
        import fsspec
    try:
        # What it has listed it would keep, and a folder may hold millions.
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise MissingExtraError(
            f'{url} cannot be opened: {error}. pip install "agr-faces[cloud]"'
        ) from None
    except ValueError as error:
        raise ParameterError(f"{url} cannot be opened: {error}.") from None
    return system, str(path)


def open_file(place: str) -> IO[bytes]:
    """Open a file to read."""
    if not is_url(place):
        return open(place, "rb")
    system, path = open_system(place)
    stream: IO[bytes] = system.open(path, "rb")
    return stream


def is_folder(place: str) -> bool:
    """Tell whether a place is a folder; of the web's, only what ends with a slash."""
    if not is_url(place):
        return os.path.isdir(place)  # Path.is_dir raises for paths that are too long
    if place.startswith(("http://", "https://")):
        return place.endswith("/")
    system, path = open_system(place)
    return bool(system.isdir(path))


def expand(place: str) -> list[str]:
    """Give what a URL with ``*`` stands for, which no shell has replaced."""
    if not (is_url(place) and "*" in place):
        return [place]
    system, path = open_system(place)
    found = sorted(system.unstrip_protocol(one) for one in system.glob(path))
    if not found:
        raise ParameterError(f"Nothing is called {place}; check the pattern.")
    return found


def beside(place: str, entry: str) -> str:
    """Give the place that a list or table means by an entry; relative ones start beside it."""
    if is_url(entry) or os.path.isabs(entry):
        return entry
    folder = os.path.split(place)[0]
    return f"{folder}/{entry}" if is_url(place) else str(Path(folder) / entry)


def walk(folder: str, suffixes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Give the files with these endings in a folder and those below, by name.

    Of each, how it is called in the folder comes first, with slashes, and then its path or URL. The
    names of one folder at a time, and of those above it, are in memory.
    """
    if is_url(folder):
        system, path = open_system(folder)
        for name in _walk_system(system, path, suffixes):
            yield name[len(path) :].strip("/"), system.unstrip_protocol(name)
    else:
        for name in _walk_disk(folder, "", suffixes):
            yield name, name if folder == "." else os.path.join(folder, name)


def _walk_disk(folder: str, inside: str, suffixes: frozenset[str]) -> Iterator[str]:
    with os.scandir(os.path.join(folder, inside)) as entries:
        found = sorted(
            (entry.name, inner)
            for entry in entries
            if (inner := entry.is_dir(follow_symlinks=False)) or suffix_of(entry.name) in suffixes
        )
    for name, inner in found:
        if inner:
            yield from _walk_disk(folder, f"{inside}{name}/", suffixes)
        else:
            yield inside + name


def _walk_system(system: Any, folder: str, suffixes: frozenset[str]) -> Iterator[str]:
    found = [(one["name"], one["type"] == "directory") for one in system.ls(folder, detail=True)]
    for name, inner in sorted(found):
        if inner:
            if name.rstrip("/") != folder.rstrip("/"):  # S3 lists a folder's own marker
                yield from _walk_system(system, name, suffixes)
        elif suffix_of(name) in suffixes:
            yield name


class Remote:
    """A picture behind a URL, which is fetched when it is read, by the thread that reads it."""

    def __init__(self, url: str) -> None:
        self.name = url
        self._system, self._path = open_system(url)

    def read(self, size: int) -> bytes:
        """Fetch ``size`` bytes at most; try again where the connection may be at fault."""
        for pause in (*PAUSES, None):
            try:
                content: bytes = self._system.cat_file(self._path, 0, size)
                return content
            except FileNotFoundError:
                raise
            except Exception as error:  # each file system has its own
                status = getattr(error, "status", 500)
                final = isinstance(error, PermissionError) or 400 <= status < 500 != status
                if pause is None or (final and status != 429):
                    reason = str(error) or type(error).__name__
                    raise ImageError(f"{self.name} cannot be fetched: {reason}.") from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")


class Unreadable:
    """Stands for what cannot be read, and says why when somebody tries."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self._reason = name, reason

    def read(self, size: int) -> bytes:
        """Raise the reason."""
        raise ImageError(self._reason)
