"""Pictures out of a multipart body, bounded while it comes; nothing touches the disk."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from agr.serve.limits import Held
from agr.serve.picture import FIELD, Picture
from agr.serve.problems import ProblemError
from agr.serve.settings import MIB, Settings

MAX_NAME = 255
DRAIN_SECONDS = 2.0
DRAIN_PAUSE = 0.005  # between two pieces, so that what is thrown away takes no time from others


async def receive_pictures(request: Request, settings: Settings, held: Held) -> list[Picture]:
    """Receive the pictures of a request."""
    boundary = _boundary(request)
    declared = int(request.headers.get("content-length") or 0)
    form = _Form(boundary, settings)
    chunks = request.stream()
    try:
        if declared > settings.max_request_bytes:
            raise _too_large(settings)
        async with asyncio.timeout(settings.timeout):
            received = 0
            async for chunk in chunks:
                received += len(chunk)
                if received > settings.max_request_bytes:
                    raise _too_large(settings)
                held.take(len(chunk))
                form.write(chunk)
    except TimeoutError:
        raise ProblemError(
            408,
            f"The request did not arrive within {settings.timeout:g} seconds.",
            {"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise ProblemError(400, "The client went away.") from None
    except ProblemError as error:
        # Who still sends does not listen: let it finish, within bounds, so that it hears why.
        if "expect" not in request.headers:
            await _drain(chunks, settings.max_request_bytes)
        error.headers = {**(error.headers or {}), "Connection": "close"}
        raise
    return form.finish()


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type") or "")
    if kind != b"multipart/form-data":
        raise ProblemError(
            415,
            f"Expected multipart/form-data with one or more files in the field {FIELD!r}.",
            {"Accept": "multipart/form-data"},
        )
    if not options.get(b"boundary"):
        raise ProblemError(400, "The Content-Type names no boundary.")
    return options[b"boundary"]


def _too_large(settings: Settings) -> ProblemError:
    limit = settings.max_request_bytes / MIB
    return ProblemError(413, f"A request may have {limit:g} MiB at most; send fewer pictures.")


async def _drain(chunks: AsyncIterator[bytes], limit: int) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in chunks:
                limit -= len(chunk)
                if limit < 0:
                    return
                await asyncio.sleep(DRAIN_PAUSE)
    except (TimeoutError, ClientDisconnect):
        return


class _Form:
    """Takes a body piece by piece and keeps the pictures in it."""

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self._settings = settings
        self._pictures: list[Picture] = []
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name = ""
        self._data = bytearray()
        self._too_large = False
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise ProblemError(400, f"The boundary is malformed: {error}.") from None

    def write(self, chunk: bytes) -> None:
        """Take the next piece."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise ProblemError(400, f"The multipart body is malformed: {error}.") from None

    def finish(self) -> list[Picture]:
        """Give all pictures, once the body has come."""
        if not self._ended:
            raise ProblemError(400, "The multipart body ends before its last boundary.")
        if not self._pictures:
            raise ProblemError(422, f"There is no file in the field {FIELD!r}; send at least one.")
        return self._pictures

    def _on_part(self) -> None:
        limit = self._settings.max_pictures
        if len(self._pictures) >= limit:
            raise ProblemError(422, f"A request may have {limit} pictures at most; send several.")
        self._disposition = b""
        self._data = bytearray()
        self._too_large = False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field != FIELD:
            raise ProblemError(422, f"Unknown field {field[:40]!r}; send files in {FIELD!r}.")
        if b"filename" not in options:
            raise ProblemError(422, f"{FIELD!r} must be a file; this one has no file name.")
        name = options[b"filename"].decode("utf-8", "replace")
        self._name = name[:MAX_NAME] or f"picture {len(self._pictures) + 1}"

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if len(self._data) + end - start > self._settings.max_picture_bytes:
            self._too_large = True
            self._data = bytearray()
        if not self._too_large:
            self._data += data[start:end]

    def _on_part_end(self) -> None:
        error = None
        if self._too_large:
            limit = self._settings.max_picture_bytes / MIB
            error = f"The picture has more than {limit:g} MiB."
        self._pictures.append(Picture(self._name, bytes(self._data), error))
        self._data = bytearray()

    def _on_end(self) -> None:
        self._ended = True
