"""``agr networks`` and ``agr explore``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors


def networks() -> None:
    """List the networks that --network takes.

    Size is in pixels, parameters are those at this size with one output, and weights what --weights
    may say besides a file or a folder.
    """
    from agr.training.networks.registry import BACKBONES

    row = "{:<20}{:>5}{:>12}  {:<10}{}".format
    typer.echo(row("network", "size", "parameters", "weights", "what it is"))
    for name, backbone in BACKBONES.items():
        count = f"{backbone.n_parameters:,}"
        typer.echo(
            row(name, backbone.native_size, count, backbone.start or "random", backbone.summary)
        )


def explore(
    data: Annotated[
        Path,
        typer.Argument(help="As --data of agr train.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for the page and its PNG and CSV files; needs the extra 'plots'.",
            show_default=False,
        ),
    ],
) -> None:
    """Look at labelled pictures: who is in them, what is doubled, what is broken."""
    with errors():
        from agr.errors import require

        with require("plots"):
            from agr.runs.explore import write_report
        typer.echo(f"wrote {write_report(data, output)}")
