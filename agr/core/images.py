"""Pictures of any kind in, RGB uint8 arrays out."""

import io
import os
import struct
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from agr.errors import ImageError, MissingExtraError

SUFFIXES = frozenset(
    {".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
MAX_PIXELS = 89_000_000  # Pillow itself starts to warn a little above
MAX_PHOTO_PIXELS = 178_000_000  # of a photo that is shrunk on reading; Pillow stops a little above
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

ImageLike = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]

_LARGE: dict[bytes, Callable[[Any], Image.Image]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG": PngImagePlugin.PngImageFile,
}
_ORIENTATION = 0x0112  # the EXIF tag, and what undoes its values
_TURNS: dict[Any, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UNDECODABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,  # from damaged TIFF tags
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
        first frame of an animation is read, and the camera's rotation (EXIF) is applied; where
        the EXIF block is damaged, the picture stays as it lies.

    Returns
    -------
    array of shape (h, w, 3)
        uint8, RGB.

    Raises
    ------
    ImageError
        The picture cannot be read; the message says what was expected and what came.
    """
    return _read(source, None)[0]


def read_photo(source: Any, max_side: int = 4096) -> tuple[Pixels, float]:
    """Read one photo as RGB, shrunk while it is decoded, so that memory stays bounded.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image or uint8 array
        As in `read_image`; up to 178 million pixels.
    max_side : int, default=4096
        Pixels of the longer side at most.

    Returns
    -------
    (array of shape (h, w, 3), float)
        uint8, RGB; and how many pixels of the photo one pixel of it spans, 1 or more.

    Raises
    ------
    ImageError
        As in `read_image`.
    """
    return _read(source, max_side)


def _read(source: Any, max_side: int | None) -> tuple[Pixels, float]:
    if isinstance(source, np.ndarray):
        array = _from_array(source)
        if max_side is None or max(array.shape) <= max_side:
            return array, 1.0
        return _from_pil(Image.fromarray(array), "the array", max_side)
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
            return _from_pil(source, name, max_side)
        with _open(stream, name, large=max_side is not None) as opened:
            return _from_pil(opened, name, max_side)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist; check the path.") from None
    except UnidentifiedImageError:
        kinds = ", ".join(sorted(s[1:] for s in SUFFIXES))
        raise ImageError(f"{name} is not a picture in a known format ({kinds}).") from None
    except (ImageError, MissingExtraError):
        raise
    except _UNDECODABLE as error:
        raise ImageError(f"{name} cannot be decoded: {error}.") from error


def _open(stream: Any, name: str, *, large: bool) -> Image.Image:
    """Open a picture without decoding it; ``large`` goes past the size that Pillow warns of."""
    if not isinstance(stream, Path) and not stream.seekable():
        stream = io.BytesIO(stream.read())
    start = 0 if isinstance(stream, Path) else stream.tell()
    with stream.open("rb") if isinstance(stream, Path) else nullcontext(stream) as file:
        head = file.read(16)
        file.seek(start)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return _open_heif(stream, name)
    if large:
        # Pillow's own classes: unlike Image.open they leave the check of the size to `_from_pil`,
        # and so need no change of Pillow's global limit or of the warning filters.
        for mark, plugin in _LARGE.items():
            if head.startswith(mark):
                return plugin(stream)
    return Image.open(stream)


def _open_heif(stream: Any, name: str) -> Image.Image:
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtraError(
            f'{name} is HEIC, which needs pillow-heif: pip install "agr-faces[heic]"'
        ) from None
    opened: Image.Image = pillow_heif.open_heif(stream).to_pillow()
    return opened


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


def _from_pil(image: Image.Image, name: str, max_side: int | None) -> tuple[Pixels, float]:
    limit = MAX_PIXELS if max_side is None else MAX_PHOTO_PIXELS
    if image.width * image.height > limit:
        raise ImageError(
            f"{name} has {image.width} x {image.height} pixels; at most {limit:,} are read."
        )
    if image.width == 0 or image.height == 0:
        raise ImageError(f"{name} has no pixels.")
    longer = max(image.size)
    if max_side is not None and longer > max_side:
        image = _shrink(image, max_side)
    image = _turn(image)
    if image.mode.startswith(("I", "F")):  # 16-bit and float scans: Pillow would clip, not scale
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        image = Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB")), longer / max(image.size)


def _turn(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF block says; a damaged block says nothing."""
    image.load()  # of some formats the block lies behind the pixels
    # Not Pillow's exif_transpose: it writes the block anew, which fails for damage anywhere in it.
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # what Pillow raises depends on where the damage is
        return image
    return image if turn is None else image.transpose(turn)


def _shrink(image: Image.Image, max_side: int) -> Image.Image:
    scale = max_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # A JPEG is decoded at a half, quarter or eighth, as long as that leaves enough pixels.
    image.draft(None, size)
    if image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        image = image.convert("F")
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
