"""``agr video``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from agr.cli.console import errors, progress
from agr.cli.options import DETECTOR, Computing, DetectorOption, Models, grouped


@grouped
def video(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|CAMERA",
            help="A video file, the number of a camera (from 0), or the address of a network "
            "camera, such as rtsp://... Ctrl-C stops a camera.",
            show_default=False,
        ),
    ],
    models: Models,
    computing: Computing,
    output: Annotated[
        Path | None,
        typer.Option(help="Video to write (.mp4 or .gif), with boxes and labels, without sound."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="CSV to write, with a row for each person in each frame. Repeat the command to "
            "resume an interrupted run after its last row."
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option(
            "--show",
            help="Show the video in a window; the default if nothing is written. Q, Esc or closing "
            "it stops a camera.",
        ),
    ] = False,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames per second to look at; default: all frames of a file, and as many of a "
            "camera as this machine manages."
        ),
    ] = None,
    detector: DetectorOption = DETECTOR,
) -> None:
    """Track people in a video or camera and average their estimates over time.

    The exit code is 1 if a part of the video could not be read; the rest is written.
    """
    with errors():
        from contextlib import ExitStack

        from agr.core.files import replacing
        from agr.predictor import Predictor
        from agr.video.people import People
        from agr.video.reading import Video
        from agr.video.recording import record
        from agr.video.table import Table, run_settings
        from agr.video.window import Window
        from agr.video.writing import VideoWriter, check_suffix

        alone = output is None and table is None
        if output is not None:
            check_suffix(output)
        options = {**models.options(), "detector": detector}
        with Video(source) as film, ExitStack() as stack:
            window = stack.enter_context(Window(live=film.live)) if show or alone else None
            people = People(Predictor(**options, **computing.options()))
            total = film.count(fps)
            rows = writer = None
            if table is not None:
                settings = run_settings(film, fps=fps, **options)
                rows = Table(table, settings)
                if rows.goes_on:
                    typer.echo(f"Resuming with {rows}", err=True)
                stack.enter_context(rows)
            if output is not None:
                stream = stack.enter_context(replacing(output))
                writer = VideoWriter(stream, output.suffix.lower(), fps or film.rate)
                stack.enter_context(writer)
            n_frames = 0
            seen = record(film, people, fps=fps, writer=writer, table=rows, window=window)
            with _ended_by_user(film):
                for _ in progress(seen, total):
                    n_frames += 1
                    if window is not None and window.closed:
                        film.stop()
                        if alone:  # what is written of a file is written to its end
                            break
        one = "person" if people.count == 1 else "people"
        typer.echo(f"{people.count} {one} in {n_frames} frames of {source}")
    if film.damage:
        typer.echo(film.damage, err=True)
        raise typer.Exit(1)


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
