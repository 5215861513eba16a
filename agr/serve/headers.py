"""Around every request: security headers, counts, and a problem instead of a stack trace."""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agr.serve.metrics import Metrics
from agr.serve.problems import respond

POLICY = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "connect-src": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "img-src": "'self' blob:",
    "manifest-src": "'self'",
    "media-src": "'self' blob:",
    "script-src": "'self'",
    "style-src": "'self'",
    "worker-src": "'self'",
}
STRICT = {**POLICY, "require-trusted-types-for": "'script'", "trusted-types": "agr"}
# Swagger UI writes HTML, and its style sheet holds its icons.
DOCS = {**POLICY, "img-src": "'self' data:"}
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = logging.getLogger(__name__)


def policy(path: str) -> str:
    """Give a path's Content-Security-Policy.

    Parameters
    ----------
    path : str
        Within the service.

    Returns
    -------
    str
        The header's value.
    """
    rules = DOCS if path == "/docs" else STRICT
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Envelope:
    """Middleware around the whole application.

    Parameters
    ----------
    app : ASGI application
        What answers.
    metrics : Metrics
        Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            log.exception("%s failed.", _endpoint(scope))
            if status:  # too late for another answer
                raise
            response = respond(500, "Something went wrong inside the service; its log says what.")
            await response(scope, receive, send_with_headers)
        finally:
            self._metrics.on_request(_endpoint(scope), status, time.perf_counter() - start)


def _add_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    headers["Content-Security-Policy"] = policy(path)
    for name, value in HEADERS.items():
        headers[name] = value
    # The page and its parts are asked for again each time; answers are never kept.
    is_file = "etag" in headers
    headers.setdefault("Cache-Control", "no-cache" if is_file else "no-store")


def _endpoint(scope: MutableMapping[str, Any]) -> str:
    return str(getattr(scope.get("route"), "path", None) or "other")
