"""Keeps one client from taking what belongs to all."""

import ipaddress
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from agr.serve.problems import busy
from agr.serve.settings import Settings


class Shares:
    """Counts the requests and bytes of each client, and the bytes of all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests: Counter[str] = Counter()
        self._client_bytes: Counter[str] = Counter()
        self._bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def request(self, client: str) -> "Iterator[Held]":
        """Admit a request, and forget it at the end."""
        limit = self._settings.max_client_requests
        with self._lock:
            if 0 < limit <= self._requests[client]:
                raise busy(
                    f"You have {limit} requests open already; wait for their answers.",
                    status=429,
                )
            self._requests[client] += 1
        held = Held(self, client)
        try:
            yield held
        finally:
            with self._lock:
                self._bytes -= held.n
                self._client_bytes[client] -= held.n
                self._requests[client] -= 1
                if not self._requests[client]:
                    del self._requests[client], self._client_bytes[client]

    def take(self, client: str, n: int) -> None:
        """Count bytes that came."""
        settings = self._settings
        with self._lock:
            if self._client_bytes[client] + n > settings.max_client_bytes:
                raise busy("You send too much at a time; wait for your answers.", status=429)
            if self._bytes + n > settings.max_held_bytes:
                raise busy("Too many pictures are being received; try again in a moment.")
            self._bytes += n
            self._client_bytes[client] += n


class Held:
    """The bytes that one request holds."""

    def __init__(self, shares: Shares, client: str) -> None:
        self._shares, self._client = shares, client
        self.n = 0

    def take(self, n: int) -> None:
        """Hold more bytes, as `Shares.take`."""
        self._shares.take(self._client, n)
        self.n += n


def network(host: str | None) -> str:
    """Give what stands for one client."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
