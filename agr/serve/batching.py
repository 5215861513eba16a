"""Requests that come at the same time are answered together."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from agr.errors import AgrError

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


class QueueFullError(AgrError):
    """More waits already than may wait."""


@dataclass
class _Waiting(Generic[T, R]):
    item: T
    future: "Future[R]" = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


class Batcher(Generic[T, R]):
    """A queue with one thread that answers whatever waits, in batches.

    Parameters
    ----------
    answer : callable
        Called in the thread with a list of items; gives their results in the same order.
    batch_size : int
        Items in a batch at most.
    wait : float
        Seconds that the first item waits for others at most. Items that waited that long while
        an earlier batch was answered wait no more.
    queue_size : int
        Items that may wait at most.
    on_batch : callable, optional
        Called in the thread with each batch's number of items and seconds.
    """

    def __init__(
        self,
        answer: Callable[[list[T]], Sequence[R]],
        *,
        batch_size: int,
        wait: float,
        queue_size: int,
        on_batch: Callable[[int, float], None] = lambda n, seconds: None,
    ) -> None:
        self._answer, self._on_batch = answer, on_batch
        self._batch_size, self._wait, self._queue_size = batch_size, wait, queue_size
        self._queue: deque[_Waiting[T, R]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="agr-batches", daemon=True)

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether items are being answered."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Answer what waits, then stop.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for that.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def submit(self, items: Sequence[T]) -> "list[Future[R]]":
        """Put items into the queue, all or none.

        Parameters
        ----------
        items : sequence
            Of one request.

        Returns
        -------
        list of Future
            One for each item; a cancelled one is not answered.

        Raises
        ------
        QueueFullError
            There is no room for all of them.
        """
        with self._changed:
            if self._closed:
                raise QueueFullError("The service is stopping.")
            if len(self._queue) + len(items) > self._queue_size:
                raise QueueFullError(f"{len(self._queue)} pictures wait already.")
            entries = [_Waiting[T, R](item) for item in items]
            self._queue.extend(entries)
            self._changed.notify()
        return [entry.future for entry in entries]

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            wanted = [entry for entry in batch if entry.future.set_running_or_notify_cancel()]
            if wanted:
                self._answer_batch(wanted)

    def _next_batch(self) -> list[_Waiting[T, R]] | None:
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if not self._queue:
                return None
            until = self._queue[0].arrived + self._wait
            while len(self._queue) < self._batch_size and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            n = min(len(self._queue), self._batch_size)
            return [self._queue.popleft() for _ in range(n)]

    def _answer_batch(self, batch: list[_Waiting[T, R]]) -> None:
        start = time.monotonic()
        try:
            results = self._answer([entry.item for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.future.set_result(result)
        except Exception as error:
            if len(batch) == 1:
                log.exception("A picture could not be answered.")
                batch[0].future.set_exception(error)
                return
            # Whichever item it was: alone it fails for itself only.
            log.warning("A batch of %d failed; each item is tried alone.", len(batch))
            for entry in batch:
                if not entry.future.done():
                    self._answer_batch([entry])
            return
        self._on_batch(len(batch), time.monotonic() - start)
