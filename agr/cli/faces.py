"""``agr predict`` and ``agr annotate``."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from agr.cli.console import errors, fail, progress
from agr.cli.options import AgeModel, DetectorOption, GenderModel, RaceModel, TasksOption

Format = Literal["table", "json", "jsonl", "csv", "parquet"]
Faces = Literal["crop", "detect"]


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
    with errors():
        from agr.core.files import replacing
        from agr.core.images import find_images
        from agr.output import COLUMNS, FACE_COLUMNS, NO_FACE, rows_of, write_rows
        from agr.predictor import Face, Predictor

        images = find_images(paths)
        if not images:
            fail(f"There are no pictures in {', '.join(map(str, paths))}.")
        if form == "parquet" and output is None:
            fail("Parquet is no text: name a file with --output.")
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
            for image, results in progress(pairs, len(images)):
                failed += results[0].error is not None
                yield from rows_of(str(image), results, columns)

        target = nullcontext(sys.stdout.buffer) if output is None else replacing(output)
        with target as stream:
            write_rows(rows(), form, stream, columns)
    if failed:
        reason = "could not be read or show no face" if found else "could not be read"
        typer.echo(f"{failed} of {len(images)} pictures {reason}.", err=True)
        raise typer.Exit(1)


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
    with errors():
        from PIL import Image

        from agr.annotate import annotate as draw
        from agr.core.files import replacing
        from agr.predictor import Predictor

        kind = Image.registered_extensions().get(output.suffix.lower())
        if kind not in Image.SAVE:
            fail(f"{output} has no ending of a picture that can be written, such as .jpg or .png.")
        predictor = Predictor(tasks or None, age=age, gender=gender, race=race, detector=detector)
        found = predictor.predict_photo(photo)
        picture = draw(photo, found)
        with replacing(output) as stream:
            picture.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
    if not found:
        typer.echo(f"No face was found in {photo}.", err=True)
        raise typer.Exit(1)
