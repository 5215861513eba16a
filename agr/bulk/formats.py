"""Rows of predictions as a table, JSON, JSON lines, CSV or Parquet; `FORMATS` lists them."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agr.errors import ParameterError, choice, require
from agr.prediction import (
    FIELDS,
    Column,
    Face,
    Prediction,
    box_words,
    columns_of,
    flatten,
    interval_words,
    share_words,
)

# Keys of a row: of a picture that is one face, and of a face that was found in a picture.
COLUMNS = ("image", *FIELDS[Prediction])
FACE_COLUMNS = ("image", *FIELDS[Face])
NO_FACE = "no face was found"  # the error of a photo without any
_LINE, _DEEPER = "\n", "\n "  # what indents a row once more
PART = 10_000  # rows that Parquet holds back, to write them as one group
Row = dict[str, Any]
Write = Callable[[Iterable[Row], IO[bytes], Sequence[str]], None]


@dataclass(frozen=True)
class Format:
    """A way to write rows.

    Attributes
    ----------
    write : callable
        Takes the rows, a binary stream and the keys of the rows.
    ending : str
        Of the names of such files.
    is_text : bool
        Whether it can go to the terminal.
    """

    write: Write
    ending: str
    is_text: bool = True


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
    """Write rows as they come; only a table and Parquet's last rows wait for the end.

    JSON shows a row as it is. CSV and Parquet have flat columns, which `agr.prediction.columns_of`
    gives; CSV rounds to what is worth reading.

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
    FORMATS[form].write(rows, stream, columns)


def format_of(path: Path) -> str:
    """Tell the format of a file by its ending."""
    for name, form in FORMATS.items():
        if path.suffix.lower() == form.ending:
            return name
    endings = ", ".join(form.ending for form in FORMATS.values())
    raise ParameterError(
        f"The ending of {path} names no known format; expected one of {endings}. Give the file "
        "another name, or say the format with --format."
    )


def check_format(form: str) -> None:
    """Make sure that a format is known and can be written, before the long work."""
    if form not in FORMATS:
        raise ParameterError(choice("format", form, FORMATS))
    if form == "parquet":
        with require("parquet"):
            import pyarrow  # noqa: F401


def _text(lines: Callable[[Iterable[Row], Sequence[str]], Iterator[str]]) -> Write:
    """Make a format of a function that gives pieces of text."""

    def write(rows: Iterable[Row], stream: IO[bytes], columns: Sequence[str]) -> None:
        for text in lines(rows, columns):
            stream.write(text.encode(errors="surrogateescape"))  # a path may be no valid UTF-8
            stream.flush()

    return write


def _table(rows: Iterable[Row], stream: IO[bytes], columns: Sequence[str]) -> None:
    from agr.bulk.layout import lay_out

    heads = ["image", *(["face"] if "box" in columns else []), "age", "90 %", "gender", "race"]
    text = lay_out(heads, (_line(row) for row in rows), terminal=stream.isatty())
    stream.write(text.encode(errors="surrogateescape"))


def _line(row: Row) -> list[str]:
    line = [row["image"]]
    if "box" in row:
        line.append("-" if row["box"] is None else box_words(row["box"]))
    if row["error"]:
        return [*line, "-", "-", "-", f"error: {row['error']}"]
    return [
        *line,
        "-" if row["age"] is None else f"{row['age']:.1f}",
        interval_words(row["age_interval"]) or "-",
        _share(row, "gender"),
        _share(row, "race"),
    ]


def _share(row: Row, task: str) -> str:
    return "-" if row[task] is None else share_words(row[task], row[f"{task}_probabilities"])


def _json(rows: Iterable[Row], _: Sequence[str]) -> Iterator[str]:
    end = "["
    for row in rows:
        yield f"{end}\n {json.dumps(row, indent=1).replace(_LINE, _DEEPER)}"
        end = ","
    yield "[]\n" if end == "[" else "\n]\n"


def _jsonl(rows: Iterable[Row], _: Sequence[str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row) + "\n"


def _csv(rows: Iterable[Row], keys: Sequence[str]) -> Iterator[str]:
    columns = columns_of(keys)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows:
        cells = flatten(row, columns)
        writer.writerow([_rounded(cells[column.name], column) for column in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _rounded(value: Any, column: Column) -> Any:
    return value if value is None or column.digits is None else round(value, column.digits)


def _write_parquet(rows: Iterable[Row], stream: IO[bytes], keys: Sequence[str]) -> None:
    with require("parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    columns = columns_of(keys)
    schema = pa.schema([(c.name, _parquet_type(c, pa)) for c in columns])
    with pq.ParquetWriter(stream, schema) as writer:
        part: list[Row] = []
        for row in rows:
            part.append(flatten(row, columns))
            if len(part) == PART:
                writer.write_table(pa.Table.from_pylist(part, schema))
                part = []
        writer.write_table(pa.Table.from_pylist(part, schema))


def _parquet_type(column: Column, pa: Any) -> Any:
    if column.is_flag:
        return pa.bool_()
    return pa.string() if column.digits is None else pa.float64()


FORMATS = {
    "table": Format(_table, ".txt"),
    "json": Format(_text(_json), ".json"),
    "jsonl": Format(_text(_jsonl), ".jsonl"),
    "csv": Format(_text(_csv), ".csv"),
    "parquet": Format(_write_parquet, ".parquet", is_text=False),
}
