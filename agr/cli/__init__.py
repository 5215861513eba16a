"""The command line: ``agr predict``, ``train``, ``evaluate``, ``serve`` and others."""

from typing import Annotated

import typer

from agr.cli import explore as looking
from agr.cli import predict as faces
from agr.cli import serve as serving
from agr.cli import train as learning
from agr.cli import tune as tuning
from agr.cli import video

app = typer.Typer(
    name="agr",
    help="Read age, gender and race from faces, and train your own models for each.",
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Read age, gender and race from faces, and train your own models for each."""


# Help lists the commands in this order.
app.command()(faces.predict)
app.command()(faces.annotate)
app.command()(video.video)
app.command()(learning.train)
app.command()(tuning.tune)
app.command()(learning.evaluate)
app.command()(looking.networks)
app.command()(looking.explore)
app.command()(serving.serve)
