"""``agr evaluate``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agr.cli.console import errors, show_report, show_tables
from agr.cli.options import Selection, TaskArgument, grouped, one_of

FORMATS = ("table", "json", "csv", "markdown")
Form = Annotated[str, typer.Option("--format", help="How to write the scores.", **one_of(FORMATS))]
Part = Annotated[
    str,
    typer.Option(
        help="Score all pictures, or one part of the split.",
        **one_of(("all", "train", "validation", "test")),
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Score at most so many pictures, drawn at random.")
]


@grouped
def evaluate(
    task: TaskArgument,
    selection: Selection,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a saved model; default: the bundled one.")
    ] = None,
    part: Part = "all",
    limit: Limit = None,
    corruptions: Annotated[
        bool,
        typer.Option(
            "--corruptions",
            help="Score spoiled pictures instead: noise, blur, masks and others, at five "
            "severities.",
        ),
    ] = False,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--corruption", help="Only this kind; repeat for several.", metavar="KIND"),
    ] = None,
    challenge: Annotated[
        str | None,
        typer.Option(
            metavar="LIMIT:HIGHEST",
            help="Count minors who pass and adults who are challenged instead, at each challenge "
            "age: --challenge 18:25. Ages only.",
        ),
    ] = None,
    form: Form = "table",
    plots: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page with curves, errors, confusions and pictures, and for its "
            "PNG and CSV files; needs the extra 'plots'."
        ),
    ] = None,
) -> None:
    """Score a saved model: overall, by gender, race and age group, and by their intersections."""
    with errors():
        from agr.runs import selection as runs
        from agr.runs.evaluate import evaluate_run

        chosen = runs.Selection(**selection.options())
        if corruptions or kinds or challenge:
            if challenge and (corruptions or kinds):
                raise typer.BadParameter("--challenge and --corruptions are separate reports.")
            if challenge:
                _challenge(task, chosen, model, part, limit, challenge, form, plots)
            else:
                _corruptions(task, chosen, model, part, limit, kinds or [], form, plots)
        else:
            report, notes = evaluate_run(task, chosen, model, part, limit=limit, plots=plots)
            _say(notes)
            show_report(report, form)
        if plots is not None:
            typer.echo(f"wrote {plots / 'index.html'}", err=True)


def _corruptions(
    task: str,
    chosen: Any,
    model: Path | None,
    part: str,
    limit: int | None,
    kinds: list[str],
    form: str,
    plots: Path | None,
) -> None:
    from agr.errors import ParameterError, choice
    from agr.evaluation.corruptions import CORRUPTIONS
    from agr.runs.evaluate import read_faces
    from agr.runs.robustness import measure_robustness
    from agr.runs.scoring import Scorer

    for kind in kinds:
        if kind not in CORRUPTIONS:
            raise ParameterError(choice("--corruption", kind, CORRUPTIONS))
    page = _page(plots, f"{task.title()}: spoiled pictures of {chosen.data.name}")
    scorer = Scorer(task, model)
    faces, notes = read_faces(task, chosen, [model], part, limit=limit)
    _say(notes)
    tables = measure_robustness([scorer], faces, kinds=kinds, say=_say)[task]
    show_tables(tables, form, long=1)
    if page is not None:
        from agr.report.reliability import write_robustness

        write_robustness(page, tables)


def _challenge(
    task: str,
    chosen: Any,
    model: Path | None,
    part: str,
    limit: int | None,
    challenge: str,
    form: str,
    plots: Path | None,
) -> None:
    from agr.errors import ParameterError
    from agr.evaluation.challenge import parse_challenge
    from agr.runs.challenge import measure_challenge
    from agr.runs.evaluate import read_faces
    from agr.runs.scoring import Scorer

    if task != "age":
        raise ParameterError(f"--challenge is about ages; got the task {task}: agr evaluate age")
    try:
        limit_age, highest = parse_challenge(challenge)
    except ValueError:
        raise ParameterError(
            f"--challenge must be the age limit and the highest challenge age, such as 18:25; got "
            f"{challenge!r}."
        ) from None
    page = _page(plots, f"Challenge ages on {chosen.data.name}")
    scorer = Scorer(task, model)
    faces, notes = read_faces(task, chosen, [model], part, limit=limit)
    _say(notes)
    tables = measure_challenge(scorer, faces, limit_age, highest)
    show_tables(tables, form)
    if page is not None:
        from agr.report.reliability import write_challenge

        write_challenge(page, tables)


def _page(plots: Path | None, title: str) -> Any:
    """Make the page first, because a package that it lacks is better missed before the work."""
    if plots is None:
        return None
    from agr.report.page import Page

    return Page(plots, title)


def _say(line: str) -> None:
    if line:
        typer.echo(line, err=True)
