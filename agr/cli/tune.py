"""``agr tune``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from agr.cli.console import errors, report_text
from agr.cli.options import (
    Augmentation,
    Balance,
    BatchSize,
    Color,
    DataOption,
    Epochs,
    ImageSize,
    LearningRate,
    Loss,
    MinAge,
    Network,
    OutputModel,
    PublishedSplit,
    Seed,
    Settings,
    TaskArgument,
    Test,
    Trainable,
    Validation,
    Weights,
    parameters_of,
    share_of_labels,
)

Algorithm = Literal["random", "bayesian", "hyperband", "grid"]


def tune(
    task: TaskArgument,
    data: DataOption,
    output: OutputModel,
    trials: Annotated[
        int, typer.Option(help="Settings to try; hyperband makes this number from --epochs.")
    ] = 10,
    algorithm: Annotated[Algorithm, typer.Option(help="How settings are chosen.")] = "random",
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
            "--resume", help="Go on with the search in the directory; otherwise it starts anew."
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes that fit trials side by side on this machine.")
    ] = 1,
    network: Network = None,
    weights: Weights = None,
    trainable: Trainable = None,
    image_size: ImageSize = None,
    color: Color = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    augmentation: Augmentation = None,
    loss: Loss = None,
    balance: Balance = None,
    settings: Settings = None,
    min_age: MinAge = 0,
    validation: Validation = 0.08,
    test: Test = 0.16,
    split: PublishedSplit = None,
    seed: Seed = 0,
) -> None:
    """Search good parameters for one task, then train, score and save a model with the best.

    With KerasTuner's environment variables the same command is the chief or a worker of a search on
    several machines; docs/tuning.md shows how.
    """
    with errors():
        from agr.runs.tune import TuneRun, tune_run

        parameters = parameters_of(
            task,
            settings,
            network=network,
            weights=weights,
            trainable=trainable,
            image_size=image_size,
            color=color,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            augmentation=augmentation,
            loss=loss,
            balance=share_of_labels(balance),
        )
        run = TuneRun(
            task=task,
            data=data,
            output=output,
            trials=trials,
            algorithm=algorithm,
            only=only or None,
            directory=directory or output.with_name(f"{output.name}-trials"),
            resume=resume,
            workers=workers,
            parameters=parameters,
            min_age=min_age,
            validation=validation,
            test=test,
            split=split,
            seed=seed,
        )
        report = tune_run(run, say=lambda line: typer.echo(line, err=True))
        if report is not None:
            typer.echo(report_text(report), nl=False)
