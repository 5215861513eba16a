"""``agr tune``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, show_report
from agr.cli.options import (
    Fit,
    OutputModel,
    Overwrite,
    Selection,
    TaskArgument,
    grouped,
    one_of,
)

ALGORITHMS = ("random", "bayesian", "hyperband", "grid")


@grouped
def tune(
    task: TaskArgument,
    selection: Selection,
    output: OutputModel,
    fit: Fit,
    trials: Annotated[
        int, typer.Option(help="Number of trials; hyperband derives it from --epochs.")
    ] = 10,
    algorithm: Annotated[
        str, typer.Option(help="How settings are chosen.", **one_of(ALGORITHMS))
    ] = "random",
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="A parameter to search, such as dropout or learning_rate; repeat for several. "
            "Default: all that no option below sets."
        ),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the trials, their table trials.csv and plot trials.png; default: "
            "OUTPUT-trials."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Resume the search in the directory; without this it starts over."
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes that fit trials side by side on this machine.")
    ] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Search for good parameters, then train, score and save a model with the best.

    With KerasTuner's environment variables the same command is the chief or a worker of a search on
    several machines; docs/how-to/tune.md shows how.
    """
    with errors():
        from agr.runs.tune import TuneRun, tune_run

        run = TuneRun(
            task=task,
            **selection.options(),
            output=output,
            overwrite=overwrite,
            parameters=fit.parameters(task),
            trials=trials,
            algorithm=algorithm,
            only=only or None,
            directory=directory or output.with_name(f"{output.name}-trials"),
            resume=resume,
            workers=workers,
        )
        report = tune_run(run, say=lambda line: typer.echo(line, err=True))
        if report is not None:
            show_report(report)
