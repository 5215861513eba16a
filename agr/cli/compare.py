"""``agr compare``."""

from typing import Annotated

import typer

from agr.cli.console import errors, show_tables
from agr.cli.evaluate import Form, Limit, Part
from agr.cli.options import Selection, TaskArgument, grouped

Model = Annotated[
    str,
    typer.Argument(
        help="Folder of a saved model, 'bundled', or a .csv of answers as agr predict writes it.",
        show_default=False,
    ),
]


@grouped
def compare(
    task: TaskArgument,
    first: Model,
    second: Model,
    selection: Selection,
    part: Part = "all",
    limit: Limit = None,
    form: Form = "table",
) -> None:
    """Compare two models on the same pictures: scores, who gains or loses, what changed."""
    with errors():
        from agr.runs import selection as runs
        from agr.runs.compare import compare_run

        chosen = runs.Selection(**selection.options())
        tables, notes = compare_run(task, first, second, chosen, part, limit=limit)
        if notes:
            typer.echo(notes, err=True)
        show_tables(tables, form)
