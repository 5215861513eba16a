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


def show_report(report: Any, form: str = "table") -> None:
    """Write a report: as JSON, CSV or Markdown, or as tables of every group and of the worst."""
    if form == "table":
        _show_groups(report)
    elif form == "markdown":
        from agr.evaluation.markdown import report_markdown

        typer.echo(report_markdown(report), nl=False)
    elif form == "csv":
        from agr.evaluation.tables import Table, to_csv

        typer.echo(to_csv(Table("scores", "", list(report.rows()))), nl=False)
    else:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=1))


def show_tables(tables: Sequence[Any], form: str, *, long: int = 0) -> None:
    """Write tables with their captions; as CSV only one of them, the one with every figure."""
    from agr.evaluation import tables as texts

    if form == "csv":
        typer.echo(texts.to_csv(tables[long]), nl=False)
    elif form == "table":
        for table in tables:
            if table.rows:
                typer.echo(f"{table.caption}:")
                numbers = [k for k, v in table.rows[0].items() if isinstance(v, int | float)]
                show_table(list(table.rows[0]), table.cells(), numbers)
                typer.echo()
    else:
        write = texts.to_json if form == "json" else texts.to_markdown
        typer.echo(write(tables), nl=False)


def _show_groups(report: Any) -> None:
    from agr.evaluation.groups import ALL, LEAST

    names = list(report.overall)
    lines, few = [], False
    for group in (ALL, *report.by_group, *report.intersections):
        scores = report.scores_of(group)
        small = scores["n"] < LEAST and group != ALL
        few = few or small
        low, high = report.intervals[group][names[0]]
        cells = [_cell(scores[name]) for name in names]
        cells.insert(1, f"{_cell(low)}..{_cell(high)}")
        lines.append((group, f"{scores['n']:g}{'*' if small else ''}", *cells))
    heads = ("group", "n", names[0], "95 %", *names[1:])
    show_table(heads, lines, heads[1:])
    if few:
        typer.echo(f"* fewer than {LEAST} pictures: uncertain, and compared with no other")
    if not report.worst:
        return
    typer.echo()
    lines = []
    for name, group in report.worst.items():
        scores = report.scores_of(group)
        values = (_cell(report.overall[name]), _cell(scores[name]))
        lines.append((name, *values, f"{scores['n']:g}", group))
    show_table(("score", "all", "worst", "n", "in"), lines, ("all", "worst", "n"))
    typer.echo()
    lines = []
    for kind in ("difference", "ratio"):
        for column, values in getattr(report, kind).items():
            lines.append((kind, column or "groups", *(_cell(values[name]) for name in names)))
    show_table(("between groups", "of", *names), lines, names)


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
