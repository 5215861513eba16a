"""Tables of results, as the command line and the pages show them."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agr.evaluation.markdown import markdown_table, number

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows with the same keys.

    Attributes
    ----------
    name : str
        Of its file, and its key in JSON.
    caption : str
        What it shows, for people.
    rows : sequence of mappings
        Column to value; NaN and None are empty cells.
    """

    name: str
    caption: str
    rows: Sequence[Row]

    def cells(self) -> list[list[str]]:
        """Write every cell for people."""
        return [[cell(value) for value in row.values()] for row in self.rows]


def cell(value: Any) -> str:
    """Write a value for people: a number that is not defined is a dash, None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return number(value) if isinstance(value, float) else str(value)


def to_markdown(tables: Sequence[Table]) -> str:
    """Write tables with their captions as headings of the third level."""
    parts = [
        f"### {table.caption}\n\n{markdown_table(table.rows[0], table.cells())}"
        for table in tables
        if table.rows
    ]
    return "\n".join(parts)


def to_csv(table: Table) -> str:
    """Write one table with full precision."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(table.rows[0]) if table.rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in table.rows)
    return stream.getvalue()


def to_json(tables: Sequence[Table]) -> str:
    """Write all tables as one object."""
    found = {
        table.name: [{name: _plain(value) for name, value in row.items()} for row in table.rows]
        for table in tables
    }
    return json.dumps(found, indent=1) + "\n"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
