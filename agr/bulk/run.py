"""Reads pictures from a source and writes their rows, and goes on where an earlier run stopped."""

import os
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from agr.bulk.formats import (
    COLUMNS,
    FACE_COLUMNS,
    NO_FACE,
    Row,
    check_format,
    format_of,
    rows_of,
    write_rows,
)
from agr.bulk.parts import Counts, Parts
from agr.bulk.places import is_url
from agr.bulk.progress import watch
from agr.bulk.sources import ALL, PACKED, PATH_COLUMN, Item, Shard, Source, find
from agr.core.files import is_special, replacing
from agr.errors import DatasetError, OutputError, ParameterError

if TYPE_CHECKING:
    from agr.predictor import Predictor

FORMAT = "csv"  # of a folder's parts
NAMED = 100  # sources that a manifest names


def predict(
    source: Source | Iterable[Source],
    output: str | os.PathLike[str],
    *,
    predictor: "Predictor | None" = None,
    format: str | None = None,
    shard: str | None = None,
    path_column: str = PATH_COLUMN,
    overwrite: bool = False,
    say: Callable[[str], None] | None = None,
) -> Counts:
    """Read any number of pictures with constant memory, and write their rows.

    However a run ends, also by a power cut, the same call goes on where it stopped: no row is lost
    and none is doubled.

    Parameters
    ----------
    source : path or URL, or iterable of them
        Pictures; folders, which are searched at every depth; lists (``.txt``, a path or URL a
        line); tables (``.csv``, ``.tsv``, ``.parquet``); tar archives, such as WebDataset's. Paths
        in a list or table are relative to its folder. URLs (``s3://``, ``gs://``, ``https://``)
        need ``pip install "agr-faces[cloud]"``.
    output : path
        A file, whose ending says the format: ``.csv``, ``.jsonl``, ``.json``, ``.parquet`` or
        ``.txt``. It appears when all is done; until then its rows are in ``NAME.parts`` beside it.
        Or a folder (a name without an ending), which gets files of 10,000 pictures each.
    predictor : Predictor, optional
        What reads the pictures; default: ``Predictor()``. One with ``faces="detect"`` gives a row
        for each face, one with ``faces="crop"`` a row for each picture.
    format : {"csv", "jsonl", "json", "parquet", "table"}, optional
        Default: what the file's ending says, or CSV in a folder, which takes no table.
    shard : str, optional
        ``"2/8"``: only the second of eight disjoint shares, which together are everything. Needs a
        folder as output, which all may share.
    path_column : str, default="path"
        The column of tables that holds the paths or URLs.
    overwrite : bool, default=False
        Start anew and replace what ``output`` holds.
    say : callable, optional
        Called with a line about what an earlier run has done.

    Returns
    -------
    Counts
        ``pictures``, ``rows`` and ``errors``, with those of earlier runs.

    Raises
    ------
    OutputError
        ``output`` holds something else, such as the rows of other pictures or of another model; or
        another run is writing there.
    DatasetError
        There are no pictures, or a list or table cannot be read.
    ParameterError
        The format is not known, or ``shard`` is no share.
    MissingExtraError
        Parquet without pyarrow, or a URL without the extra ``cloud``.

    Examples
    --------
    >>> import tempfile
    >>> from agr import bulk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bulk.predict("examples/portrait.jpg", f"{folder}/faces.csv")
    Counts(pictures=1, rows=1, errors=0)
    """
    target = Path(output)
    in_parts = is_parts_folder(target)
    form = format or (FORMAT if in_parts else format_of(target))
    check_format(form)
    if in_parts and form == "table":
        raise ParameterError("A folder takes csv, jsonl, json or parquet; got 'table'.")
    if shard is not None and not in_parts:
        raise ParameterError(
            f"shard needs a folder as output, which all shares may write into; got {target}."
        )
    if predictor is None:
        from agr.predictor import Predictor

        predictor = Predictor()
    if not in_parts and is_special(target):
        with replacing(target) as stream:
            return write_through(
                stream, source, predictor=predictor, form=form, path_column=path_column
            )
    sources, every = _all_of(source, shard, path_column)
    if in_parts:
        target.parent.mkdir(parents=True, exist_ok=True)
    folder = target if in_parts else _beside(target, overwrite)
    columns = FACE_COLUMNS if predictor.faces == "detect" else COLUMNS
    settings = {
        "agr": _version(),
        "sources": _names(sources),
        "path_column": path_column,
        **predictor.settings,
        "format": form,
    }
    share = ALL if shard is None else Shard.parse(shard)
    kept = form if in_parts else "jsonl"
    with Parts(folder, kept, columns, settings, share, overwrite=overwrite) as parts:
        before = parts.counts
        if say and in_parts and parts.complete:
            say(f"{target} is complete already; --overwrite starts anew.")
        elif say and before.pictures:
            say(f"Resuming after {before.pictures:,} pictures.")
        if not parts.complete:
            rest = parts.skip_done(every(without=parts.finished_tars))
            found = read(predictor, rest, columns)
            counted = every if _is_quick(sources) else None
            for item, rows in watch(found, counted, pictures=before.pictures, errors=before.errors):
                parts.add(item, rows)
            parts.finish()
        if not in_parts:
            parts.join(target, form)
    if not in_parts:
        shutil.rmtree(folder)
    return parts.counts


def read(
    predictor: "Predictor", items: Iterable[Item], columns: Sequence[str]
) -> Iterator[tuple[Item, list[Row]]]:
    """Read pictures, and give each with its rows, one at least."""
    waiting: deque[Item] = deque()  # those that are being read

    def pictures() -> Iterator[Any]:
        for item in items:
            waiting.append(item)
            yield item.picture

    for answers in _answers(predictor, pictures()):
        item = waiting.popleft()
        yield item, list(rows_of(item.name, answers, columns))


def is_parts_folder(output: Path) -> bool:
    """Tell an output that is a folder of parts from one that is a file."""
    return output.is_dir() or not (output.suffix or output.exists())


def _answers(predictor: "Predictor", pictures: Iterator[Any]) -> Iterator[list[Any]]:
    from agr.prediction import Face

    if predictor.faces == "detect":
        for faces in predictor.stream_photos(pictures):
            yield faces or [Face(error=NO_FACE)]
    else:
        yield from ([face] for face in predictor.stream(pictures))


def write_through(
    stream: IO[bytes],
    source: Source | Iterable[Source],
    *,
    predictor: "Predictor",
    form: str,
    shard: str | None = None,
    path_column: str = PATH_COLUMN,
) -> Counts:
    """Write rows into what keeps nothing that a later run could go on from: a device or pipe."""
    sources, every = _all_of(source, shard, path_column)
    columns = FACE_COLUMNS if predictor.faces == "detect" else COLUMNS
    counts = Counts(0, 0, 0)

    def count() -> Iterator[list[Row]]:
        nonlocal counts
        found = read(predictor, every(), columns)
        for _, rows in watch(found, every if _is_quick(sources) else None):
            failed = rows[0]["error"] is not None
            counts = Counts(counts.pictures + 1, counts.rows + len(rows), counts.errors + failed)
            yield rows

    write_rows(chain.from_iterable(count()), form, stream, columns)
    return counts


def _all_of(
    source: Source | Iterable[Source], shard: str | None, path_column: str
) -> tuple[list[Source], Callable[..., Generator[Item]]]:
    """Give the sources as a list, and what gives their pictures, one at least."""
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    share = ALL if shard is None else Shard.parse(shard)
    every = partial(find, sources, path_column=path_column, shard=share)
    with closing(every()) as items:
        found = next(items, None)
    if found is None and share == ALL:
        raise DatasetError(f"There are no pictures in {', '.join(map(str, sources))}.")
    return sources, every


def _beside(output: Path, overwrite: bool) -> Path:
    """Give the folder that holds a file's rows until it is whole."""
    output = Path(os.path.realpath(output))  # the rows shall lie where the file will
    folder = output.with_name(f"{output.name}.parts")
    empty = not output.exists() or output.stat().st_size == 0
    if not (empty or overwrite or folder.exists()):
        raise OutputError(
            f"{output} exists already. Give another output, or replace it with --overwrite (in "
            "Python overwrite=True)."
        )
    return folder


def _version() -> str:
    from agr import __version__

    return __version__


def _names(sources: Sequence[Source]) -> list[str]:
    """Name the sources for the manifest; of very many the first, and a digest of the rest."""
    places = [os.fspath(source) for source in sources]
    names = [place if is_url(place) else os.path.abspath(place) for place in places]
    if len(names) <= NAMED:
        return names
    rest = "\0".join(names[NAMED:]).encode(errors="surrogateescape")
    digest = blake2b(rest, digest_size=16).hexdigest()
    return [*names[:NAMED], f"{len(names) - NAMED:,} more ({digest})"]


def _is_quick(sources: Iterable[Source]) -> bool:
    """Tell whether the pictures can be counted without reading much."""
    places = [os.fspath(source).lower() for source in sources]
    return not any(is_url(place) or place.endswith(PACKED) for place in places)
