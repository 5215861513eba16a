"""The web application, made of its parts."""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.staticfiles import StaticFiles

from agr import __version__
from agr.serve import problems
from agr.serve.connection import Door
from agr.serve.endpoints import STATIC, check_key, guarded, pages, public
from agr.serve.headers import Envelope
from agr.serve.problems import Problem
from agr.serve.process import Reader
from agr.serve.readers import ReadsPictures
from agr.serve.schema import picture_body
from agr.serve.service import Service
from agr.serve.settings import MIB, Settings

STARTED_WITH = "AGR_SERVE"  # how `agr serve` tells its workers what it was asked for
SMALL_MEMORY = 112 * MIB  # for a picture whose header promises little work
NICE = 5  # how far the reader of large pictures stands back behind the others


def create_app(settings: Settings, readers: Sequence[ReadsPictures]) -> FastAPI:
    """Make the web application."""
    shared = Service(settings, readers)
    door = Door(settings, shared.drain)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Door]]:
        await shared.readers.start()
        try:
            yield {"door": door}  # for `agr.serve.connection`
        finally:
            await shared.readers.close()
            shared.metrics.close()

    app = FastAPI(
        title="agr",
        version=__version__,
        summary="Reads age, gender and race from faces.",
        description="Labels are what people perceived in a picture. Do not use them to decide "
        "about a person, to identify anyone, or as proof of anybody's age.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=[Middleware(Envelope, metrics=shared.metrics)],
    )
    app.state.service, app.state.door = shared, door
    problems.install(app)
    app.include_router(public)
    if settings.api_key is None:
        app.include_router(guarded)
    else:
        app.include_router(
            guarded, dependencies=[Depends(check_key)], responses=problems.documented(401)
        )
    app.include_router(pages)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _describe(app, settings)
    return app


def _describe(app: FastAPI, settings: Settings) -> None:
    """Put the body's and the problem's schema into the OpenAPI document, in place of FastAPI's."""
    schema = app.openapi()
    predict = schema["paths"]["/v1/predict"]["post"]
    predict["requestBody"] = picture_body(settings.max_pictures)
    schemas: dict[str, Any] = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def make_readers(settings: Settings, predictor: dict[str, Any]) -> list[Reader]:
    """Name the processes that read pictures; the application starts them."""
    small = min(SMALL_MEMORY, settings.picture_memory)
    first = Reader(predictor, memory=settings.picture_memory, nice=NICE)
    return [first, *(Reader(predictor, memory=small) for _ in range(settings.readers - 1))]


def from_environment() -> FastAPI:
    """Make the application that ``agr serve`` asked for, in one of its workers."""
    given = json.loads(os.environ[STARTED_WITH])
    settings = Settings(**given["settings"])
    return create_app(settings, make_readers(settings, given["predictor"]))


def to_environment(settings: Settings, predictor: dict[str, Any]) -> None:
    """Leave word for `from_environment`."""
    given = {"settings": settings.model_dump(), "predictor": predictor}
    os.environ[STARTED_WITH] = json.dumps(given)
