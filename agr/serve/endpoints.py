"""The endpoints: ``/health``, ``/v1/predict``, ``/metrics``, and the pages."""

import asyncio
import hmac
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from agr import __version__
from agr.bulk.formats import Row
from agr.errors import nearest
from agr.serve.limits import network
from agr.serve.picture import FACES, Faces
from agr.serve.problems import ProblemError, busy, documented
from agr.serve.schema import Health, Limits, Results
from agr.serve.service import Service
from agr.serve.upload import receive_pictures

STATIC = Path(__file__).parent / "static"


def check_query(request: Request) -> None:
    """Refuse fields of the query that the endpoint does not know."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            said = f"known are {', '.join(known)}" if known else "there are none here"
            raise ProblemError(
                422, f"Unknown query field {name[:40]!r}; {said}.{nearest(name[:40], known)}"
            )


public = APIRouter(dependencies=[Depends(check_query)])
# Asks for the key, where there is one.
guarded = APIRouter(dependencies=[Depends(check_query)])
pages = APIRouter(include_in_schema=False)
bearer = HTTPBearer(auto_error=False, description="The key that the service was given.")


def service(request: Request) -> Service:
    """Give what the endpoints share."""
    found: Service = request.app.state.service
    return found


Shared = Annotated[Service, Depends(service)]


def check_key(
    shared: Shared,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> None:
    """Let nobody in without the key."""
    key = shared.settings.api_key or ""
    sent = given.credentials if given else ""
    # Compared in constant time, so that how long it takes tells nothing of the key.
    if not hmac.compare_digest(sent.encode(), key.encode()):
        raise ProblemError(
            401,
            "Send the service's key as 'Authorization: Bearer KEY'.",
            {"WWW-Authenticate": "Bearer"},
        )


@public.get("/health", summary="Say whether the service can answer", responses=documented(422, 503))
async def health(shared: Shared) -> Health:
    """Models that are loaded, the version, and what may be sent."""
    if not shared.readers.alive:
        raise busy("No pictures are being read; the service has to be started again.")
    settings = shared.settings
    return Health(
        status="ok",
        version=__version__,
        models=list(shared.readers.tasks),
        faces=list(FACES),
        needs_key=settings.api_key is not None,
        limits=Limits(
            picture_bytes=settings.max_picture_bytes,
            request_bytes=settings.max_request_bytes,
            pixels=settings.max_pixels,
            pictures=settings.max_pictures,
            request_pixels=settings.max_request_pixels,
        ),
    )


@guarded.post(
    "/v1/predict",
    summary="Read the faces in pictures",
    response_model=Results,
    responses=documented(400, 408, 413, 415, 422, 429, 503),
)
async def predict(
    request: Request,
    shared: Shared,
    faces: Annotated[
        Faces,
        Query(
            description="'crop': each picture is one face that fills it. 'detect': each is a "
            "photo; its faces are found first."
        ),
    ] = "detect",
) -> Response:
    """One row a picture, or a face, in the order of the pictures, with the keys of ``agr predict``.

    A picture that cannot be read, or shows no face, has its reason in ``error``, and the others go
    on. The faces of a photo come largest first. Pictures are neither stored nor logged.
    """
    client = network(request.client.host if request.client else None)
    with shared.shares.request(client) as held:
        received = await receive_pictures(request, shared.settings, held)
        pictures = [replace(picture, faces=faces) for picture in received]
        rows = await _while_connected(request, shared.read(client, pictures))
    return JSONResponse({"results": rows})


async def _while_connected(request: Request, reading: Coroutine[Any, Any, list[Row]]) -> list[Row]:
    """Wait for the rows, and stop the reading when the client goes away."""
    read, gone = asyncio.create_task(reading), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((read, gone), return_when=asyncio.FIRST_COMPLETED)
        if not read.done():
            raise ProblemError(400, "The client went away.")
        return await read
    finally:
        read.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@guarded.get(
    "/metrics",
    summary="Count requests, pictures and batches",
    response_class=Response,
    responses={
        200: {"description": "Prometheus's format.", "content": {"text/plain": {}}},
        **documented(422),
    },
)
async def metrics(shared: Shared) -> Response:
    """Numbers for Prometheus; none tells anything of a picture or a person."""
    return Response(shared.metrics.text(), media_type=shared.metrics.content_type)


@pages.get("/")
async def page() -> FileResponse:
    """Give the page."""
    return FileResponse(STATIC / "index.html")


@pages.get("/sw.js")
async def service_worker() -> FileResponse:
    """Give the service worker; it may only look after what lies below it."""
    return FileResponse(STATIC / "sw.js")


@pages.get("/docs")
async def docs() -> FileResponse:
    """Give the reference, which is made from ``openapi.json`` in the browser."""
    return FileResponse(STATIC / "docs.html")
