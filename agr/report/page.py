"""A report: an HTML page that needs no other file, its plots as PNG and its numbers as CSV."""

import base64
from collections.abc import Callable, Iterable
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from agr.core.files import replacing, write
from agr.errors import ParameterError
from agr.plots.canvas import SIZE, new_figure

NAME = "index.html"
SHOWN_ROWS = 30
DPI = 150
# How a report is told from other pages, which must not be overwritten.
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="generator" content="agr">'
)
STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1.2rem; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: white; border-radius: 6px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
  gap: 0 1.5rem; align-items: start; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left; }
"""


class Page:
    """A report that grows from top to bottom; `write` ends it.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Files of an earlier report are replaced; other files are refused.
    title : str
        Heading.

    Raises
    ------
    MissingExtraError, ParameterError
        matplotlib is not installed, or the folder holds other files; found here, before any long
        work.
    """

    def __init__(self, folder: Path, title: str) -> None:
        new_figure()
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
        self._sections: list[tuple[str, list[str], list[str]]] = []

    def section(self, heading: str, facts: Iterable[str] = ()) -> None:
        """Begin a section, with facts as a list."""
        items = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
        self._sections.append((heading, [f"<ul>{items}</ul>"] if items else [], []))

    def plot(
        self,
        name: str,
        draw: Callable[..., Any],
        *arguments: Any,
        size: tuple[float, float] = SIZE,
        **options: Any,
    ) -> None:
        """Draw a plot, write it as ``name.png`` and put it into the page.

        Parameters
        ----------
        name : str
            File name without ending.
        draw : callable
            A function of `agr.plots`.
        *arguments, **options
            What it takes beside ``ax``.
        size : tuple of float
            Width and height in inches; plots wider than usual take the page's whole width.
        """
        figure = new_figure(size)
        ax = draw(*arguments, ax=figure.subplots(), **options)
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=DPI)
        write(self._folder / f"{name}.png", stream.getvalue())
        data = base64.b64encode(stream.getvalue()).decode()
        text = escape(ax.get_title(loc="left"))
        self._sections[-1][2].append(
            f"<figure{' class=wide' if size[0] > SIZE[0] else ''}>"
            f'<img alt="{text}" src="data:image/png;base64,{data}"></figure>'
        )

    def table(self, name: str, rows: pd.DataFrame, caption: str, *, shown: bool = True) -> None:
        """Write a table as ``name.csv`` and put its first rows into the page.

        Parameters
        ----------
        name : str
            File name without ending.
        rows : DataFrame
            Its index is left out.
        caption : str
            What it holds.
        shown : bool, default=True
            False only names the file, for tables that a plot shows.
        """
        file = f"{name}.csv"
        with replacing(self._folder / file) as stream:
            rows.to_csv(stream, index=False, float_format="%.6g", errors="surrogateescape")
        more = f", the first {SHOWN_ROWS} of {len(rows):,}" if len(rows) > SHOWN_ROWS else ""
        link = f'<a href="{file}">{file}</a>'
        text = f"{escape(caption)}{more if shown else ''} ({link})"
        self._sections[-1][1].append(f"<p>{text}</p>")
        if shown:
            table = rows.head(SHOWN_ROWS).to_html(
                index=False, border=0, na_rep="", float_format="{:,.4g}".format
            )
            self._sections[-1][1].append(f'<div class="scroll">{table}</div>')

    def write(self) -> Path:
        """Write the page; gives its path."""
        links = " ".join(
            f'<a href="#{k}">{escape(heading)}</a>'
            for k, (heading, _, _) in enumerate(self._sections)
        )
        parts = [
            f'<section id="{k}"><h2>{escape(heading)}</h2>{"".join(text)}'
            f'<div class="plots">{"".join(plots)}</div></section>'
            for k, (heading, text, plots) in enumerate(self._sections)
        ]
        page = (
            f'{HEAD}<meta name="viewport" content="width=device-width">'
            f"<title>{escape(self._title)}</title><style>{STYLE}</style></head><body>"
            f"<h1>{escape(self._title)}</h1><nav>{links}</nav>{''.join(parts)}</body></html>\n"
        )
        path = self._folder / NAME
        write(path, page.encode(errors="backslashreplace"))
        return path


def _free(folder: Path) -> bool:
    """Tell whether a folder is new, empty, or holds an earlier report."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return True
    page = folder / NAME
    return page.is_file() and page.read_bytes().startswith(HEAD.encode())
