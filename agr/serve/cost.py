"""What a picture's file is, and how much work it asks for, told from its header alone."""

import io
from dataclasses import dataclass

from PIL import Image

from agr.core import images
from agr.errors import ImageError

# Fewer formats than Pillow knows: some of them start other programs.
FORMATS = tuple(kind for kind in images.FORMATS if kind != "HEIF")  # whose size Pillow tells
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# A JPEG of a few bytes can ask for thousands of passes over all its pixels.
MAX_JPEG_SCANS = 100
SCANS_PER_PASS = 20  # of those that a decoder goes through in the time of one full pass
# Nanoseconds a pixel, measured with Pillow 13 on one core; those of HEIC and AVIF a high guess.
NANOSECONDS = {"JPEG": 10, "BMP": 10, "GIF": 15, "TIFF": 15, "PNG": 20, "WEBP": 30}
SLOWEST = 50
SMALL_SECONDS = 0.15
SMALL_PIXELS = 12_500_000  # a phone's photo; for the memory that it takes


@dataclass(frozen=True)
class Cost:
    """The work that a picture asks for.

    Attributes
    ----------
    pixels : int
        Pixels that the decoder goes over.
    seconds : float
        About how long that takes.
    """

    pixels: int
    seconds: float

    @property
    def small(self) -> bool:
        """Whether it may be read in any process, since none is kept from others for long."""
        return self.seconds <= SMALL_SECONDS and self.pixels <= SMALL_PIXELS


def look(data: bytes, max_pixels: int) -> Cost:
    """Look at a picture's header, without decoding it."""
    if not data:
        raise ImageError("The picture is empty.")
    try:
        kind, (width, height), mode = _header(data)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"The picture has more than {max_pixels:,} pixels.") from None
    except Exception:  # Pillow raises nearly anything on broken headers
        kinds = ", ".join((*FORMATS, "HEIC"))
        raise ImageError(f"This is not a picture in a known format ({kinds}).") from None
    if width * height > max_pixels:
        raise ImageError(
            f"The picture has {width} x {height} pixels; at most {max_pixels:,} are read."
        )
    passes = 1
    if kind in ("JPEG", "MPO"):
        kind, scans = "JPEG", data.count(b"\xff\xda")
        if scans > MAX_JPEG_SCANS:
            raise ImageError(f"The JPEG has more than {MAX_JPEG_SCANS} scans.")
        passes += scans // SCANS_PER_PASS
    if mode.startswith(("I", "F")) or mode.endswith(("A", "a")):
        passes += 1
    pixels = width * height * passes
    return Cost(pixels, pixels * NANOSECONDS.get(kind, SLOWEST) / 1e9)


def _header(data: bytes) -> tuple[str, tuple[int, int], str]:
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError:
            return "HEIC", (1, 1), "RGB"  # whoever reads it says what is missing
        opened = pillow_heif.open_heif(io.BytesIO(data))
        return "HEIC", opened.size, opened.mode
    known = [name for name in FORMATS if name != "AVIF" or "AVIF" in _registered()]
    with Image.open(io.BytesIO(data), formats=known) as image:
        return image.format or "", image.size, image.mode


def _registered() -> dict[str, object]:
    Image.init()
    return dict(Image.OPEN)
