"""Rows of predictions as a table, JSON, JSON lines, CSV or Parquet."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from agr.errors import MissingExtraError

COLUMNS = (
    "image",
    "age",
    "age_interval",
    "gender",
    "gender_probabilities",
    "race",
    "race_probabilities",
    "error",
)
Row = dict[str, Any]


def write_rows(rows: Iterable[Row], form: str, stream: IO[bytes]) -> None:
    """Write rows as they come; only a table, JSON and Parquet's last part wait for the end.

    Parameters
    ----------
    rows : iterable of dict
        With the keys `COLUMNS`.
    form : {"table", "json", "jsonl", "csv", "parquet"}
        Format.
    stream : binary file
        Where to.
    """
    if form == "parquet":
        _write_parquet(rows, stream)
        return
    for text in FORMS[form](rows):
        stream.write(text.encode())
        stream.flush()


def _table(rows: Iterable[Row]) -> Iterator[str]:
    heads = ("image", "age", "90 %", "gender", "race")
    lines = [heads, *map(_table_line, rows)]
    widths = [max(len(line[k]) for line in lines if len(line) > k) for k in range(len(heads))]
    for line in lines:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        yield "  ".join(padded).rstrip() + "\n"


def _table_line(row: Row) -> tuple[str, ...]:
    if row["error"]:
        return row["image"], "-", "-", "-", f"error: {row['error']}"
    low, high = row["age_interval"] or (None, None)
    return (
        row["image"],
        "-" if row["age"] is None else f"{row['age']:.1f}",
        "-" if low is None else f"{low:.0f} to {high:.0f}",
        _share(row["gender"], row["gender_probabilities"]),
        _share(row["race"], row["race_probabilities"]),
    )


def _share(label: str | None, probabilities: dict[str, float] | None) -> str:
    if label is None or probabilities is None:
        return "-"
    return f"{label} {100 * probabilities[label]:.0f} %"


def _json(rows: Iterable[Row]) -> Iterator[str]:
    yield json.dumps(list(rows), indent=1) + "\n"


def _jsonl(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row) + "\n"


def _csv(rows: Iterable[Row]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (row[c] for c in COLUMNS)
        writer.writerow([json.dumps(c) if isinstance(c, dict | list) else c for c in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _write_parquet(rows: Iterable[Row], stream: IO[bytes]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError('Parquet needs pyarrow: pip install "agr[parquet]"') from None
    text, number = pa.string(), pa.float64()
    types = {
        "age": number,
        "age_interval": pa.list_(number),
        "gender_probabilities": pa.map_(text, number),
        "race_probabilities": pa.map_(text, number),
    }
    schema = pa.schema([(c, types.get(c, text)) for c in COLUMNS])
    with pq.ParquetWriter(stream, schema) as writer:
        part: list[Row] = []
        for row in rows:
            part.append({k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()})
            if len(part) == 10_000:
                writer.write_table(pa.Table.from_pylist(part, schema))
                part = []
        writer.write_table(pa.Table.from_pylist(part, schema))


FORMS: dict[str, Callable[[Iterable[Row]], Iterator[str]]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
}
