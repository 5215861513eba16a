"""Rows of predictions as a table, JSON, JSON lines, CSV or Parquet."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from agr.errors import require

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
FACE_COLUMNS = ("image", "box", "score", "landmarks", *COLUMNS[1:])
NO_FACE = "no face was found"  # the error of a photo without any
Row = dict[str, Any]


def rows_of(image: str, found: Iterable[Any], columns: Sequence[str]) -> Iterator[Row]:
    """Give a picture's rows.

    Parameters
    ----------
    image : str
        Its name.
    found : iterable of Prediction
        What was read from it.
    columns : sequence of str
        `COLUMNS` or `FACE_COLUMNS`; the keys of the rows, in this order.

    Yields
    ------
    dict
        One for each of ``found``.
    """
    for one in found:
        row = {"image": image, **one.to_dict()}
        yield {column: row[column] for column in columns}


def write_rows(
    rows: Iterable[Row], form: str, stream: IO[bytes], columns: Sequence[str] = COLUMNS
) -> None:
    """Write rows as they come; only a table, JSON and Parquet's last part wait for the end.

    Parameters
    ----------
    rows : iterable of dict
        With the keys ``columns``.
    form : {"table", "json", "jsonl", "csv", "parquet"}
        Format.
    stream : binary file
        Where to.
    columns : sequence of str, default=COLUMNS
        `COLUMNS`, or `FACE_COLUMNS` where a row is a face of a photo.
    """
    if form == "parquet":
        _write_parquet(rows, stream, columns)
        return
    for text in FORMS[form](rows, columns):
        stream.write(text.encode(errors="surrogateescape"))  # a path may be no valid UTF-8
        stream.flush()


def _table(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    heads: tuple[str, ...] = ("age", "90 %", "gender", "race")
    if "box" in columns:
        lines = [("image", "face", *heads)]
        lines += [(row["image"], _box(row), *_table_line(row)) for row in rows]
    else:
        lines = [("image", *heads), *((row["image"], *_table_line(row)) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    for line in lines:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        yield "  ".join(padded).rstrip() + "\n"


def _table_line(row: Row) -> tuple[str, ...]:
    if row["error"]:
        return "-", "-", "-", f"error: {row['error']}"
    low, high = row["age_interval"] or (None, None)
    return (
        "-" if row["age"] is None else f"{row['age']:.1f}",
        "-" if low is None else f"{low:.0f} to {high:.0f}",
        _share(row["gender"], row["gender_probabilities"]),
        _share(row["race"], row["race_probabilities"]),
    )


def _box(row: Row) -> str:
    """Width x height + left + top, in whole pixels."""
    if row["box"] is None:
        return "-"
    left, top, right, bottom = row["box"]
    return f"{right - left:.0f}x{bottom - top:.0f}{left:+.0f}{top:+.0f}"


def _share(label: str | None, probabilities: dict[str, float] | None) -> str:
    if label is None or probabilities is None:
        return "-"
    return f"{label} {100 * probabilities[label]:.0f} %"


def _json(rows: Iterable[Row], _: Sequence[str]) -> Iterator[str]:
    yield json.dumps(list(rows), indent=1) + "\n"


def _jsonl(rows: Iterable[Row], _: Sequence[str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row) + "\n"


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = (row[c] for c in columns)
        writer.writerow([json.dumps(c) if isinstance(c, dict | list) else c for c in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _write_parquet(rows: Iterable[Row], stream: IO[bytes], columns: Sequence[str]) -> None:
    with require("parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    text, number = pa.string(), pa.float64()
    types = {
        "age": number,
        "age_interval": pa.list_(number),
        "box": pa.list_(number),
        "score": number,
        "landmarks": pa.map_(text, pa.list_(number)),
        "gender_probabilities": pa.map_(text, number),
        "race_probabilities": pa.map_(text, number),
    }
    schema = pa.schema([(c, types.get(c, text)) for c in columns])
    with pq.ParquetWriter(stream, schema) as writer:
        part: list[Row] = []
        for row in rows:
            part.append({k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()})
            if len(part) == 10_000:
                writer.write_table(pa.Table.from_pylist(part, schema))
                part = []
        writer.write_table(pa.Table.from_pylist(part, schema))


FORMS: dict[str, Callable[[Iterable[Row], Sequence[str]], Iterator[str]]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
}
