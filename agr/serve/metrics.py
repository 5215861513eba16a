"""What Prometheus may ask: requests, pictures, readers and the queue."""

import os
from collections.abc import Callable
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from agr import __version__

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # several workers add up their numbers there
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counts of one service; none tells anything of a picture or a person."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, queue_length: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._queue_length = queue_length
        common: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "agr_requests", "Requests by endpoint and status.", ["endpoint", "status"], **common
        )
        self.seconds = Histogram(
            "agr_request_seconds",
            "Seconds a request took.",
            ["endpoint"],
            buckets=SECONDS,
            **common,
        )
        self.pictures = Counter(
            "agr_pictures",
            "Pictures that could be read, and that could not.",
            ["outcome"],
            **common,
        )
        self.reading_seconds = Histogram(
            "agr_reading_seconds",
            "Seconds that reading a picture took, by lane.",
            ["lane"],
            buckets=SECONDS,
            **common,
        )
        self.ended = Counter(
            "agr_readers_ended", "Processes that were replaced, by reason.", ["reason"], **common
        )
        self.queue = Gauge(
            "agr_queue_pictures", "Pictures that wait.", multiprocess_mode="livesum", **common
        )
        info = Gauge("agr_info", "Version.", ["version"], multiprocess_mode="livemax", **common)
        info.labels(__version__).set(1)
        for outcome in ("read", "failed"):
            self.pictures.labels(outcome)
        for reason in ("limit", "cancelled", "idle"):
            self.ended.labels(reason)

    def on_request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(endpoint, str(status)).inc()
        self.seconds.labels(endpoint).observe(seconds)

    def on_reading(self, lane: str, seconds: float) -> None:
        """Count a picture that a process looked at."""
        self.reading_seconds.labels(lane).observe(seconds)
        self.queue.set(self._queue_length())

    def on_end(self, reason: str) -> None:
        """Count a process that was replaced."""
        self.ended.labels(reason).inc()

    def on_pictures(self, read: int, failed: int) -> None:
        """Count pictures."""
        self.pictures.labels("read").inc(read)
        self.pictures.labels("failed").inc(failed)

    def text(self) -> bytes:
        """Give all counts in Prometheus's format; those of all workers where there are several."""
        self.queue.set(self._queue_length())
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def close(self) -> None:
        """Take this worker's queue out of the sum."""
        if SHARED_FOLDER in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
