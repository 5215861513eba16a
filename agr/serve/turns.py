"""Whose picture is read next: that of the client, and the request, that had least so far."""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Request(Generic[T]):
    spent: float
    small: deque[T] = field(default_factory=deque)
    large: deque[T] = field(default_factory=deque)


@dataclass
class _Client(Generic[T]):
    spent: float
    now: float = 0.0  # what the request that was served last had spent
    requests: dict[Hashable, _Request[T]] = field(default_factory=dict)


class Turns(Generic[T]):
    """A queue that shares seconds, not places: start-time fair queueing on two levels.

    Clients take turns by the seconds that their items took, and so do the requests of a client.
    Whoever comes anew starts where the others are, neither before nor behind them; so it helps
    nobody to send more at once, to go and to come back.
    """

    def __init__(self) -> None:
        self._clients: dict[str, _Client[T]] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return sum(self.waiting(client) for client in self._clients)

    def waiting(self, client: str) -> int:
        """Count a client's items."""
        known = self._clients.get(client)
        return sum(len(r.small) + len(r.large) for r in known.requests.values()) if known else 0

    def add(self, client: str, request: Hashable, item: T, *, large: bool = False) -> None:
        """Let an item wait."""
        known = self._clients.setdefault(client, _Client(self._now))
        asked = known.requests.setdefault(request, _Request(known.now))
        (asked.large if large else asked.small).append(item)

    def next(self, *, large: bool) -> T | None:
        """Take the next item."""
        chosen = min(self._askers(large), key=lambda pair: pair[0].spent, default=None)
        if chosen is None:
            return None
        client, requests = chosen
        asked = min(requests, key=lambda request: request.spent)
        self._now, client.now = max(self._now, client.spent), max(client.now, asked.spent)
        self._forget()
        return (asked.large if large else asked.small).popleft()

    def charge(self, client: str, request: Hashable, seconds: float) -> None:
        """Count what an item took."""
        if (known := self._clients.get(client)) is not None:
            known.spent += seconds
            if (asked := known.requests.get(request)) is not None:
                asked.spent += seconds

    def drop(self, client: str, request: Hashable) -> list[T]:
        """Forget a request."""
        known = self._clients.get(client)
        asked = known.requests.pop(request, None) if known else None
        if not any(one.requests for one in self._clients.values()):
            self._clients.clear()  # nobody waits, so nobody owes anybody anything
            self._now = 0.0
        return [*asked.small, *asked.large] if asked else []

    def _askers(self, large: bool) -> Iterator[tuple[_Client[T], list[_Request[T]]]]:
        for client in self._clients.values():
            requests = [r for r in client.requests.values() if (r.large if large else r.small)]
            if requests:
                yield client, requests

    def _forget(self) -> None:
        """Drop clients that have nothing open and no debt."""
        for name, client in list(self._clients.items()):
            if not client.requests and client.spent <= self._now:
                del self._clients[name]
