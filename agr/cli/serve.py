"""``agr serve``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agr.cli.console import errors
from agr.cli.options import DETECTOR, Computing, DetectorOption, Models, grouped


@grouped
def serve(
    models: Models,
    computing: Computing,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            min=1, help="Copies of the whole service, each with its own models and limits."
        ),
    ] = 1,
    detector: DetectorOption = DETECTOR,
    picture_mib: Annotated[
        float | None, typer.Option(help="Largest picture in MiB; default: 10.")
    ] = None,
    request_mib: Annotated[
        float | None, typer.Option(help="Largest request in MiB; default: 40.")
    ] = None,
    megapixels: Annotated[
        float | None, typer.Option(help="Largest picture in millions of pixels; default: 25.")
    ] = None,
    pictures: Annotated[
        int | None, typer.Option(help="Most pictures in a request; default: 32.")
    ] = None,
    client_requests: Annotated[
        int | None,
        typer.Option(help="Most open requests of one client, 0 for no limit; default: 64."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds to receive a request, and to answer it; default: 30."),
    ] = None,
    queue: Annotated[int | None, typer.Option(help="Most waiting pictures; default: 256.")] = None,
    readers: Annotated[
        int | None,
        typer.Option(help="Processes that read pictures; default: one per core, from 2 to 4."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="AGR_API_KEY",
            help="Key that clients must send, as 'Authorization: Bearer KEY'. Prefer the variable "
            "AGR_API_KEY: other users of the machine can see the options.",
        ),
    ] = None,
) -> None:
    """Start the HTTP service, with a web page at / and an API reference at /docs.

    Environment variables set the other limits; see docs/deploy.md.
    """
    with errors():
        from agr.serve.launch import launch
        from agr.serve.settings import MIB, Settings

        given: dict[str, Any] = {
            "max_picture_bytes": None if picture_mib is None else int(picture_mib * MIB),
            "max_request_bytes": None if request_mib is None else int(request_mib * MIB),
            "max_pixels": None if megapixels is None else int(megapixels * 1e6),
            "max_pictures": pictures,
            "max_client_requests": client_requests,
            "timeout": timeout,
            "queue_size": queue,
            "readers": readers,
            "api_key": api_key,
        }
        if request_mib is not None:  # whose bounds must hold at least one
            one = int(request_mib * MIB)
            given |= {"max_client_bytes": max(80 * MIB, one), "max_held_bytes": max(160 * MIB, one)}
        # What is not asked for here may come from the environment: see `Settings`.
        settings = Settings(**{name: v for name, v in given.items() if v is not None})
        options = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in {**models.options(), **computing.options()}.items()
        }
        launch(
            settings,
            host=host,
            port=port,
            workers=workers,
            predictor={**options, "detector": detector},
        )
