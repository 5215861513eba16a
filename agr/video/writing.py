"""Write pictures as an MP4 or GIF, each shown as long as in the video it is from."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from PIL import Image

from agr.errors import VideoError
from agr.video.reading import import_av

# Form, codec, longer side at most, clock, and ticks of it between frames at least. A GIF counts in
# hundredths of a second, and viewers slow down what changes faster than every second one.
FORMS: dict[str, tuple[str, str, int, int, int]] = {
    ".mp4": ("mp4", "libx264", 4096, 90_000, 1),
    ".gif": ("gif", "gif", 640, 100, 2),
}


def check_suffix(path: Path) -> None:
    """Refuse a file name whose ending names no form that is written.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Raises
    ------
    VideoError
        Its ending is neither .mp4 nor .gif.
    """
    if path.suffix.lower() not in FORMS:
        raise VideoError(f"{path} must end in {' or '.join(FORMS)}.")


class VideoWriter:
    """Writes a video without sound; use it in a ``with`` block.

    Parameters
    ----------
    stream : binary file
        Where to; must be able to seek.
    suffix : {".mp4", ".gif"}
        Form.
    rate : float
        Frames per second, about.

    Attributes
    ----------
    max_side : int
        Pixels of the longer side at most.
    """

    def __init__(self, stream: IO[bytes], suffix: str, rate: float) -> None:
        form, self._codec, self.max_side, self._clock, self._least = FORMS[suffix]
        self._av = import_av()
        self._container: Any = self._av.open(stream, "w", format=form)
        self._rate = Fraction(rate).limit_denominator(1000)
        self._stream: Any = None
        self._last = -self._least

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None and error is None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, picture: Image.Image, time: float) -> None:
        """Write the next picture.

        Parameters
        ----------
        picture : PIL.Image.Image
            RGB; brought to the size of the first.
        time : float
            Seconds since the first.
        """
        ticks = round(time * self._clock)
        if ticks < self._last + self._least:
            return
        self._last = ticks
        if self._stream is None:
            self._stream = self._start(picture)
        frame = self._frame(picture.resize((self._stream.width, self._stream.height)))
        frame.pts, frame.time_base = ticks, Fraction(1, self._clock)
        self._container.mux(self._stream.encode(frame))

    def _start(self, picture: Image.Image) -> Any:
        stream = self._container.add_stream(self._codec, rate=self._rate)
        stream.codec_context.time_base = Fraction(1, self._clock)
        if self._codec == "gif":
            stream.width, stream.height = picture.size
            stream.pix_fmt = "pal8"
        else:  # what all players show; it halves the resolution of colour, so sides are even
            stream.width, stream.height = (max(2, side - side % 2) for side in picture.size)
            stream.pix_fmt = "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "23"}
        return stream

    def _frame(self, picture: Image.Image) -> Any:
        if self._codec != "gif":
            return self._av.VideoFrame.from_image(picture)
        indexed = picture.quantize(256, Image.Quantize.FASTOCTREE)
        colours = np.array(indexed.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette = np.zeros((256, 4), np.uint8)
        palette[:, 0], palette[: len(colours), 1:] = 255, colours
        return self._av.VideoFrame.from_ndarray((np.asarray(indexed), palette), format="pal8")
