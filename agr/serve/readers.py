"""The processes that read pictures, and who may use them when."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from agr.errors import AgrError
from agr.serve.picture import Answer, Picture, failed
from agr.serve.problems import busy
from agr.serve.process import EndedError
from agr.serve.settings import MIB, Settings
from agr.serve.turns import Turns

SMALL_SECONDS = 0.3  # of the processor, for a picture whose header promises little work
WAIT_FACTOR = 15  # seconds on the clock for one of the processor, on a machine that is busy
UNKNOWN = 1  # pixels of a picture that was not looked at to its end
EXPECTED = {False: 0.03, True: 0.5}  # seconds that a picture counts until it is known better

MAX_PAUSE = 30.0  # seconds between two tries to start a process

log = logging.getLogger(__name__)


class ReadsPictures(Protocol):
    """One process, or what stands for one; every call blocks but `kill`."""

    @property
    def alive(self) -> bool:
        """Whether it can read."""

    def start(self) -> tuple[str, ...]:
        """Start, in place of one that ended; gives the tasks."""

    def read(self, picture: Picture, max_pixels: int, seconds: float, *, large: bool) -> Answer:
        """Read one picture."""

    def kill(self) -> None:
        """End it at once."""

    def close(self) -> None:
        """End it and wait."""


@dataclass(eq=False)
class Request:
    """What the pictures of one request share.

    Attributes
    ----------
    client : str
        Who asks.
    pixels : int
        Pixels that the decoders went over for it, or will.
    slow : bool
        Whether a picture of it took longer than its header promised; then the others are not
        believed either.
    """

    client: str
    pixels: int = 0
    slow: bool = False


@dataclass(eq=False)
class _Job:
    """A picture that waits or is being read."""

    picture: Picture
    request: Request
    future: "asyncio.Future[Answer]"
    pixels: int = 0  # not 0: it is large, and waits or is read with others of that kind

    def answer(self, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: str) -> None:
        self.answer(Answer(failed(self.picture, error)))


class Readers:
    """Some processes that share the pictures of all requests.

    All but the first read only pictures that are little work; the first reads the others too. So
    large pictures wait for each other, and nobody else for them.
    """

    def __init__(
        self,
        readers: Sequence[ReadsPictures],
        settings: Settings,
        *,
        on_read: Callable[[str, float], None] = lambda lane, seconds: None,
        on_end: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._readers, self._settings = readers, settings
        self._on_read, self._on_end = on_read, on_end
        self._turns: Turns[_Job] = Turns()
        self._changed = asyncio.Event()
        self._at: dict[ReadsPictures, _Job] = {}
        self._killed: set[ReadsPictures] = set()
        self._large_pixels: Counter[str] = Counter()  # by client, of what waits or is read
        self._threads = ThreadPoolExecutor(len(readers), "agr-reader")
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = 0
        self.tasks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def alive(self) -> bool:
        """Whether pictures are being read."""
        return self._ready > 0 and not any(task.done() for task in self._tasks)

    async def start(self) -> None:
        """Start all processes, and begin."""
        started = await asyncio.gather(*(self._call(r.start) for r in self._readers))
        self.tasks, self._ready = started[0], len(started)
        self._tasks = [
            asyncio.create_task(self._work(reader, large=i == 0))
            for i, reader in enumerate(self._readers)
        ]

    async def close(self) -> None:
        """End all processes."""
        for task in self._tasks:
            task.cancel()
        for reader in self._readers:
            reader.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._call(reader.close) for reader in self._readers))
        self._threads.shutdown()

    def submit(
        self, request: Request, pictures: Sequence[Picture]
    ) -> "list[asyncio.Future[Answer]]":
        """Let the pictures of a request wait for their turns."""
        settings, n = self._settings, len(pictures)
        own = self._turns.waiting(request.client)
        if len(self) + n > settings.queue_size:
            raise busy(f"{len(self)} pictures wait already. Try again in a moment.")
        if own + n > max(settings.queue_size // 2, settings.max_pictures):
            raise busy(f"{own} of your pictures wait already; wait for their answers.", status=429)
        jobs = [
            _Job(picture, request, asyncio.get_running_loop().create_future())
            for picture in pictures
        ]
        for job in jobs:
            if job.picture.error is not None:
                job.fail(job.picture.error)
            else:
                self._turns.add(request.client, request, job)
        self._changed.set()
        return [job.future for job in jobs]

    def drop(self, request: Request) -> None:
        """End whatever is still to be done for a request."""
        for job in self._turns.drop(request.client, request):
            self._release(job)
            job.future.cancel()
        for reader, job in self._at.items():
            if job.request is request:
                job.future.cancel()
                if job.pixels:  # a small one is read sooner than a process starts
                    self._killed.add(reader)
                    reader.kill()

    async def _work(self, reader: ReadsPictures, *, large: bool) -> None:
        while True:
            job = await self._next(large=large)
            if not reader.alive:  # whatever ended it had nothing to do with this picture
                await self._restart(reader, "idle")
            if not job.pixels and job.request.pixels >= self._settings.max_request_pixels:
                job.fail(self._too_much())
            if job.future.done():
                self._release(job)
            elif job.request.slow and not job.pixels:
                self._wait_as_large(job, UNKNOWN)
            else:
                await self._read(reader, job)

    async def _next(self, *, large: bool) -> _Job:
        while True:
            job = self._turns.next(large=True) if large else None
            job = job or self._turns.next(large=False)
            if job is not None:
                return job
            self._changed.clear()
            await self._changed.wait()

    async def _read(self, reader: ReadsPictures, job: _Job) -> None:
        client, large = job.request.client, job.pixels > 0
        self._at[reader] = job
        self._turns.charge(client, job.request, EXPECTED[large])
        start = time.monotonic()
        answer, error = await self._ask(reader, job)
        took = time.monotonic() - start
        del self._at[reader]
        self._turns.charge(client, job.request, took - EXPECTED[large])
        self._release(job)
        self._on_read("large" if large else "small", took)
        self._settle(job, answer, error)
        if isinstance(error, EndedError) or reader in self._killed:
            self._killed.discard(reader)
            await self._restart(reader, "cancelled" if job.future.cancelled() else "limit")

    async def _ask(
        self, reader: ReadsPictures, job: _Job
    ) -> tuple[Answer | None, Exception | None]:
        settings, large = self._settings, job.pixels > 0
        seconds = (
            settings.picture_seconds if large else min(SMALL_SECONDS, settings.picture_seconds)
        )
        asked = self._call(reader.read, job.picture, settings.max_pixels, seconds, large=large)
        try:
            async with asyncio.timeout(seconds * WAIT_FACTOR):
                return await asyncio.shield(asked), None
        except TimeoutError:
            reader.kill()
            await asyncio.wait([asked])
            return None, EndedError(f"Nothing came in {seconds * WAIT_FACTOR:g} seconds.")
        except Exception as error:
            return None, error

    def _settle(self, job: _Job, answer: Answer | None, error: Exception | None) -> None:
        if job.future.done():
            return
        if answer is not None and answer.rows is not None:
            job.request.pixels += 0 if job.pixels else answer.pixels
            job.answer(answer)
        elif not job.pixels:
            # What was too much here may still be right where it keeps nobody waiting.
            job.request.slow |= answer.late if answer else isinstance(error, EndedError)
            self._wait_as_large(job, (answer.pixels if answer else 0) or UNKNOWN)
        elif isinstance(error, EndedError):
            seconds = self._settings.picture_seconds
            job.fail(f"The picture takes more than {seconds:g} s of work; send a smaller one.")
        elif isinstance(error, MemoryError):
            memory = self._settings.picture_memory / MIB
            job.fail(f"The picture takes more than {memory:g} MiB to read; send a smaller one.")
        else:
            log.error("A picture could not be read: %s", str(error).strip().rsplit("\n", 1)[-1])
            log.debug("%s", error)
            job.answer(Answer(failed(job.picture)))

    def _wait_as_large(self, job: _Job, pixels: int) -> None:
        request, settings = job.request, self._settings
        request.pixels += pixels
        if request.pixels > settings.max_request_pixels:
            job.fail(self._too_much())
        elif self._large_pixels[request.client] + pixels > settings.max_client_pixels:
            wait = busy("Too many of your large pictures wait; wait for their answers.", status=429)
            job.future.set_exception(wait)
        else:
            job.pixels = pixels
            self._large_pixels[request.client] += pixels
            self._turns.add(request.client, request, job, large=True)
            self._changed.set()

    def _release(self, job: _Job) -> None:
        client = job.request.client
        self._large_pixels[client] -= job.pixels
        if not self._large_pixels[client]:
            del self._large_pixels[client]

    def _too_much(self) -> str:
        millions = self._settings.max_request_pixels / 1e6
        return (
            f"The pictures of this request have more than {millions:g} megapixels to go over; "
            "send fewer at a time."
        )

    async def _restart(self, reader: ReadsPictures, reason: str) -> None:
        self._on_end(reason)
        self._ready -= 1
        pause = 0.5
        while True:
            try:
                await self._call(reader.start)
                break
            except (AgrError, OSError) as error:
                log.error("A reader does not start: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
        self._ready += 1

    def _call(self, call: Callable[..., Any], *given: Any, **named: Any) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, partial(call, *given, **named))
        # Where nobody waits for it any more, its error is no news.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future
