"""The command line: ``agr predict``, ``train``, ``evaluate``, ``serve`` and others."""

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
Faces = Literal["crop", "detect"]
DetectorName = Literal["centerface", "mtcnn"]
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
TasksOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="age, gender or race; repeat for several. Default: all."),
]
AgeModel = Annotated[Path | None, typer.Option(help="Your own saved age model.")]
GenderModel = Annotated[Path | None, typer.Option(help="Your own saved gender model.")]
RaceModel = Annotated[Path | None, typer.Option(help="Your own saved race model.")]
DetectorOption = Annotated[
    DetectorName,
    typer.Option(help=r'What finds faces; mtcnn needs pip install "agr\[detect]".'),
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
        typer.Argument(help="Pictures, and folders of them.", show_default=False),
    ],
    form: Annotated[Format, typer.Option("--format", help="How to write the rows.")] = "table",
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    faces: Annotated[
        Faces,
        typer.Option(
            help="'crop': each picture is one aligned face. 'detect': find the faces, from 16 "
            "pixels on (or a fortieth of the longer side, if that is more)."
        ),
    ] = "crop",
    detector: DetectorOption = "centerface",
    tasks: TasksOption = None,
    age: AgeModel = None,
    gender: GenderModel = None,
    race: RaceModel = None,
) -> None:
    """Read the faces in pictures; one row a picture, or a face with --faces detect.

    The exit code is 1 when some pictures could not be read or show no face (their rows say why),
    and 2 when nothing could be done.
    """
    with _errors():
        from agr.core.images import find_images
        from agr.output import COLUMNS, FACE_COLUMNS, NO_FACE, rows_of, write_rows
        from agr.predictor import Face, Predictor

        images = find_images(paths)
        if not images:
            _fail(f"There are no pictures in {', '.join(map(str, paths))}.")
        if form == "parquet" and output is None:
            _fail("Parquet is no text: name a file with --output.")
        found = faces == "detect"
        predictor = Predictor(
            tasks or None, age=age, gender=gender, race=race, detector=detector if found else None
        )
        columns = FACE_COLUMNS if found else COLUMNS
        failed = 0

        def answers() -> Iterator[list[Any]]:
            if found:
                for answer in predictor.stream_photos(images):
                    yield answer or [Face(error=NO_FACE)]
            else:
                yield from ([answer] for answer in predictor.stream(images))

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal failed
            pairs = zip(images, answers(), strict=True)
            for image, results in _progress(pairs, len(images)):
                failed += results[0].error is not None
                yield from rows_of(str(image), results, columns)

        target = nullcontext(sys.stdout.buffer) if output is None else _replacing(output)
        with target as stream:
            write_rows(rows(), form, stream, columns)
    if failed:
        reason = "could not be read or show no face" if found else "could not be read"
        typer.echo(f"{failed} of {len(images)} pictures {reason}.", err=True)
        raise typer.Exit(1)


@app.command()
def annotate(
    photo: Annotated[Path, typer.Argument(help="A photo.", show_default=False)],
    output: Annotated[
        Path, typer.Option(help="Picture to write; its ending says the format.", show_default=False)
    ],
    detector: DetectorOption = "centerface",
    tasks: TasksOption = None,
    age: AgeModel = None,
    gender: GenderModel = None,
    race: RaceModel = None,
) -> None:
    """Draw boxes and labels on the faces of a photo.

    The exit code is 1 when no face was found; the picture is written all the same.
    """
    with _errors():
        from PIL import Image

        from agr.annotate import annotate as draw
        from agr.predictor import Predictor

        kind = Image.registered_extensions().get(output.suffix.lower())
        if kind not in Image.SAVE:
            _fail(f"{output} has no ending of a picture that can be written, such as .jpg or .png.")
        predictor = Predictor(tasks or None, age=age, gender=gender, race=race, detector=detector)
        found = predictor.predict_photo(photo)
        picture = draw(photo, found)
        with _replacing(output) as stream:
            picture.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
    if not found:
        typer.echo(f"No face was found in {photo}.", err=True)
        raise typer.Exit(1)


@app.command()
def video(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|CAMERA",
            help="A video; the number of a camera, from 0; or a network camera's address, such as "
            "rtsp://... Ctrl-C ends a camera's recording.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Video to write, .mp4 or .gif, with boxes and labels and no sound."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="CSV to write, a row for each person in each frame. After a stop, the same "
            "command goes on where the rows end."
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames to look at per second of video; default: all, and of a camera as many as "
            "this machine manages."
        ),
    ] = None,
    detector: DetectorOption = "centerface",
    tasks: TasksOption = None,
    age: AgeModel = None,
    gender: GenderModel = None,
    race: RaceModel = None,
) -> None:
    """Follow the people of a video or camera, and read each over time.

    The exit code is 1 when a part of the video could not be read; the rest is written.
    """
    with _errors():
        from contextlib import ExitStack

        from agr.predictor import Predictor
        from agr.video.people import People
        from agr.video.reading import Video
        from agr.video.recording import record
        from agr.video.table import Table, run_settings
        from agr.video.writing import VideoWriter, check_suffix

        if output is None and table is None:
            _fail("Nothing to write: name a file with --output or --table.")
        if output is not None:
            check_suffix(output)
        options: dict[str, Any] = {
            "tasks": tasks or None,
            "age": age,
            "gender": gender,
            "race": race,
            "detector": detector,
        }
        with Video(source) as film, ExitStack() as stack:
            people = People(Predictor(**options))
            total = film.count(fps)
            rows = writer = None
            if table is not None:
                settings = run_settings(film, fps=fps, **options)
                rows = Table(table, settings)
                if rows.goes_on:
                    typer.echo(f"Going on with {rows}", err=True)
                stack.enter_context(rows)
            if output is not None:
                stream = stack.enter_context(_replacing(output))
                writer = VideoWriter(stream, output.suffix.lower(), fps or film.rate)
                stack.enter_context(writer)
            n_frames = 0
            seen = record(film, people, fps=fps, writer=writer, table=rows)
            with _ended_by_user(film):
                for _ in _progress(seen, total):
                    n_frames += 1
        one = "person" if people.count == 1 else "people"
        typer.echo(f"{people.count} {one} in {n_frames} frames of {source}")
    if film.damage:
        typer.echo(film.damage, err=True)
        raise typer.Exit(1)


@app.command()
def train(
    task: TaskArgument,
    data: DataOption,
    output: OutputModel,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A named training: 'shipped' repeats that of the model in agr; 'fine_tune' trains "
            "a head on ImageNet's weights, then all layers at a lower rate; or 'conv_cycles', "
            "'imdb_wiki'."
        ),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Network, by name; 'agr networks' lists them.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Start: auto, imagenet, a file with weights, or a saved model's folder."),
    ] = None,
    trainable: Annotated[
        str | None, typer.Option(help="What learns: all, head, last:N or from:N layers.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Side in pixels.")] = None,
    color: Annotated[str | None, typer.Option(help="What it sees: rgb or grayscale.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    augmentation: Annotated[
        str | None, typer.Option(help="Random changes: none, light, medium or strong.")
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            help="'weights': rare labels count more; gender and race have 'sqrt_weights' too."
        ),
    ] = None,
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
            "weights": weights,
            "trainable": trainable,
            "image_size": image_size,
            "color": color,
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
    plots: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page with curves, errors, confusions and pictures, and for its "
            "PNG and CSV files; needs the extra 'plots'."
        ),
    ] = None,
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
            plots=plots,
        )
        if dropped:
            typer.echo(dropped, err=True)
        if form == "json":
            typer.echo(json.dumps(report.to_dict(), indent=1))
        else:
            typer.echo(_report_text(report), nl=False)
        if plots is not None:
            typer.echo(f"wrote {plots / 'index.html'}", err=True)


@app.command()
def networks() -> None:
    """List the networks that --network takes.

    Size is in pixels, parameters are those at this size with one output, and weights what --weights
    may say besides a file or a folder.
    """
    from agr.core.backbones import BACKBONES

    row = "{:<20}{:>5}{:>12}  {:<10}{}".format
    typer.echo(row("network", "size", "parameters", "weights", "what it is"))
    for name, backbone in BACKBONES.items():
        count = f"{backbone.n_parameters:,}"
        typer.echo(
            row(name, backbone.native_size, count, backbone.start or "random", backbone.summary)
        )


@app.command()
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
    with _errors():
        from agr.explore import write_report

        typer.echo(f"wrote {write_report(data, output)}")


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines too.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; each with its own models and limits.")
    ] = 1,
    tasks: TasksOption = None,
    age: AgeModel = None,
    gender: GenderModel = None,
    race: RaceModel = None,
    detector: DetectorOption = "centerface",
    picture_mib: Annotated[float, typer.Option(help="Size of a picture at most.")] = 10,
    request_mib: Annotated[float, typer.Option(help="Size of a request at most.")] = 40,
    megapixels: Annotated[float, typer.Option(help="Pixels of a picture at most.")] = 25,
    pictures: Annotated[int, typer.Option(help="Pictures in a request at most.")] = 32,
    client_requests: Annotated[
        int, typer.Option(help="Open requests of one client at most; 0: any number.")
    ] = 64,
    timeout: Annotated[float, typer.Option(help="Seconds to receive, and to answer.")] = 30,
    queue: Annotated[int, typer.Option(help="Pictures that may wait.")] = 256,
    batch_size: Annotated[int, typer.Option(help="Pictures read together at most.")] = 32,
    batch_wait_ms: Annotated[
        float, typer.Option(help="Milliseconds that a picture waits for others.")
    ] = 3,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="AGR_API_KEY",
            help="What clients must send as 'Authorization: Bearer KEY'. Better set the variable "
            "AGR_API_KEY: other users of the machine can see options.",
        ),
    ] = None,
) -> None:
    """Answer over HTTP, with a page for phone and desktop at / and a reference at /docs."""
    with _errors():
        from agr.serve.launch import launch
        from agr.serve.settings import MIB, Settings

        settings = Settings(
            max_picture_bytes=int(picture_mib * MIB),
            max_request_bytes=int(request_mib * MIB),
            max_held_bytes=max(256 * MIB, int(request_mib * MIB)),
            max_pixels=int(megapixels * 1e6),
            max_pictures=pictures,
            max_client_requests=client_requests,
            timeout=timeout,
            queue_size=queue,
            batch_size=batch_size,
            batch_wait=batch_wait_ms / 1000,
            api_key=api_key,
        )
        models = {"age": age, "gender": gender, "race": race}
        named = {task: str(folder) for task, folder in models.items() if folder}
        launch(
            settings,
            host=host,
            port=port,
            workers=workers,
            predictor={"tasks": tasks or None, "detector": detector, **named},
        )


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


def _progress(items: Iterable[Any], total: int | None) -> Iterable[Any]:
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
def _ended_by_user(film: Any) -> Iterator[None]:
    """Take the user's stop as the ordinary end of a camera, which has no other."""
    import signal

    # An exception could come in the middle of a frame that is being written, and spoil the file.
    stops = (signal.SIGINT, signal.SIGTERM) if film.live else ()
    before = [(one, signal.signal(one, lambda *_: film.stop())) for one in stops]
    try:
        yield
    finally:
        for one, handler in before:
            signal.signal(one, handler)


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
