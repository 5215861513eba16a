"""Write the help of every command into the site; mkdocs calls this hook for each page."""

from typing import Any

import typer
from typer.cli import get_docs_for_click

from agr.cli import app

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, **page: Any) -> str:
    """Put the commands where the page has its mark."""
    if MARK not in markdown:
        return markdown
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="agr")
    text = get_docs_for_click(obj=group, ctx=context, name="agr")
    return markdown.replace(MARK, text.partition("\n")[2])  # without its own title
