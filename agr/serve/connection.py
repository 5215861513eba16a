"""One connection as uvicorn holds it, with bounds on what may come before a request is there.

uvicorn itself waits forever for a request's head and keeps all of it, and takes any number of
connections. A proxy would bound all three; this does so where there is none.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from agr.serve.limits import network
from agr.serve.problems import MEDIA_TYPE, problem
from agr.serve.settings import Settings

BACKLOG = 1024  # connections that the kernel holds, and asyncio accepts in one go
SPARE_FILES = 128  # for whatever else is open
LAST_SECONDS = 1.0  # for a request that was on its way when the service was told to stop


class _RefusedError(Exception):
    """Ends the parsing of a request."""


class Door:
    """What the connections of one server share."""

    def __init__(self, settings: Settings, on_stop: Callable[[], None] = lambda: None) -> None:
        self.settings, self.on_stop = settings, on_stop
        self.max_connections = max(16, min(settings.max_connections, _open_files()))
        self.waiting: dict[Connection, None] = {}  # for their clients, the longest first
        self._clients: Counter[str] = Counter()

    def wait(self, connection: "Connection") -> None:
        """Note that a connection waits for its client."""
        if connection not in self.waiting:
            self.waiting[connection] = None
            self._clients[connection.network] += 1

    def leave(self, connection: "Connection") -> None:
        """Note that its client did something, or is gone."""
        if connection in self.waiting:
            del self.waiting[connection]
            self._clients[connection.network] -= 1
            if not self._clients[connection.network]:
                del self._clients[connection.network]

    def make_room(self, n: int) -> bool:
        """Close a connection when there are too many."""
        if n <= self.max_connections:
            return True
        if not self._clients:
            return False
        # Of the client that has the most, the one that has waited longest.
        most = max(self._clients, key=self._clients.__getitem__)
        next(one for one in self.waiting if one.network == most).dismiss()
        return True


class Connection(HttpToolsProtocol):
    """A connection with bounds; the application's lifespan gives its `Door` as state."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.door: Door = app_state["door"]
        self.network = ""
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head = 0  # bytes of the head, or of what follows the body, as far as they are parsed
        self._loose = 0  # bytes since the head, or a piece of the body, began
        self._piece_is_new = True  # nothing of what came last has been parsed so far
        self._refusal: tuple[int, str] | None = None
        self._last = False
        self._cycles: list[RequestResponseCycle] = []  # not answered yet; several in a pipeline

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or close at once when there is no room."""
        super().connection_made(transport)
        self.network = network(self.client[0] if self.client else None)
        if not self.door.make_room(len(self.connections)):
            self._refuse(503, "Too many connections are open; try again in a moment.")
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        for cycle in self._cycles:  # uvicorn tells only the last of a pipeline
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is too much of nothing."""
        if self.transport.is_closing():
            return
        self._loose += len(data)
        self._piece_is_new = True
        super().data_received(data)
        if self._loose > self.door.settings.max_header_bytes and not self.transport.is_closing():
            self._refuse(431, self._too_long())

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head = True
        self._head = 0
        if not self._piece_is_new:  # it began somewhere behind another request
            self._loose = 0
        self._wait()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, be it before the body or behind it."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application have the request."""
        self._in_head = self._piece_is_new = False
        self._head = self._loose = 0
        self._stop_waiting()
        super().on_headers_complete()
        self._cycles = [one for one in self._cycles if not one.response_complete]
        self._cycles.append(self.cycle)
        if self._last:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._loose, self._piece_is_new = 0, False
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Wait for another request."""
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed."""
        status, detail = self._refusal or (400, "This is no valid HTTP request.")
        self._refuse(status, detail)

    def shutdown(self) -> None:
        """Close, unless a request is here or on its way."""
        self.door.on_stop()
        if self in self.door.waiting and (self.cycle is None or self._in_head):
            self._last = True
            self._wait(LAST_SECONDS)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Wait for a client that does not read its answer, as long as it may take."""
        super().pause_writing()
        self.door.wait(self)
        self._stop_timer()
        self._timer = self.loop.call_later(self.door.settings.timeout, self.dismiss)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stop_waiting()

    def dismiss(self) -> None:
        """Close, to make room for another."""
        self._stop_waiting()
        self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: uvicorn would advise to install packages for websockets."""

    def _count(self, n: int) -> None:
        self._head += n
        if self._head > self.door.settings.max_header_bytes:
            self._refusal = (431, self._too_long())
            raise _RefusedError

    def _too_long(self) -> str:
        limit = self.door.settings.max_header_bytes
        return f"The head of the request has more than {limit:,} bytes."

    def _wait(self, seconds: float | None = None) -> None:
        """Wait for a request's head, as long as it may take."""
        if self.cycle is not None and not self.cycle.response_complete:
            return  # it is sent while an answer is under way, and read after it
        self.door.wait(self)
        if self._timer is None or seconds is not None:
            self._stop_timer()
            seconds = seconds or self.door.settings.header_seconds
            self._timer = self.loop.call_later(seconds, self._be_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_waiting(self) -> None:
        self._stop_timer()
        self.door.leave(self)

    def _be_late(self) -> None:
        self._timer = None
        if self._in_head:
            seconds = self.door.settings.header_seconds
            self._refuse(408, f"The head of the request did not arrive within {seconds:g} seconds.")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer in place of the application, and close."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:  # no other answer is under way
            said = problem(status, detail)
            body = json.dumps(said).encode()
            head = (
                f"HTTP/1.1 {status} {said['title']}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def _open_files() -> int:
    """Give the connections that the system's limit of open files leaves room for."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return soft - backlog() - SPARE_FILES


def backlog() -> int:
    """Give the connections that may come at once, within the system's limit of open files."""
    if sys.platform == "win32":
        return BACKLOG
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return BACKLOG if soft == resource.RLIM_INFINITY else max(16, min(BACKLOG, soft // 4))


def allow_files(settings: Settings) -> None:
    """Raise this process's limit of open files to what the connections need, if it may."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + BACKLOG + SPARE_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
