"""Pictures of any kind in, RGB uint8 arrays out."""

import io
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from agr.errors import ImageError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 89_000_000  # Pillow itself starts to warn a little above

ImageLike = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]

_UNDECODABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,  # from a damaged EXIF block
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # where the caller turned warnings into errors
)


def read_image(source: Any) -> Pixels:
    """Read one picture as RGB.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image or uint8 array
        Arrays are RGB of shape (h, w, 3), or grayscale of shape (h, w) or (h, w, 1).
        Files may be grayscale, palette, CMYK, 16-bit or have transparency (put on white); the
        first frame of an animation is read, and the camera's rotation (EXIF) is applied.

    Returns
    -------
    array of shape (h, w, 3)
        uint8, RGB.

    Raises
    ------
    ImageError
        The picture cannot be read; the message says what was expected and what came.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    stream: Any
    if isinstance(source, Image.Image):
        stream, name = None, "the PIL image"
    elif isinstance(source, bytes | bytearray | memoryview):
        stream = io.BytesIO(source)
        name = f"{len(source)} bytes"
    elif isinstance(source, str | os.PathLike):
        stream, name = Path(source), str(source)
        if stream.is_dir():
            raise ImageError(f"{name} is a folder; expected one picture.")
    elif hasattr(source, "read"):
        stream, name = source, getattr(source, "name", "the file object")
    else:
        raise ImageError(
            "Expected a path, bytes, a binary file object, a PIL image or a uint8 RGB array, "
            f"got {type(source).__name__}."
        )
    try:
        if stream is None:
            return _from_pil(source, name)
        with Image.open(stream) as opened:
            return _from_pil(opened, name)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist; check the path.") from None
    except UnidentifiedImageError:
        kinds = ", ".join(sorted(s[1:] for s in SUFFIXES))
        raise ImageError(f"{name} is not a picture in a known format ({kinds}).") from None
    except ImageError:
        raise
    except _UNDECODABLE as error:
        raise ImageError(f"{name} cannot be decoded: {error}.") from error


def resize(image: Pixels, size: int) -> Pixels:
    """Scale a picture to ``size`` x ``size`` pixels, antialiased.

    Parameters
    ----------
    image : array of shape (h, w, 3)
        uint8, RGB.
    size : int
        Side in pixels.

    Returns
    -------
    array of shape (size, size, 3)
        uint8, RGB; the same array when it has that size already.
    """
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the pictures that files and folders hold.

    Parameters
    ----------
    paths : iterable of paths
        A file is kept as it is, whatever its name; a folder is searched with all its subfolders.

    Returns
    -------
    list of Path
        Folders' pictures by name, in the order of ``paths``.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        else:
            found.append(path)
    return found


def _from_array(array: npt.NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        raise ImageError(
            f"Expected a uint8 array (0 to 255), got {array.dtype}. "
            "For floats between 0 and 1 use (image * 255).astype('uint8')."
        )
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ImageError(f"Expected an RGB array of shape (h, w, 3), got {array.shape}.")
    return array


def _from_pil(image: Image.Image, name: str) -> Pixels:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"{name} has {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are read."
        )
    if image.width == 0 or image.height == 0:
        raise ImageError(f"{name} has no pixels.")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):  # 16-bit and float scans: Pillow would clip, not scale
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))
