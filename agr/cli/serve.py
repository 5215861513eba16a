"""``agr serve``."""

from typing import Annotated

import typer

from agr.cli.console import errors
from agr.cli.options import (
    AgeModel,
    DetectorOption,
    DeviceOption,
    EngineOption,
    GenderModel,
    RaceModel,
    TasksOption,
)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines too.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; each with its own models and limits.")
    ] = 1,
    tasks: TasksOption = None,
    age: AgeModel = None,
    gender: GenderModel = None,
    race: RaceModel = None,
    detector: DetectorOption = "yunet",
    engine: EngineOption = "auto",
    device: DeviceOption = "cpu",
    picture_mib: Annotated[float, typer.Option(help="Size of a picture at most.")] = 10,
    request_mib: Annotated[float, typer.Option(help="Size of a request at most.")] = 40,
    megapixels: Annotated[float, typer.Option(help="Pixels of a picture at most.")] = 25,
    pictures: Annotated[int, typer.Option(help="Pictures in a request at most.")] = 32,
    client_requests: Annotated[
        int, typer.Option(help="Open requests of one client at most; 0: any number.")
    ] = 64,
    timeout: Annotated[float, typer.Option(help="Seconds to receive, and to answer.")] = 30,
    queue: Annotated[int, typer.Option(help="Pictures that may wait.")] = 256,
    batch_size: Annotated[int, typer.Option(help="Pictures read together at most.")] = 32,
    batch_wait_ms: Annotated[
        float, typer.Option(help="Milliseconds that a picture waits for others.")
    ] = 3,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="AGR_API_KEY",
            help="What clients must send as 'Authorization: Bearer KEY'. Better set the variable "
            "AGR_API_KEY: other users of the machine can see options.",
        ),
    ] = None,
) -> None:
    """Answer over HTTP, with a page for phone and desktop at / and a reference at /docs."""
    with errors():
        from agr.serve.launch import launch
        from agr.serve.settings import MIB, Settings

        settings = Settings(
            max_picture_bytes=int(picture_mib * MIB),
            max_request_bytes=int(request_mib * MIB),
            max_held_bytes=max(256 * MIB, int(request_mib * MIB)),
            max_pixels=int(megapixels * 1e6),
            max_pictures=pictures,
            max_client_requests=client_requests,
            timeout=timeout,
            queue_size=queue,
            batch_size=batch_size,
            batch_wait=batch_wait_ms / 1000,
            api_key=api_key,
        )
        models = {"age": age, "gender": gender, "race": race}
        named = {task: str(folder) for task, folder in models.items() if folder}
        launch(
            settings,
            host=host,
            port=port,
            workers=workers,
            predictor={
                "tasks": tasks or None,
                "detector": detector,
                "engine": engine,
                "device": device,
                **named,
            },
        )
