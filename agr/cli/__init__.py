"""The command line: ``agr predict``, ``train``, ``evaluate``, ``serve`` and others."""

from typing import Annotated

import typer

from agr.cli import (
    annotate,
    calibrate,
    compare,
    crop,
    evaluate,
    explain,
    explore,
    networks,
    predict,
    serve,
    train,
    tune,
    video,
)

app = typer.Typer(
    name="agr",
    help="Estimate age, gender and race from photos of faces, and train your own models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from agr import __version__

        typer.echo(f"agr {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Estimate age, gender and race from photos of faces, and train your own models."""


# Help lists the commands in this order.
app.command()(predict.predict)
app.command()(annotate.annotate)
app.command()(explain.explain)
app.command()(video.video)
app.command()(crop.crop)
app.command()(train.train)
app.command()(tune.tune)
app.command()(calibrate.calibrate)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(networks.networks)
app.command()(explore.explore)
app.command()(serve.serve)
