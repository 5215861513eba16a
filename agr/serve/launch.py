"""Starts the service, in one process or several."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agr.errors import ParameterError, require

if TYPE_CHECKING:  # which is part of the extra itself
    from agr.serve.settings import Settings


def launch(
    settings: "Settings", *, host: str, port: int, workers: int, predictor: dict[str, Any]
) -> None:
    """Serve until somebody stops it."""
    if workers < 1:
        raise ParameterError(f"workers must be at least 1, got {workers}.")
    with require("serve"):
        import uvicorn

        from agr.serve.app import create_app, make_readers, to_environment
        from agr.serve.connection import Connection, allow_files, backlog
        from agr.serve.metrics import SHARED_FOLDER
    predictor.setdefault("threads", 1)
    # A reader gets a picture at a time, which OpenVINO answers no sooner, with 80 MiB more each and
    # twice the time to start (benchmarks/results/speed.csv).
    if predictor.get("engine", "auto") == "auto":
        predictor["engine"] = "onnxruntime"
    readers = make_readers(settings, predictor)
    # Started once beforehand, so that what is wrong with a model is said once, and plainly.
    readers[0].start()
    readers[0].close()
    _check_free(host, port)
    allow_files(settings)
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": Connection,
        "backlog": backlog(),
        "server_header": False,
        "ws": "none",
        "timeout_graceful_shutdown": settings.drain_seconds,
    }
    if workers == 1:
        uvicorn.run(create_app(settings, readers), **options)
        return
    with _environment(SHARED_FOLDER):
        to_environment(settings, predictor)
        uvicorn.run("agr.serve.app:from_environment", factory=True, workers=workers, **options)


def _check_free(host: str, port: int) -> None:
    """Raise before models load and workers start again and again for nothing."""
    if port == 0:
        return
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{host}:{port}") from None


@contextmanager
def _environment(name: str) -> Iterator[None]:
    """Name a folder that lasts as long as the workers."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]
