"""How far a long run is, for whoever looks at a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from agr.bulk.formats import Row
from agr.bulk.sources import Item
from agr.errors import AgrError

Found = tuple[Item, list[Row]]


def watch(
    found: Iterable[Found],
    every: Callable[[], Iterable[Item]] | None,
    *,
    pictures: int = 0,
    errors: int = 0,
) -> Iterator[Found]:
    """Show rate, time left and errors so far while pictures pass by; silent in a pipe.

    Parameters
    ----------
    found : iterable of (Item, list of dict)
        Pictures and their rows.
    every : callable or None
        Gives all pictures; they are counted meanwhile. None where that takes too long.
    pictures, errors : int
        Those of earlier runs.

    Yields
    ------
    (Item, list of dict)
        What comes.
    """
    if not sys.stderr.isatty():
        yield from found
        return
    bar, stop = _bar(), Event()
    with bar:
        task = bar.add_task("", total=None, completed=pictures, errors=errors)
        if every is not None:
            Thread(target=_count, args=(every, bar, task, stop), daemon=True).start()
        try:
            for item, rows in found:
                errors += rows[0]["error"] is not None
                bar.update(task, advance=1, errors=errors)
                yield item, rows
        finally:
            stop.set()


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            """Say how many pictures a second, and how many failed."""
            words = [f"{task.speed:,.1f}/s"] if task.speed else []
            if task.fields["errors"]:
                words.append(f"{task.fields['errors']:,} errors")
            return Text(", ".join(words))

    columns = BarColumn(), MofNCompleteColumn(), Rate(), TimeLeft()
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _count(every: Callable[[], Iterable[Item]], bar: Any, task: Any, stop: Event) -> None:
    total = 0
    with suppress(AgrError, OSError):  # which the run itself will meet
        for _ in every():
            total += 1
            if stop.is_set():
                return
        bar.update(task, total=total)
