"""``agr evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, show_report
from agr.cli.options import Selection, TaskArgument, grouped, one_of


@grouped
def evaluate(
    task: TaskArgument,
    selection: Selection,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a saved model; default: the bundled one.")
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            help="Score all pictures, or one part of the split.",
            **one_of(("all", "train", "validation", "test")),
        ),
    ] = "all",
    form: Annotated[
        str,
        typer.Option("--format", help="How to write the scores.", **one_of(("table", "json"))),
    ] = "table",
    plots: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page with curves, errors, confusions and pictures, and for its "
            "PNG and CSV files; needs the extra 'plots'."
        ),
    ] = None,
) -> None:
    """Score a saved model, overall and by gender, race and age group."""
    with errors():
        import json

        from agr.runs import selection as runs
        from agr.runs.evaluate import evaluate_run

        chosen = runs.Selection(**selection.options())
        report, dropped = evaluate_run(task, chosen, model, part, plots=plots)
        if dropped:
            typer.echo(dropped, err=True)
        if form == "json":
            typer.echo(json.dumps(report.to_dict(), indent=1))
        else:
            show_report(report)
        if plots is not None:
            typer.echo(f"wrote {plots / 'index.html'}", err=True)
