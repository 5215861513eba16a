"""What the commands share while they run: errors, progress, reports."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from agr.cli.noise import quiet_tensorflow


@contextmanager
def errors() -> Iterator[None]:
    """Say what went wrong in a line and with exit code 2, where agr or the system knows it."""
    from agr.errors import AgrError, require

    try:
        with quiet_tensorflow():
            yield
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our pipe has gone; so there is nobody to tell
        raise typer.Exit(1) from None
    except AgrError as error:
        fail(str(error))
    except ModuleNotFoundError as error:  # deep in a training; other extras have their doors
        try:
            with require("train"):
                raise error
        except AgrError as worded:
            fail(str(worded))
    except OSError as error:
        fail(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))


def fail(message: str) -> None:
    """Say why nothing could be done, and leave with exit code 2."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)


def progress(items: Iterable[Any], total: int | None) -> Iterable[Any]:
    """Draw a bar while the items pass by, where somebody can see it."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, "reading", total, console=Console(stderr=True), transient=True)


def show_report(report: Any) -> None:
    """Write a report as a table: all pictures first, then a line for each group."""
    names = list(report.overall)
    lines = [("all", report.n, *report.overall.values())]
    lines += [(group, *scores.values()) for group, scores in report.by_group.items()]
    show_table(("group", "n", *names), [tuple(map(_cell, line)) for line in lines], ("n", *names))


def show_table(
    heads: Sequence[str], lines: Iterable[Sequence[str]], numbers: Iterable[str] = ()
) -> None:
    """Write a table to standard output: ruled on a terminal, plain elsewhere."""
    from agr.bulk.layout import lay_out

    text = lay_out(heads, lines, numbers=numbers, terminal=sys.stdout.isatty())
    typer.echo(text, nl=False)


def _cell(value: Any) -> str:
    """Write a score; one that is not defined, such as that of an absent label, is a dash."""
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.3f}"
