"""Around every request: security headers, counts, and a problem instead of a stack trace."""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agr.serve.metrics import Metrics
from agr.serve.problems import MEDIA_TYPE, respond

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
    "require-trusted-types-for": "'script'",
    "trusted-types": "agr",
}
CONTENT_POLICY = "; ".join(f"{name} {value}" for name, value in POLICY.items())
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = logging.getLogger(__name__)


class Envelope:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, reply = time.perf_counter(), _Reply(scope, receive, send)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # every answer to GET can be had without its body
        try:
            await self._app(scope, receive, reply.send)
        except Exception:
            log.exception("%s failed.", _endpoint(scope))
            if reply.status:  # too late for another answer
                raise
            response = respond(500, "Something went wrong inside the service; its log says what.")
            await response(scope, receive, reply.send)
        finally:
            self._metrics.on_request(_endpoint(scope), reply.status, time.perf_counter() - start)


class _Reply:
    """What is sent to a client: with our headers, and every error as a problem."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._replaced = False
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            if self.status >= 400 and headers.get("content-type") != MEDIA_TYPE:
                await self._replace(headers)
                return
            _add_headers(message)
        elif self._replaced:
            return
        elif self._scope["method"] == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    async def _replace(self, headers: MutableHeaders) -> None:
        """Say it as a problem: Starlette answers a bad Range, for one, in plain text."""
        details = {
            400: "The Range header is malformed; expected for instance 'bytes=0-99'.",
            416: "The Range lies outside of the file; Content-Range has its length.",
        }
        kept = {k: v for k, v in headers.items() if k in ("allow", "content-range")}
        detail = details.get(self.status, "The request was refused.")
        await respond(self.status, detail, kept)(self._scope, self._receive, self.send)
        self._replaced = True


def _add_headers(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers["Content-Security-Policy"] = CONTENT_POLICY
    for name, value in HEADERS.items():
        headers[name] = value
    # The page and its parts are asked for again each time; answers are never kept.
    is_file = "etag" in headers
    headers.setdefault("Cache-Control", "no-cache" if is_file else "no-store")


def _endpoint(scope: MutableMapping[str, Any]) -> str:
    return str(getattr(scope.get("route"), "path", None) or "other")
