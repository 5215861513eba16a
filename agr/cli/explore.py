"""``agr explore``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors
from agr.cli.options import Columns, Labels, own_names


def explore(
    data: Annotated[Path, typer.Argument(help="As --data of agr train.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for the page and its PNG and CSV files; needs the extra 'plots'.",
            show_default=False,
        ),
    ],
    columns: Columns = None,
    labels: Labels = None,
    suspects: Annotated[
        bool,
        typer.Option(
            "--suspects",
            help="Look for doubtful labels too; needs the extra 'suspects', and a minute for 2,000 "
            "pictures.",
        ),
    ] = False,
    data_card: Annotated[
        bool,
        typer.Option(
            "--data-card", help="Write the labels and Croissant metadata too: croissant.json."
        ),
    ] = False,
) -> None:
    """Report on labelled pictures: who is in them, duplicates and broken files."""
    with errors():
        from agr.errors import require

        with require("plots"):
            from agr.runs.explore import write_report
            from agr.runs.selection import Selection
        selection = Selection(data=data, **own_names(columns, labels))
        path = write_report(selection, output, suspects=suspects, data_card=data_card)
        typer.echo(f"wrote {path}")
