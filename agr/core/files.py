"""The one way to write a file: it appears whole or not at all, and stays what it was."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

Place = str | os.PathLike[str]


@contextmanager
def replacing(path: Place) -> Iterator[IO[bytes]]:
    """Write beside a file and rename at the end, so that a stop leaves no half file.

    Of a file that exists the rights stay; where it is a link, so does the link. A device or pipe
    is written to as it is. After an error, what was there before is unchanged.
    """
    if is_special(path):
        with open(path, "wb") as stream:
            yield stream
        return
    part = _new_beside(Path(os.path.realpath(path)))
    try:
        with part.open("wb") as stream:
            yield stream
        put(part, path)
    finally:
        part.unlink(missing_ok=True)


def put(part: Place, path: Place) -> None:
    """Give a finished file in the same folder its name, as `replacing` does at the end."""
    if is_special(path):
        with open(part, "rb") as content, open(path, "wb") as stream:
            shutil.copyfileobj(content, stream)
        os.unlink(part)
        return
    target = Path(os.path.realpath(path))
    sync(part)
    with suppress(FileNotFoundError):
        before = target.stat()
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        with suppress(OSError):  # only its owner and root may give a file away
            os.chown(part, before.st_uid, before.st_gid)
        os.chmod(part, stat.S_IMODE(before.st_mode))
    os.replace(part, target)
    with suppress(OSError):  # not every file system can
        sync(target.parent)


def write(path: Place, content: bytes) -> None:
    """Write a whole file as `replacing` does."""
    with replacing(path) as stream:
        stream.write(content)


def sync(path: Place) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_special(path: Place) -> bool:
    """Tell a device, pipe or folder from a file and from what does not exist."""
    # Not of the resolved path: /dev/stdout may lead to a pipe, which has none.
    with suppress(FileNotFoundError):
        return not stat.S_ISREG(os.stat(path).st_mode)
    return False


def _new_beside(target: Path) -> Path:
    """Make an empty file that nobody could foresee, no wider open than the target is."""
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666
    # A name may be as long as the file system allows, and then nothing can be added to it.
    part = target.with_name(f".{target.name[:50]}-{secrets.token_hex(8)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode | stat.S_IWUSR))
    return part
