"""Keeps one client, and one picture, from taking what belongs to all."""

import io
import ipaddress
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from agr.errors import ImageError
from agr.serve.problems import busy

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# A JPEG of a few bytes can ask for thousands of passes over all its pixels.
MAX_JPEG_SCANS = 100


class Shares:
    """Counts the requests of each client, and the bytes of all.

    Parameters
    ----------
    max_client_requests : int
        Requests of one client at a time; 0 for any number.
    max_bytes : int
        Bytes of all requests at a time.
    """

    def __init__(self, max_client_requests: int, max_bytes: int) -> None:
        self._max_client_requests, self._max_bytes = max_client_requests, max_bytes
        self._requests: Counter[str] = Counter()
        self._bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def request(self, host: str | None) -> "Iterator[Held]":
        """Admit a request, and forget it at the end.

        Parameters
        ----------
        host : str or None
            The client's address.

        Yields
        ------
        Held
            Takes the bytes as they come.

        Raises
        ------
        ProblemError
            429, when the client has too many open already.
        """
        client = network(host)
        with self._lock:
            if 0 < self._max_client_requests <= self._requests[client]:
                raise busy(
                    f"You have {self._max_client_requests} requests open already; "
                    "wait for their answers.",
                    status=429,
                )
            self._requests[client] += 1
        held = Held(self)
        try:
            yield held
        finally:
            with self._lock:
                self._bytes -= held.n
                self._requests[client] -= 1
                if not self._requests[client]:
                    del self._requests[client]

    def take(self, n: int) -> None:
        """Count bytes that came.

        Parameters
        ----------
        n : int
            How many.

        Raises
        ------
        ProblemError
            503, when all requests together hold too many.
        """
        with self._lock:
            if self._bytes + n > self._max_bytes:
                raise busy("Too many pictures are being received; try again in a moment.")
            self._bytes += n


class Held:
    """The bytes that one request holds.

    Parameters
    ----------
    shares : Shares
        Where they are counted.

    Attributes
    ----------
    n : int
        Bytes.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self.n = 0

    def take(self, n: int) -> None:
        """Hold more bytes, as `Shares.take`.

        Parameters
        ----------
        n : int
            How many more.
        """
        self._shares.take(n)
        self.n += n


def network(host: str | None) -> str:
    """Give what stands for one client.

    Parameters
    ----------
    host : str or None
        Its address.

    Returns
    -------
    str
        An IPv4 address; the /64 network of an IPv6 one, as one client owns all of it.
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def check_picture(data: bytes, max_pixels: int) -> None:
    """Look at a picture's header, without decoding it.

    Parameters
    ----------
    data : bytes
        The picture's file.
    max_pixels : int
        Width times height at most.

    Raises
    ------
    ImageError
        It is of no known format, or too large.
    """
    if not data:
        raise ImageError("The picture is empty.")
    try:
        # Fewer formats than Pillow knows: some of them start other programs.
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            kind = image.format
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"The picture has more than {max_pixels:,} pixels.") from None
    except Exception:  # Pillow raises nearly anything on broken headers
        raise ImageError(
            f"This is not a picture in a known format ({', '.join(FORMATS)})."
        ) from None
    if width * height > max_pixels:
        raise ImageError(
            f"The picture has {width} x {height} pixels; at most {max_pixels:,} are read."
        )
    if kind in ("JPEG", "MPO") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageError(f"The JPEG has more than {MAX_JPEG_SCANS} scans.")
