"""``agr train`` and ``agr evaluate``."""

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

ReportFormat = Literal["table", "json"]
Part = Literal["all", "train", "validation", "test"]


def train(
    task: TaskArgument,
    data: DataOption,
    output: OutputModel,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A named training: 'shipped' repeats that of the model in agr; 'fine_tune' trains "
            "a head on ImageNet's weights, then all layers at a lower rate; docs/systems.md lists "
            "the others."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of a saved model that goes on learning, from these pictures; it keeps its "
            "network, labels and scaling.",
        ),
    ] = None,
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
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for the state; the same command goes on after a stop."),
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard logs.")] = None,
) -> None:
    """Train one task on your pictures, score it on the test part, and save it."""
    with errors():
        from agr.runs.train import Run, train_run

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
        run = Run(
            task=task,
            data=data,
            output=output,
            recipe=recipe,
            start=start,
            parameters=parameters,
            min_age=min_age,
            validation=validation,
            test=test,
            split=split,
            seed=seed,
            checkpoint=checkpoint,
            tensorboard=tensorboard,
        )
        report = train_run(run, say=lambda line: typer.echo(line, err=True))
        typer.echo(report_text(report), nl=False)


def evaluate(
    task: TaskArgument,
    data: DataOption,
    model: Annotated[
        Path | None, typer.Option(help="Saved model; default: the one in agr.")
    ] = None,
    part: Annotated[
        Part, typer.Option(help="Score all pictures, or one part of the split.")
    ] = "all",
    min_age: Annotated[float, typer.Option(help="As in train.")] = 0,
    validation: Annotated[float, typer.Option(help="As in train.")] = 0.08,
    test: Annotated[float, typer.Option(help="As in train.")] = 0.16,
    split: Annotated[Path | None, typer.Option(help="CSV of a published split.")] = None,
    seed: Annotated[int, typer.Option(help="As in train.")] = 0,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="How to write the scores.")
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

        from agr.runs.evaluate import evaluate_run

        report, dropped = evaluate_run(
            task,
            data,
            model,
            part,
            validation=validation,
            test=test,
            split=split,
            seed=seed,
            min_age=min_age,
            plots=plots,
        )
        if dropped:
            typer.echo(dropped, err=True)
        if form == "json":
            typer.echo(json.dumps(report.to_dict(), indent=1))
        else:
            typer.echo(report_text(report), nl=False)
        if plots is not None:
            typer.echo(f"wrote {plots / 'index.html'}", err=True)
