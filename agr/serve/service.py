"""What the endpoints share: bounds, models, the queue and the counts."""

import asyncio
from concurrent.futures import Future

from agr.bulk.formats import Row
from agr.serve.batching import Batcher, QueueFullError
from agr.serve.limits import Shares
from agr.serve.metrics import Metrics
from agr.serve.problems import busy
from agr.serve.reading import Reader, Reads, failed
from agr.serve.settings import Settings
from agr.serve.upload import Picture


class Service:
    """What the endpoints of one application share.

    Parameters
    ----------
    settings : Settings
        Bounds.
    predictor : Predictor
        Reads the faces.
    """

    def __init__(self, settings: Settings, predictor: Reads) -> None:
        self.settings, self.tasks = settings, predictor.tasks
        self.shares = Shares(settings.max_client_requests, settings.max_held_bytes)
        self.metrics = Metrics(lambda: len(self.batcher))
        self.batcher: Batcher[Picture, list[Row]] = Batcher(
            Reader(predictor, settings.max_pixels),
            batch_size=settings.batch_size,
            wait=settings.batch_wait,
            queue_size=settings.queue_size,
            on_batch=self.metrics.on_batch,
        )

    async def read(self, pictures: list[Picture]) -> list[Row]:
        """Read the pictures of a request, together with those of others.

        Parameters
        ----------
        pictures : list of Picture
            In the order of the request.

        Returns
        -------
        list of dict
            Rows, in the same order.

        Raises
        ------
        ProblemError
            503, when too many wait, or when it takes too long.
        """
        try:
            futures = self.batcher.submit(pictures)
        except QueueFullError as error:
            raise busy(f"{error} Try again in a moment.") from None
        rows: list[Row] = []
        try:
            async with asyncio.timeout(self.settings.timeout):
                for picture, future in zip(pictures, futures, strict=True):
                    rows += await _rows(picture, future)
        except TimeoutError:
            seconds = self.settings.timeout
            raise busy(f"The answer was not ready within {seconds:g} seconds.") from None
        finally:
            for future in futures:
                future.cancel()
        n_failed = sum(row["error"] is not None for row in rows)
        self.metrics.on_pictures(len(rows) - n_failed, n_failed)
        return rows


async def _rows(picture: Picture, future: "Future[list[Row]]") -> list[Row]:
    try:
        return await asyncio.wrap_future(future)
    except Exception:  # the log has it; the other pictures go on
        return failed(picture)
