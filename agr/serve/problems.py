"""Every error as a JSON problem (RFC 9457); no stack trace, no inner detail."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from agr.errors import choice

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field("about:blank", description="Kind of problem; its status says it all.")
    title: str = Field(description="Name of the status.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What was expected, what came and what to do.")


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


class ProblemResponse(JSONResponse):
    """A problem, ready to be sent."""

    media_type = MEDIA_TYPE


def busy(detail: str, status: int = 503, seconds: int = 1) -> ProblemError:
    """Give the problem of a service that has too much to do."""
    return ProblemError(status, detail, {"Retry-After": str(seconds)})


def problem(status: int, detail: str) -> dict[str, Any]:
    """Give a problem as a client reads it."""
    title = HTTPStatus(status).phrase
    return Problem(type="about:blank", title=title, status=status, detail=detail).model_dump()


def respond(status: int, detail: str, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    """Write a problem."""
    return ProblemResponse(problem(status, detail), status, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problems for the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer an application's errors with problems."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)


async def _on_problem(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, ProblemError)  # what it was registered for
    return respond(error.status, error.detail, error.headers)


async def _on_http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    details = {
        404: "There is nothing here; see /docs for what there is.",
        405: f"{request.method} is not possible here; see the Allow header.",
    }
    detail = details.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # see `agr.serve.headers.Envelope`
    return respond(error.status_code, detail, headers)


async def _on_invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    return respond(422, " ".join(map(_sentence, error.errors())))


def _sentence(error: Mapping[str, Any]) -> str:
    place: Sequence[Any] = error["loc"]
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return choice(str(place[-1]), str(error["input"])[:40], choices)
    return f"{' '.join(map(str, place))}: {error['msg']}."
