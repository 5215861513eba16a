"""Reads the struct of an IMDB-WIKI file; run as a program of its own, see `read_struct`.

scipy reads Matlab files with code that a damaged one can crash, and the interpreter with it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import DatasetError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MOST_MEMORY = 8 * 2**30  # bytes; IMDB's 460,723 entries take about a tenth
Numbers = npt.NDArray[np.float64]


def read_struct(
    path: Path, names: tuple[str, ...], numbers: tuple[str, ...]
) -> tuple[str, list[str | None], dict[str, Numbers]]:
    """Read a struct in a process of its own, so that damage can end nothing but that."""
    if not os.path.isfile(path):
        raise DatasetError(f"{path} does not exist or is no file; check the path.")
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch) / "found.npz"
        # The process runs this file alone, and finds its packages where this one does.
        done = subprocess.run(
            [sys.executable, "-P", __file__, path, found, json.dumps([names, numbers])],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it ended the reader"])[-1]
            if done.returncode < 0:
                reason = f"it crashed the reader with signal {-done.returncode}"
            raise DatasetError(
                f"{path} cannot be read as a Matlab file of version 5 to 7.2: {reason}."
            )
        with np.load(found, allow_pickle=False) as arrays:
            told = json.loads(bytes(arrays["told"]))
            fields = {name: arrays[name] for name in numbers if name in arrays}
    if "error" in told:
        raise DatasetError(f"{path}{told['error']}")
    return told["name"], told["places"], fields


def _read(path: str, names: list[str], numbers: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what can be told as JSON, and the arrays."""
    from scipy.io import loadmat, whosmat

    contents = loadmat(path, appendmat=False, squeeze_me=True, variable_names=names)
    for name in names:
        if name in contents and getattr(contents[name], "dtype", np.dtype(int)).names:
            break
    else:
        held = ", ".join(held for held, _, _ in whosmat(path, appendmat=False)) or "nothing"
        wanted = " or ".join(repr(name) for name in names)
        return {"error": f" holds {held}; expected the struct {wanted}."}, {}
    lacking = sorted({"full_path", *numbers} - set(contents[name].dtype.names))
    if lacking:
        return {
            "error": f": the struct {name!r} lacks {', '.join(lacking)}; expected the file "
            f"{name}.mat as IMDB-WIKI's authors publish it."
        }, {}
    record = np.atleast_1d(contents[name])[0]
    # A blank path comes as an empty array instead of a string.
    cells = np.atleast_1d(record["full_path"])
    places = [str(cell) if isinstance(cell, str) and cell else None for cell in cells]
    try:
        fields = {f: np.atleast_1d(np.asarray(record[f], dtype=float)) for f in numbers}
    except (TypeError, ValueError) as error:
        return {"error": f": a field of {name!r} is no number: {error}."}, {}
    shapes = {"full_path": cells.shape, **{f: values.shape for f, values in fields.items()}}
    if len(set(shapes.values())) > 1 or cells.ndim > 1:
        lengths = ", ".join(f"{field!r}: {'x'.join(map(str, s))}" for field, s in shapes.items())
        return {"error": f": the fields of {name!r} differ in length: {{{lengths}}}."}, {}
    return {"name": name, "places": places}, fields


def _main(path: str, found: str, asked: str) -> None:
    try:
        if resource is not None:  # a few bytes can unpack to any number
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        told, fields = _read(path, *json.loads(asked))
    except Exception as error:  # scipy raises nearly anything over a damaged file
        sys.exit(f"{error or type(error).__name__}")
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    np.savez(found, told=text, **fields)


if __name__ == "__main__":
    _main(*sys.argv[1:])
