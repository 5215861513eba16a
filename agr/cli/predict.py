"""``agr predict``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from agr.cli.console import errors, fail, progress
from agr.cli.options import (
    DETECTOR,
    DETECTORS,
    FACES,
    Asking,
    Computing,
    Models,
    grouped,
    one_of,
)


def _formats() -> Iterable[str]:
    from agr.bulk.formats import FORMATS  # which imports pyarrow late

    return FORMATS


@grouped
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Pictures or folders of pictures.", show_default=False),
    ],
    models: Models,
    computing: Computing,
    asking: Asking,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Output format; default: from the ending of --output, else a table.",
            **one_of(_formats()),
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    faces: Annotated[
        str,
        typer.Option(
            help="'crop': each picture is one aligned face. 'detect': find the faces, from 16 "
            "pixels on (or a fortieth of the longer side, if that is more).",
            **one_of(("crop", "detect")),
        ),
    ] = FACES,
    detector: Annotated[
        str | None,
        typer.Option(
            help=f"What finds faces; default: {DETECTOR}. mtcnn needs "
            'pip install "agr-faces\\[detect]".',
            **one_of(DETECTORS),
        ),
    ] = None,
) -> None:
    """Estimate age, gender and race of the faces in pictures.

    CSV and Parquet have flat columns: left, top, right and bottom of the face in pixels, its score
    and landmarks (left_eye_x, ...), age, age_low and age_high, gender, gender_female, ..., race,
    race_asian, ..., why an answer is withheld (age_withheld, ...), what the picture is like
    (quality_size, ...), whether it is readable, and error. JSON nests them.

    The exit code is 1 when some pictures could not be read or show no face (their rows say why),
    and 2 when nothing could be done.
    """
    with errors():
        from agr.bulk.formats import (
            COLUMNS,
            FACE_COLUMNS,
            FORMATS,
            NO_FACE,
            format_of,
            rows_of,
            write_rows,
        )
        from agr.core.files import replacing
        from agr.core.images import find_images
        from agr.prediction import Face
        from agr.predictor import Predictor

        found = faces == "detect"
        if detector is not None and not found:
            fail("--detector says what finds faces, so it needs --faces detect.")
        if form is None:
            form = "table" if output is None else format_of(output)
        if output is None and not FORMATS[form].is_text:
            fail(f"{form.title()} is no text: name a file with --output.")
        images = find_images(paths)
        if not images:
            fail(f"There are no pictures in {', '.join(map(str, paths))}.")
        predictor = Predictor(
            **models.options(),
            **computing.options(),
            **asking.options(),
            faces=faces,
            detector=detector or DETECTOR if found else None,
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
