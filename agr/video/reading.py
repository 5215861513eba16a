"""Read the frames of a video file, or the newest frames of a camera."""

import math
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn, Self

import numpy as np

from agr.core.images import MAX_PIXELS, Pixels
from agr.errors import ParameterError, VideoError, require

SCHEMES = ("rtsp://", "rtmp://", "srt://", "tcp://", "udp://")  # of cameras on the network
CAMERAS = {"linux": ("/dev/video{}", "v4l2"), "darwin": ("{}", "avfoundation")}
PICTURES = ("image2", "_pipe")  # how FFmpeg calls the formats of single pictures
PATIENCE = 10.0  # seconds for a camera to answer
POLL = 0.2  # seconds in which a stop is heard while no frame comes
PLAYLIST = b"#EXTM3U"


def import_av() -> ModuleType:
    """Import PyAV.

    Returns
    -------
    module
        ``av``.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    with require("video"):
        import av
    return av


@dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Attributes
    ----------
    number : int
        From 0; counts the frames that were passed over too.
    time : float
        Seconds since the first frame.
    pixels : array of shape (h, w, 3)
        uint8, RGB, upright.
    """

    number: int
    time: float
    pixels: Pixels


class Video:
    """An open video file or camera; use it in a ``with`` block.

    Parameters
    ----------
    source : path, int or str
        A file; the number of a camera of this machine; or a network camera's address, such as
        ``rtsp://...``. A string of digits is a camera's number: write ``./0`` for such a file.

    Attributes
    ----------
    live : bool
        Whether it is a camera: frames that come while one is looked at are passed over.
    rate : float
        Frames per second, on average.
    duration : float or None
        Seconds, as the file states them.
    damage : str or None
        What of the video could not be read; None until that happens.

    Raises
    ------
    VideoError
        There is no such file or camera, or it holds no video.
    MissingExtraError
        PyAV is not installed.
    """

    def __init__(self, source: str | os.PathLike[str] | int) -> None:
        self._av = import_av()
        self.name = os.fspath(source) if isinstance(source, os.PathLike) else str(source)
        self.live = self.name.isdecimal() or self.name.startswith(SCHEMES)
        self.damage: str | None = None
        self._stopped = False
        self._reader: tuple[threading.Thread, threading.Event] | None = None
        try:
            self._container = self._open()
        except (self._av.error.FFmpegError, OSError) as error:
            place = f"Camera {self.name}" if self.name.isdecimal() else self.name
            raise VideoError(f"{place} cannot be opened: {_reason(error)}.") from None
        if self._container.format.name.endswith(PICTURES):
            self._fail("is a single picture, not a video")
        if not self._container.streams.video:
            self._fail("holds no video, only sound or other data")
        self._stream = self._container.streams.video[0]
        self.rate: float = float(self._stream.average_rate or 25)
        stated = self._container.duration
        self.duration: float | None = None if stated is None or self.live else stated / 1e6
        if not self.live:
            self._stream.thread_type = "AUTO"  # decodes ahead, which a camera's viewer must not

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or camera."""
        self._end_reader()  # before what it reads from is gone
        self._container.close()

    def count(self, fps: float | None = None) -> int | None:
        """Estimate how many frames `frames` will give.

        Parameters
        ----------
        fps : float, optional
            As for `frames`.

        Returns
        -------
        int or None
            None where nobody knows.

        Raises
        ------
        ParameterError
            ``fps`` is not positive.
        """
        _check(fps)
        if self.duration is None:
            return None
        return math.ceil(self.duration * min(fps or math.inf, self.rate))

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """Read on from where the video stands.

        Parameters
        ----------
        fps : float, optional
            Frames to give per second of video at most; default: all of a file, and of a camera as
            many as its taker keeps up with.

        Yields
        ------
        Frame
            In order of time. What cannot be decoded is left out and told in ``damage``.

        Raises
        ------
        ParameterError
            ``fps`` is not positive.
        VideoError
            Not one frame can be read, or a frame is too large.
        """
        _check(fps)
        start, last, taken = None, -1.0, -1
        with closing(self._newest() if self.live else self._decoded()) as decoded:
            for number, frame in decoded:
                time = number / self.rate if frame.time is None else frame.time
                start = time if start is None else start
                time = round(time - start, 6)
                # Whole steps of a fixed clock: rounding never adds up to a frame too many.
                step = number if fps is None else math.floor(time * fps + 1e-6)
                if step > taken and time > last:  # damaged files may step back in time
                    last, taken = time, step
                    yield Frame(number, time, self._pixels(frame))
        if start is None and not self._stopped:
            self._fail("holds no frame that can be read")

    def stop(self) -> None:
        """End the frames of a camera after the one that is in work; signal handlers may call it."""
        self._stopped = True

    def _open(self) -> Any:
        if not self.live:
            path = Path(self.name)
            if not path.exists():
                raise FileNotFoundError(2, "there is no such file")
            with path.open("rb") as file:
                if file.read(len(PLAYLIST)) == PLAYLIST:  # it may be waited for without end
                    raise VideoError(f"{self.name} is a playlist; give the video itself.")
            # Other formats may name other places: none but files of this machine is opened.
            options = {"protocol_whitelist": "file"}
            return self._av.open(f"file:{path}", options=options)
        if not self.name.isdecimal():
            return self._av.open(self.name, timeout=PATIENCE)
        if sys.platform not in CAMERAS:
            raise VideoError("Cameras by number are known on Linux and macOS only.")
        place, form = CAMERAS[sys.platform]
        return self._av.open(place.format(self.name), format=form)

    def _fail(self, reason: str) -> NoReturn:
        self.close()
        raise VideoError(f"{self.name} {reason}.")

    def _pixels(self, frame: Any) -> Pixels:
        if frame.width * frame.height > MAX_PIXELS:
            self._fail(
                f"has frames of {frame.width} x {frame.height} pixels; "
                f"at most {MAX_PIXELS:,} pixels are read"
            )
        pixels: Pixels = frame.to_ndarray(format="rgb24")
        # A phone stores what its sensor saw and notes how it was held.
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))

    def _decoded(self) -> Generator[tuple[int, Any], None, None]:
        """Decode and number the frames; go on after what is damaged."""
        number, lost, end = 0, 0, 0.0
        start = (self._container.start_time or 0) / 1e6
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except (self._av.error.FFmpegError, OSError) as error:
                self.damage = f"{self.name} breaks off at {end:.1f} s: {_reason(error)}."
                return
            if packet is None:
                break
            if packet.pts is not None and packet.time_base is not None:
                after = packet.pts + (packet.duration or 0)
                end = max(end, float(after * packet.time_base) - start)
            if packet.stream is not self._stream:
                continue
            try:
                frames = packet.decode()
            except self._av.error.FFmpegError:
                lost += 1
                continue
            for frame in frames:
                yield number, frame
                number += 1
        if self.duration is not None and end < self.duration - max(0.5, 0.02 * self.duration):
            stated = f"its file states {self.duration:.1f} s"
            self.damage = f"{self.name} breaks off at {end:.1f} s, though {stated}."
        elif lost:
            self.damage = f"Packets of {self.name} that could not be decoded: {lost}."

    def _newest(self) -> Generator[tuple[int, Any], None, None]:
        """Read in a thread and give the newest frame whenever one is asked for."""
        changed, stop = threading.Condition(), threading.Event()
        slot: list[tuple[int, Any]] = []

        def read() -> None:
            try:
                for item in self._decoded():
                    with changed:
                        slot[:] = [item]
                        changed.notify()
                    if stop.is_set():
                        return
            finally:
                stop.set()
                with changed:
                    changed.notify()

        self._reader = threading.Thread(target=read, daemon=True), stop
        self._reader[0].start()
        try:
            while not self._stopped:
                with changed:
                    changed.wait_for(lambda: slot or stop.is_set(), POLL)
                    if slot:
                        item = slot.pop()
                    elif stop.is_set():
                        return
                    else:
                        continue
                yield item
        finally:
            self._end_reader()

    def _end_reader(self) -> None:
        if self._reader is not None:
            thread, stop = self._reader
            known = self.damage
            ended = stop.is_set()
            stop.set()
            thread.join()
            if not ended:  # what the last read missed was no longer wanted
                self.damage = known


def _check(fps: float | None) -> None:
    if fps is not None and not 0 < fps < math.inf:
        raise ParameterError(f"fps must be a positive number, got {fps!r}.")


def _reason(error: Exception) -> str:
    if isinstance(error, import_av().error.ExitError):
        return f"nothing came for {PATIENCE:.0f} s"
    text = getattr(error, "strerror", None) or str(error)
    return str(text)[:1].lower() + str(text)[1:].rstrip(".")
