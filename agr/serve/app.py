"""The web application, made of its parts."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.staticfiles import StaticFiles

from agr import __version__
from agr.predictor import Predictor
from agr.serve import problems
from agr.serve.endpoints import STATIC, check_key, guarded, pages, public
from agr.serve.headers import Envelope
from agr.serve.problems import Problem
from agr.serve.reading import Reads
from agr.serve.service import Service
from agr.serve.settings import Settings

STARTED_WITH = "AGR_SERVE"  # how `agr serve` tells its workers what it was asked for
SHUTDOWN_SECONDS = 10.0


def create_app(settings: Settings, predictor: Reads) -> FastAPI:
    """Make the web application.

    Parameters
    ----------
    settings : Settings
        Bounds.
    predictor : Predictor
        Reads the faces; one thread at a time asks it.

    Returns
    -------
    FastAPI
        An ASGI application, for uvicorn or another server.
    """
    shared = Service(settings, predictor)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shared.batcher.start()
        try:
            yield
        finally:
            await asyncio.to_thread(shared.batcher.close, SHUTDOWN_SECONDS)
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
    app.state.service = shared
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
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Put the problem's schema into the OpenAPI document, in place of FastAPI's own errors."""
    schema = app.openapi()
    schemas: dict[str, Any] = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def from_environment() -> FastAPI:
    """Make the application that ``agr serve`` asked for, in one of its workers.

    Returns
    -------
    FastAPI
        An ASGI application.
    """
    given = json.loads(os.environ[STARTED_WITH])
    return create_app(Settings(**given["settings"]), Predictor(**given["predictor"]))


def to_environment(settings: Settings, predictor: dict[str, Any]) -> None:
    """Leave word for `from_environment`.

    Parameters
    ----------
    settings : Settings
        Bounds.
    predictor : dict
        What `Predictor` is made with.
    """
    given = {"settings": asdict(settings), "predictor": predictor}
    os.environ[STARTED_WITH] = json.dumps(given)
