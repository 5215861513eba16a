"""What the endpoints share: bounds, readers and counts."""

import asyncio
from collections.abc import Sequence

from agr.bulk.formats import Row
from agr.serve.limits import Shares
from agr.serve.metrics import Metrics
from agr.serve.picture import Picture
from agr.serve.problems import busy
from agr.serve.readers import Readers, ReadsPictures, Request
from agr.serve.settings import Settings


class Service:
    """What the endpoints of one application share."""

    def __init__(self, settings: Settings, readers: Sequence[ReadsPictures]) -> None:
        self.settings = settings
        self.shares = Shares(settings)
        self.metrics = Metrics(lambda: len(self.readers))
        self.readers = Readers(
            readers, settings, on_read=self.metrics.on_reading, on_end=self.metrics.on_end
        )
        self._ends: float | None = None  # when the last answers are given, once it is told to stop
        self._waiting: set[asyncio.Timeout] = set()

    def drain(self) -> None:
        """Answer what is open while there is time, and refuse the rest just before it ends."""
        if self._ends is None:
            self._ends = asyncio.get_running_loop().time() + self.settings.drain_seconds - 1
            for waiting in self._waiting:
                waiting.reschedule(min(waiting.when() or self._ends, self._ends))

    async def read(self, client: str, pictures: Sequence[Picture]) -> list[Row]:
        """Read the pictures of a request, in turns with those of others."""
        request = Request(client)
        until = asyncio.get_running_loop().time() + self.settings.timeout
        limit = asyncio.timeout_at(until if self._ends is None else min(until, self._ends))
        try:
            async with limit:
                self._waiting.add(limit)
                answers = await asyncio.gather(*self.readers.submit(request, pictures))
        except TimeoutError:
            if self._ends is not None:
                raise busy("The service is stopping; try again in a moment.") from None
            seconds = self.settings.timeout
            raise busy(f"The answer was not ready within {seconds:g} seconds.") from None
        finally:
            # Answered, refused, or its client gone: nothing more is done for it.
            self._waiting.discard(limit)
            self.readers.drop(request)
        rows = [row for answer in answers for row in answer.rows or []]
        n_failed = sum(row["error"] is not None for row in rows)
        self.metrics.on_pictures(len(rows) - n_failed, n_failed)
        return rows
