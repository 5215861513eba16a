"""Pictures of any kind in, RGB uint8 arrays out; damaged and oversized ones end in `ImageError`."""

import ctypes
import io
import os
import stat
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from agr.errors import ImageError, MissingExtraError, require

# By Pillow's name of a format: what a file of it may be called, and bytes that its decoder takes
# for each pixel, where that is more than the pixel itself (measured; 0 where it is not). Only these
# are opened: among Pillow's others are some that start programs.
FORMATS: dict[str, tuple[tuple[str, ...], int]] = {
    "AVIF": ((".avif",), 9),
    "BMP": ((".bmp",), 0),
    "GIF": ((".gif",), 0),
    "HEIF": ((".heic", ".heif"), 9),
    "JPEG": ((".jpeg", ".jpg"), 0),
    "PNG": ((".png",), 0),
    "TIFF": ((".tif", ".tiff"), 7),
    "WEBP": ((".webp",), 14),
}
SUFFIXES = frozenset(suffix for suffixes, _ in FORMATS.values() for suffix in suffixes)
MAX_PIXELS = 89_000_000  # Pillow itself starts to warn a little above
MAX_PHOTO_PIXELS = 178_000_000  # of a photo that is shrunk on reading; Pillow stops a little above
MAX_EDGE = 65_535  # pixels; a resampling filter for longer ones takes more memory than they do
CROP_SIDE = 2048  # pixels of a face's picture; networks see a few hundred
MAX_BYTES = 400_000_000  # that all pictures being decoded may take together
MAX_SCANNED = 1_000_000_000  # pixels, times the passes that a progressive JPEG makes over them
MAX_READS = 200_000  # from one file; a flood of tiny blocks would keep Python busy for minutes
_STRIP = 2**18  # pixels that are converted at a time
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

Pixels = npt.NDArray[np.uint8]

_DEEP = ("I", "F")  # modes of 16-bit and float scans, which Pillow would clip and not scale
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


def read_image(source: Any) -> Pixels:
    """Read one picture as RGB.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image or uint8 array
        Arrays are RGB of shape (h, w, 3), or grayscale of shape (h, w) or (h, w, 1).
        Files may be grayscale, palette, CMYK, 16-bit or have transparency (put on white); the
        first frame of an animation is read, and the camera's rotation (EXIF) is applied; where
        the EXIF block is damaged, the picture stays as it lies. What is larger than 2048 pixels
        in width or height is shrunk to that, arrays excepted.

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
    return _read(source, CROP_SIDE, MAX_PIXELS)[0]


def read_photo(source: Any, max_side: int = 4096) -> tuple[Pixels, float]:
    """Read one photo as RGB, shrunk while it is decoded, so that memory stays bounded.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image or uint8 array
        As in `read_image`; up to 178 million pixels of a JPEG, some 50 million of a PNG and 20
        million of other kinds, as their decoders take more memory.
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
    if isinstance(source, np.ndarray):
        array = _from_array(source)
        if max(array.shape) <= max_side:
            return array, 1.0
        source = Image.fromarray(array)
    return _read(source, max_side, MAX_PHOTO_PIXELS)


def _read(source: Any, max_side: int, max_pixels: int) -> tuple[Pixels, float]:
    """Read anything but an array; whatever goes wrong in there is the picture's fault."""
    name = _name(source)
    try:
        if isinstance(source, Image.Image):
            return _decode(source, name, max_side, max_pixels)
        with _file(source, name) as file, _open(file, name) as opened:
            return _decode(opened, name, max_side, max_pixels, file)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist; check the path.") from None
    except UnidentifiedImageError:
        kinds = ", ".join(sorted(s[1:] for s in SUFFIXES))
        raise ImageError(f"{name} is not a picture in a known format ({kinds}).") from None
    except (ImageError, MissingExtraError):
        raise
    except MemoryError:  # also where a damaged header asks for terabytes
        raise ImageError(f"{name} takes more memory to decode than there is.") from None
    except Exception as error:  # decoders raise nearly anything
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name} cannot be decoded: {reason}.") from error


def _name(source: Any) -> str:
    if isinstance(source, Image.Image):
        return "the PIL image"
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source)} bytes"
    if isinstance(source, str | os.PathLike):
        return str(source)
    if hasattr(source, "read"):
        return str(getattr(source, "name", "the file object"))
    raise ImageError(
        "Expected a path, bytes, a binary file object, a PIL image or a uint8 RGB array, "
        f"got {type(source).__name__}."
    )


class _Counting:
    """Makes a file refuse to be read in too many pieces."""

    _left = MAX_READS

    def read(self, *size: Any) -> bytes:
        self._left -= 1
        if not self._left:
            raise ImageError(f"The picture consists of more than {MAX_READS:,} parts.")
        data: bytes = super().read(*size)  # type: ignore[misc]
        return data


class _Bytes(_Counting, io.BytesIO):
    pass


class _File(_Counting, io.BufferedReader):
    pass


def _file(source: Any, name: str) -> "_Bytes | _File":
    if isinstance(source, bytes | bytearray | memoryview):
        return _Bytes(source)
    if hasattr(source, "read"):
        if getattr(source, "seekable", lambda: False)():
            source.seek(0)
        return _Bytes(source.read(MAX_BYTES))
    mode = os.stat(source).st_mode
    if not stat.S_ISREG(mode):  # a pipe would have us wait for ever
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise ImageError(f"{name} is {kind}; expected one picture.")
    return _File(io.FileIO(source))


@contextmanager
def _open(file: "_Bytes | _File", name: str) -> Iterator[Any]:
    """Open a picture without decoding it; what HEIC gives is no PIL image, but has its size."""
    head = file.read(64)
    file.seek(0)
    opened: Any
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head:
        yield _open_heif(file, name)
        return
    # Pillow's own classes: unlike Image.open they leave the check of the size to `_decode`, and so
    # need no change of Pillow's global limit or of the warning filters.
    if head.startswith(b"\xff\xd8\xff"):
        opened = JpegImagePlugin.JpegImageFile(file)
    elif head.startswith(b"\x89PNG"):
        opened = PngImagePlugin.PngImageFile(file)
    else:
        opened = Image.open(file, formats=[kind for kind in FORMATS if kind != "HEIF"])
    with opened:
        yield opened


def _open_heif(file: Any, name: str) -> Any:
    try:
        with require("heic"):
            import pillow_heif
    except MissingExtraError as error:
        raise MissingExtraError(f"{name}: {error}") from None
    return pillow_heif.open_heif(file)


class Budget:
    """Bytes that all threads may hold together."""

    def __init__(self, total: int) -> None:
        self.total, self._held = total, 0
        self._changed, self._turn = threading.Condition(), threading.Lock()

    @contextmanager
    def hold(self, n: int) -> Iterator[None]:
        """Wait until ``n`` bytes are free, at most ``total``, and hold them for the block."""
        with self._turn, self._changed:  # in turn: who waits for many is not overtaken by others
            self._changed.wait_for(lambda: self._held + n <= self.total)
            self._held += n
        try:
            yield
        finally:
            with self._changed:
                if n > _LARGE and _trim is not None:
                    _trim(0)
                self._held -= n
                self._changed.notify_all()


_DECODING = Budget(MAX_BYTES)
_LARGE = 2**25  # bytes
# glibc keeps what a thread frees for that thread, which with many threads comes to gigabytes.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


def resize(image: Pixels, size: int) -> Pixels:
    """Scale a picture to ``size`` x ``size`` pixels, antialiased; it may be the same array."""
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List files as they are given, and the pictures in folders and their subfolders by name."""
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # Path.is_dir raises for paths that are too long
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


def _decode(
    image: Any, name: str, max_side: int, max_pixels: int, file: "_Bytes | _File | None" = None
) -> tuple[Pixels, float]:
    """Decode an opened picture within the budget; without ``file`` it is a caller's PIL image."""
    width, height = image.size
    if width * height > max_pixels or max(width, height) > MAX_EDGE:
        raise ImageError(
            f"{name} has {width} x {height} pixels; at most {max_pixels:,} are read, and "
            f"{MAX_EDGE:,} in a row or column."
        )
    if width == 0 or height == 0:
        raise ImageError(f"{name} has no pixels.")
    kept = 0
    if isinstance(image, JpegImagePlugin.JpegImageFile) and file is not None:
        kept = _coefficients(image, name)
        # Decoded at a half, quarter or eighth, as long as that leaves enough pixels.
        image.draft(None, _fit(image.size, max_side))
    cost = _memory(image, kept, _fit(image.size, max_side), file)
    if cost > _DECODING.total:
        raise ImageError(
            f"{name} with its {width} x {height} pixels takes {cost / 1e6:,.0f} MB to be decoded; "
            f"at most {_DECODING.total / 1e6:,.0f} are used. Save it smaller."
        )
    with _DECODING.hold(cost):
        picture = image if isinstance(image, Image.Image) else image.to_pillow()
        picture.load()  # of some formats the EXIF block lies behind the pixels
        turn = _turn(picture)
        small = _flatten(picture, _fit(picture.size, max_side))
        if file is not None and small is not picture:
            picture.close()  # before the result is copied
        small = small if turn is None else small.transpose(turn)
        pixels = np.empty((small.height, small.width, 3), np.uint8)
        for left, top, right, bottom in _strips(small):
            strip = small.crop((left, top, right, bottom))
            pixels[top:bottom] = np.asarray(strip.convert("RGB"))
        return pixels, max(width, height) / max(small.size)


def _strips(image: Image.Image) -> list[tuple[int, int, int, int]]:
    """Cut a picture into boxes; at a time, some conversions take several copies of it."""
    width, rows = image.width, max(1, _STRIP // image.width)
    return [(0, y, width, min(y + rows, image.height)) for y in range(0, image.height, rows)]


def _fit(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _memory(image: Any, kept: int, size: tuple[int, int], file: "_Bytes | _File | None") -> int:
    """Count the bytes that it takes to decode a picture, and then to shrink it to ``size``."""
    width, height = image.size
    one = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    one = max(one, FORMATS.get(getattr(image, "format", "HEIF"), ((), 0))[1])
    n_read = 0 if file is None else file.seek(0, os.SEEK_END)
    if file is None and not getattr(image, "tile", ()):  # a PIL image that is decoded already
        one = 0
    shrinking = (1 if _is_grey(image) else 4) * size[0] * (height + size[1])
    return int(n_read + one * width * height + max(kept, shrinking))


def _coefficients(image: JpegImagePlugin.JpegImageFile, name: str) -> int:
    """Count the bytes that a JPEG of several scans keeps until the last; refuse too many scans."""
    file: Any = image.fp
    start = file.tell()  # just behind the head of the first scan
    whole = b"\xff\xda" + struct.pack(">HB", 6 + 2 * image.layers, image.layers)
    file.seek(start - 8 - 2 * image.layers)
    if "progressive" not in image.info and file.read(5) == whole:
        return 0
    file.seek(start)
    scans = 1 + file.read(MAX_BYTES).partition(b"\xff\xd9")[0].count(b"\xff\xda")
    pixels = image.width * image.height
    if scans * (pixels + 10_000) > MAX_SCANNED:  # some of the work goes by scans alone
        raise ImageError(f"{name} has {scans} scans; too many for a JPEG of {pixels:,} pixels.")
    across, down = (max(layer[k] for layer in image.layer) for k in (1, 2))
    return sum(2 * pixels * layer[1] * layer[2] // (across * down) for layer in image.layer)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Give what undoes a camera's rotation, by the EXIF block; a damaged one says nothing."""
    # Not Pillow's exif_transpose: it writes the block anew, which fails for damage anywhere in it.
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # what Pillow raises depends on where the damage is
        return None


def _flatten(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Shrink a picture to ``size``, with 8 bits a channel and on white where it is transparent."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        if size == image.size:
            return image
        return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    # Strips are only narrowed; so no neighbour of a row is missed when the rows are resized.
    boxes, top = _strips(image), 255
    if image.mode.startswith(_DEEP) and max(_numbers(image, box).max() for box in boxes) > 255:
        top = 65535
    narrow = Image.new("L" if _is_grey(image) else "RGB", (size[0], image.height))
    for box in boxes:
        if image.mode.startswith(_DEEP):
            values = np.clip(_numbers(image, box), 0, top) / (top // 255)
            strip = Image.fromarray(values.astype(np.uint8))
        else:
            strip = image.crop(box)
            strip = strip.convert("RGBA" if strip.has_transparency_data else narrow.mode)
        strip = strip.resize((size[0], strip.height), Image.Resampling.BILINEAR)
        if strip.mode == "RGBA":
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        narrow.paste(strip.convert(narrow.mode), (0, box[1]))
    return narrow.resize(size, Image.Resampling.BILINEAR)


def _is_grey(image: Any) -> bool:
    plain = image.mode in ("1", "L") and "transparency" not in image.info
    return plain or image.mode.startswith(_DEEP)


def _numbers(image: Image.Image, box: tuple[int, int, int, int]) -> npt.NDArray[Any]:
    values = np.asarray(image.crop(box))
    return values if values.dtype.kind in "iu" else np.nan_to_num(values)
