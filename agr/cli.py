"""The command line: ``agr predict``, ``agr train``, ``agr evaluate``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(
    name="agr",
    help="Read age, gender and race from faces, and train your own models for each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Words instead of Enum classes: commands and what they call then share plain str.
Task = Literal["age", "gender", "race"]
Format = Literal["table", "json", "jsonl", "csv", "parquet"]
ReportFormat = Literal["table", "json"]
Part = Literal["all", "train", "validation", "test"]

TaskArgument = Annotated[Task, typer.Argument(help="What to read from a face.", show_default=False)]
DataOption = Annotated[
    Path,
    typer.Option(
        help="Labelled pictures: a folder of UTKFace names (AGE_GENDER_RACE_TIME.jpg), or a .csv "
        "or .parquet table with the columns path, age, gender and race.",
        show_default=False,
    ),
]
OutputModel = Annotated[Path, typer.Option(help="Folder to save the model in.", show_default=False)]


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


@app.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Pictures of aligned faces, and folders of them.", show_default=False),
    ],
    form: Annotated[Format, typer.Option("--format", help="How to write the rows.")] = "table",
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--task", help="age, gender or race; repeat for several. Default: all."),
    ] = None,
    age: Annotated[Path | None, typer.Option(help="Your own saved age model.")] = None,
    gender: Annotated[Path | None, typer.Option(help="Your own saved gender model.")] = None,
    race: Annotated[Path | None, typer.Option(help="Your own saved race model.")] = None,
) -> None:
    """Read the faces in pictures; one row a picture.

    The exit code is 1 when some pictures could not be read (their rows say why), and 2 when
    nothing could be done.
    """
    with _errors():
        from agr.core.images import find_images
        from agr.output import write_rows
        from agr.predictor import Predictor

        images = find_images(paths)
        if not images:
            _fail(f"There are no pictures in {', '.join(map(str, paths))}.")
        if form == "parquet" and output is None:
            _fail("Parquet is no text: name a file with --output.")
        predictor = Predictor(tasks or None, age=age, gender=gender, race=race)
        failed = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal failed
            answers = predictor.stream(images)
            for image, answer in _progress(zip(images, answers, strict=True), len(images)):
                failed += answer.error is not None
                yield {"image": str(image), **answer.to_dict()}

        target = nullcontext(sys.stdout.buffer) if output is None else _replacing(output)
        with target as stream:
            write_rows(rows(), form, stream)
    if failed:
        typer.echo(f"{failed} of {len(images)} pictures could not be read.", err=True)
        raise typer.Exit(1)


@app.command()
def train(
    task: TaskArgument,
    data: DataOption,
    output: OutputModel,
    recipe: Annotated[
        str | None, typer.Option(help="'shipped' repeats the training of the model in agr.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="Network, by name.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    augmentation: Annotated[
        str | None, typer.Option(help="Random changes: none, light, medium or strong.")
    ] = None,
    balance: Annotated[str | None, typer.Option(help="'weights': rare labels count more.")] = None,
    min_age: Annotated[float, typer.Option(help="Leave out younger people.")] = 0,
    validation: Annotated[float, typer.Option(help="Share that chooses the best epoch.")] = 0.08,
    test: Annotated[float, typer.Option(help="Share kept apart for the scores.")] = 0.16,
    split: Annotated[
        Path | None, typer.Option(help="CSV of a published split, instead of the two shares.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Repeats split and training.")] = 0,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder for the state; the same command goes on after a stop."),
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard logs.")] = None,
) -> None:
    """Train one task on your pictures, score it on the test part, and save it."""
    with _errors():
        from agr.training_run import Run, train_run

        given = {
            "network": network,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "augmentation": augmentation,
            "balance": balance,
        }
        run = Run(
            task=task,
            data=data,
            output=output,
            recipe=recipe,
            parameters={k: v for k, v in given.items() if v is not None},
            min_age=min_age,
            validation=validation,
            test=test,
            split=split,
            seed=seed,
            checkpoint=checkpoint,
            tensorboard=tensorboard,
        )
        report = train_run(run, say=lambda line: typer.echo(line, err=True))
        typer.echo(_report_text(report), nl=False)


@app.command()
def evaluate(
    task: TaskArgument,
    data: DataOption,
    model: Annotated[
        Path | None, typer.Option(help="Saved model; default: the one in agr.")
    ] = None,
    part: Annotated[
        Part, typer.Option(help="Score all pictures, or one part of the split.")
    ] = "all",
    validation: Annotated[float, typer.Option(help="As in train.")] = 0.08,
    test: Annotated[float, typer.Option(help="As in train.")] = 0.16,
    split: Annotated[Path | None, typer.Option(help="CSV of a published split.")] = None,
    seed: Annotated[int, typer.Option(help="As in train.")] = 0,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="How to write the scores.")
    ] = "table",
) -> None:
    """Score a saved model, overall and by gender, race and age group."""
    with _errors():
        import json

        from agr.training_run import evaluate_run

        report, dropped = evaluate_run(
            task,
            data,
            model,
            part,
            validation=validation,
            test=test,
            split=split,
            seed=seed,
        )
        if dropped:
            typer.echo(dropped, err=True)
        if form == "json":
            typer.echo(json.dumps(report.to_dict(), indent=1))
        else:
            typer.echo(_report_text(report), nl=False)


def _report_text(report: Any) -> str:
    names = list(report.overall)
    rows = [("group", "n", *names), ("all", report.n, *report.overall.values())]
    rows += [(group, *scores.values()) for group, scores in report.by_group.items()]
    cells = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    lines = []
    for line in cells:
        first, *rest = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        lines.append("  ".join([line[0].ljust(len(first)), *rest]))
    return "\n".join(lines) + "\n"


def _progress(items: Iterable[Any], total: int) -> Iterable[Any]:
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, "reading", total, console=Console(stderr=True), transient=True)


@contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """Write beside the file and rename at the end, so that a stop leaves no half file."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _errors() -> Iterator[None]:
    from agr.errors import AgrError

    try:
        yield
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our pipe has gone; so there is nobody to tell
        raise typer.Exit(1) from None
    except AgrError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))


def _fail(message: str) -> None:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)
