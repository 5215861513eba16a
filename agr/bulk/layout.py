"""Tables for people: ruled and as wide as the screen on a terminal, plain elsewhere."""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Literal

# What would break a row or steer the terminal: control characters, other ends of lines, and marks
# that turn the direction of the text. A lone surrogate stays: it is a byte of a file's name.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def lay_out(
    heads: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    numbers: Iterable[str] = (),
    terminal: bool = False,
) -> str:
    r"""Lay out lines under headings.

    Parameters
    ----------
    heads : sequence of str
        Headings.
    lines : iterable of sequence of str
        Cells of each line.
    numbers : iterable of str
        Headings of the columns that stand to the right.
    terminal : bool, default=False
        Whether it will be looked at on a terminal: cells are folded to its width and headings set
        apart. Elsewhere a line stays a line, however long.

    Returns
    -------
    str
        Ends with a line end.

    Examples
    --------
    >>> print(lay_out(["image", "age"], [["a.png", "30.5"], ["new\nline.png", "7.0"]]), end="")
    image          age
    a.png          30.5
    new\nline.png  7.0
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    right = set(numbers)
    table = Table(
        box=SIMPLE_HEAD if terminal else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1) if terminal else (0, 2, 0, 0),
        header_style="bold",
    )
    for head in heads:
        side: Literal["left", "right"] = "right" if head in right else "left"
        table.add_column(head, justify=side, overflow="fold", no_wrap=not terminal)
    for line in lines:
        table.add_row(*map(printable, line))
    console = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=None if terminal else 1_000_000,
        markup=False,  # a name may hold "[red]" or ":cat:"
        emoji=False,
        highlight=False,
    )
    with console.capture() as shown:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in shown.get().splitlines())


def printable(text: str) -> str:
    r"""Write what would break a row the way Python does, such as ``\n``."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)
