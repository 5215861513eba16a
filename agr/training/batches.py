"""Pictures for training and prediction: kept in memory when they are few, else read as needed."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels, read_image, resize
from agr.errors import ImageError, LabelError

CACHE_BYTES = 2 * 1024**3  # more than this is read from disk again in every epoch
VALIDATION_SHARE = 0.1
PREDICT_BATCH = 128  # pictures


def check_images(X: Any) -> Sequence[str] | Pixels:
    """Refuse what is neither a batch of pictures nor a sequence of paths."""
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUS":
        if X.ndim != 4 or X.shape[-1] != 3:
            hint = " For one image pass image[None] or use Predictor." if X.ndim == 3 else ""
            raise ImageError(f"X must have shape (n, h, w, 3), got {X.shape}.{hint}")
        if X.dtype != np.uint8:
            raise ImageError(f"X must be uint8 (0 to 255), got {X.dtype}.")
        return X
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise ImageError(
            "X must be a uint8 array of shape (n, h, w, 3) or a sequence of paths, "
            f"got {type(X).__name__}. For one image use Predictor, or pass [path]."
        )
    for path in X:
        if not isinstance(path, str | os.PathLike):
            raise ImageError(
                f"A sequence X must hold paths, got {type(path).__name__}. "
                "For pictures in memory pass one array: np.stack(images)."
            )
    return [os.fspath(path) for path in X]


def hold_out(n: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Draw a tenth of ``n`` rows; gives the rows that are left, and those held out."""
    order = np.random.default_rng(seed).permutation(n)
    n_held = max(1, round(n * VALIDATION_SHARE))
    if n <= n_held:
        raise LabelError(f"{n} pictures are too few to hold any out; give validation_data.")
    return np.sort(order[n_held:]), np.sort(order[:n_held])


def take_rows(X: Any, rows: npt.NDArray[np.intp]) -> Any:
    """Keep rows of an array, or of a list of paths."""
    return X[rows] if isinstance(X, np.ndarray) else [X[i] for i in rows]


def join(X: Any, more: Any) -> Any:
    """Put pictures behind others: arrays of one size, or paths."""
    if isinstance(X, np.ndarray) != isinstance(more, np.ndarray) or (
        isinstance(X, np.ndarray) and X.shape[1:] != more.shape[1:]
    ):
        raise ImageError(
            "unlabelled must be given as X is: paths, or an array of pictures of the same size."
        )
    return np.concatenate([X, more]) if isinstance(X, np.ndarray) else [*X, *more]


def raw_bytes(X: Any) -> Any:
    """Give an array, or a list of paths, as what a checksum is made of."""
    return np.ascontiguousarray(X) if isinstance(X, np.ndarray) else "\n".join(X).encode()


def decode(X: Sequence[str] | Pixels, size: int) -> Pixels:
    """Read all pictures, shape (n, size, size, 3); parameters and errors as `ImageStore`."""
    return ImageStore(X, size)[np.arange(len(X))]


class ImageStore:
    """Square pictures by index, decoded once when all of them fit into ``CACHE_BYTES``."""

    def __init__(self, X: Sequence[str] | Pixels, size: int) -> None:
        self._X = X
        self._size = size
        self._pool = ThreadPoolExecutor()
        self._cache: Pixels | None = None
        if len(X) * size * size * 3 <= CACHE_BYTES:
            self._cache = self._read(range(len(X)))

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._X)

    def __getitem__(self, rows: npt.ArrayLike) -> Pixels:
        """Give the pictures at ``rows``, shape (m, size, size, 3)."""
        rows = np.asarray(rows)
        return self._read(rows) if self._cache is None else self._cache[rows]

    def _read(self, rows: Any) -> Pixels:
        out = np.empty((len(rows), self._size, self._size, 3), dtype=np.uint8)
        errors = []

        def read(slot: int, row: int) -> None:
            try:
                out[slot] = resize(read_image(self._X[row]), self._size)
            except ImageError as error:
                errors.append(str(error))

        list(self._pool.map(read, range(len(rows)), rows))
        if errors:
            raise ImageError(
                f"{len(errors)} of {len(rows)} pictures cannot be read, first: {min(errors)} "
                "Leave them out, or read the folder with a reader of agr.datasets, which does."
            )
        return out
