"""``agr train``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, show_report
from agr.cli.options import Fit, OutputModel, Overwrite, Selection, TaskArgument, grouped


@grouped
def train(
    task: TaskArgument,
    selection: Selection,
    output: OutputModel,
    fit: Fit,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A named training: 'shipped' repeats that of the model in agr; 'fine_tune' trains "
            "a head on ImageNet's weights, then all layers at a lower rate; docs/systems.md lists "
            "the others."
        ),
    ] = None,
    teachers: Annotated[
        Path | None,
        typer.Option(
            help="Folder of teachers, whose answers to each changed copy are most of what is "
            "learned; pictures without the task's label count then, too."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of a saved model to continue training; it keeps its "
            "network, labels and scaling.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for the state; the same command resumes an interrupted run."),
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard logs.")] = None,
) -> None:
    """Train one task on your pictures, score it on the test part, and save it."""
    with errors():
        from agr.runs.train import Run, train_run

        run = Run(
            task=task,
            **selection.options(),
            output=output,
            overwrite=overwrite,
            parameters=fit.parameters(task),
            recipe=recipe,
            teachers=teachers,
            start=start,
            checkpoint=checkpoint,
            tensorboard=tensorboard,
        )
        show_report(train_run(run, say=lambda line: typer.echo(line, err=True)))
