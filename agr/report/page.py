"""A report: an HTML page that needs no other file, its plots as PNG and its numbers as CSV."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd
from PIL import Image

from agr._version import __version__
from agr.core.files import replacing, write
from agr.core.images import read_photo
from agr.errors import ParameterError, require
from agr.plots.canvas import SIZE, new_figure
from agr.plots.pictures import SIDE, grid_size, picture_grid
from agr.report.words import column_title, in_words, is_number

NAME = "index.html"
SHOWN_ROWS = 30
DPI = 150
# How a report is told from other pages, which must not be overwritten.
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="generator" content="agr">'
)


@dataclass(frozen=True)
class Number:
    """A headline: what one wants to know first.

    Attributes
    ----------
    value, label : str
        The number, and what it is.
    note : str
        What puts it into proportion; may be empty.
    """

    value: str
    label: str
    note: str = ""


@dataclass
class _Section:
    heading: str
    facts: list[str]
    tables: list[dict[str, Any]] = field(default_factory=list)
    plots: list[dict[str, Any]] = field(default_factory=list)
    walls: list[dict[str, Any]] = field(default_factory=list)


class Page:
    """A report that grows from top to bottom; `write` ends it."""

    def __init__(self, folder: Path, title: str) -> None:
        new_figure()
        self._template = _template()
        if not _free(folder):
            raise ParameterError(
                f"{folder} exists and holds no report; choose a new folder, nothing was changed."
            )
        folder.mkdir(parents=True, exist_ok=True)
        # Says what the files beside it are, until the rest is complete and the page replaces it.
        note = f"{HEAD}<title>unfinished</title>This report was not finished."
        write(folder / NAME, note.encode())
        self._folder = folder
        self._title = title
        self._numbers: list[Number] = []
        self._sections: list[_Section] = []

    def headline(self, numbers: Iterable[Number]) -> None:
        """Put numbers at the top of the page."""
        self._numbers += numbers

    def section(self, heading: str, facts: Iterable[str] = ()) -> None:
        """Begin a section, with facts as a list."""
        self._sections.append(_Section(heading, list(facts)))

    def plot(
        self,
        name: str,
        draw: Callable[..., Any],
        *arguments: Any,
        size: tuple[float, float] = SIZE,
        **options: Any,
    ) -> None:
        """Draw a plot, write it as ``name.png`` and put it into the page."""
        data, title = self._draw(name, draw, *arguments, size=size, **options)
        self._sections[-1].plots.append(
            {
                "title": title,
                "file": f"{name}.png",
                "data": base64.b64encode(data).decode(),
                "wide": size[0] > SIZE[0],
            }
        )

    def pictures(
        self,
        name: str,
        images: Sequence[Any],
        captions: Sequence[str],
        *,
        title: str,
        marked: npt.ArrayLike | None = None,
    ) -> None:
        """Show pictures with their captions, and write them as one in ``name.png``."""
        self._draw(
            name,
            picture_grid,
            images,
            captions,
            marked=marked,
            title=title,
            size=grid_size(len(images)),
        )
        chosen = [False] * len(images) if marked is None else list(marked)  # type: ignore[arg-type]
        shown = [
            {"data": _thumbnail(image), "caption": caption, "marked": bool(wrong)}
            for image, caption, wrong in zip(images, captions, chosen, strict=True)
        ]
        self._sections[-1].walls.append({"title": title, "file": f"{name}.png", "pictures": shown})

    def table(
        self,
        name: str,
        rows: pd.DataFrame,
        caption: str,
        *,
        shown: bool = True,
        most: int = SHOWN_ROWS,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Write a table as ``name.csv`` and put its first rows, or some columns, into the page."""
        file = f"{name}.csv"
        with replacing(self._folder / file) as stream:
            rows.to_csv(stream, index=False, float_format="%.6g", errors="surrogateescape")
        more = f", the first {most} of {len(rows):,}" if len(rows) > most else ""
        chosen = rows if columns is None else rows[list(columns)]
        first = chosen.dropna(axis="columns", how="all").head(most if shown else 0)
        names = [str(column) for column in first]
        self._sections[-1].tables.append(
            {
                "file": file,
                "caption": caption + (more if shown else ""),
                "columns": [
                    {"title": column_title(name), "numeric": is_number(rows[name].dtype)}
                    for name in names
                ],
                "rows": [
                    [in_words(name, value) for name, value in zip(names, row, strict=True)]
                    for row in first.itertuples(index=False, name=None)
                ],
            }
        )

    def write(self) -> Path:
        """Write the page; gives its path."""
        page = self._template.render(
            title=self._title,
            version=__version__,
            numbers=self._numbers,
            sections=self._sections,
        )
        path = self._folder / NAME
        write(path, (page + "\n").encode(errors="backslashreplace"))
        return path

    def _draw(
        self,
        name: str,
        draw: Callable[..., Any],
        *arguments: Any,
        size: tuple[float, float],
        **options: Any,
    ) -> tuple[bytes, str]:
        """Write a plot; gives the file's bytes and the title."""
        figure = new_figure(size)
        ax = draw(*arguments, ax=figure.subplots(), **options)
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=DPI)
        write(self._folder / f"{name}.png", stream.getvalue())
        return stream.getvalue(), str(ax.get_title(loc="left"))


def _template() -> Any:
    with require("plots"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    environment = Environment(
        loader=PackageLoader("agr.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html", globals={"head": Markup(HEAD)})


def _thumbnail(image: Any) -> str:
    stream = BytesIO()
    Image.fromarray(read_photo(image, SIDE)[0]).save(stream, "JPEG", quality=85)
    return base64.b64encode(stream.getvalue()).decode()


def _free(folder: Path) -> bool:
    """Tell whether a folder is new, empty, or holds an earlier report."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return True
    page = folder / NAME
    return page.is_file() and page.read_bytes().startswith(HEAD.encode())
