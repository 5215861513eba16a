"""``agr predict``."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, fail
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
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Pictures; folders; lists of paths (.txt, one a line); tables with a column of "
            "paths (.csv, .tsv, .parquet); tar archives, such as WebDataset's. URLs (s3://, gs://, "
            'https://) need pip install "agr-faces\\[cloud]".',
            show_default=False,
        ),
    ],
    models: Models,
    computing: Computing,
    asking: Asking,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Output format; default: from the ending of --output, csv in a folder, else a "
            "table.",
            **one_of(_formats()),
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="File to write, or a folder (a name without an ending) for files of 10,000 "
            "pictures each; default: standard output."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start anew and replace what --output holds.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Read only the I-th of N disjoint shares, such as 2/8; --output must be a folder, "
            "which all may share.",
        ),
    ] = None,
    path_column: Annotated[
        str, typer.Option(help="Column of tables that holds the paths or URLs.")
    ] = "path",
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

    A run that was stopped, in whatever way, goes on when the same command is given again; until all
    is done, the rows of a file are in FILE.parts beside it.

    The exit code is 1 if some pictures could not be read or show no face (their rows say why), 2 if
    nothing could be done, and 130 after Ctrl-C.
    """
    with errors():
        from agr.bulk.formats import FORMATS
        from agr.bulk.run import predict as predict_all
        from agr.bulk.run import write_through
        from agr.predictor import Predictor

        found = faces == "detect"
        if detector is not None and not found:
            fail("--detector needs --faces detect.")
        if output is None and form is not None and not FORMATS[form].is_text:
            fail(f"{form.title()} is not a text format; name a file with --output.")
        if output is None and overwrite:
            fail("--overwrite replaces an earlier output, so it needs --output.")
        predictor = Predictor(
            **models.options(),
            **computing.options(),
            **asking.options(),
            faces=faces,
            detector=detector or DETECTOR if found else None,
        )
        try:
            if output is None:
                counts = write_through(
                    sys.stdout.buffer,
                    sources,
                    predictor=predictor,
                    form=form or "table",
                    shard=shard,
                    path_column=path_column,
                )
            else:
                counts = predict_all(
                    sources,
                    output,
                    predictor=predictor,
                    format=form,
                    shard=shard,
                    path_column=path_column,
                    overwrite=overwrite,
                    say=lambda line: typer.echo(line, err=True),
                )
        except KeyboardInterrupt:
            if output is not None:
                typer.echo("Stopped. Give the same command again to go on.", err=True)
            raise typer.Exit(130) from None
    if counts.errors:
        reason = "could not be read or show no face" if found else "could not be read"
        typer.echo(f"{counts.errors:,} of {counts.pictures:,} pictures {reason}.", err=True)
        raise typer.Exit(1)
