"""A whole evaluation on a data set on disk, as the command line offers it."""

from pathlib import Path
from typing import Any

from agr.datasets.faces import AGE_GROUPS, Faces
from agr.errors import LabelError
from agr.evaluation.groups import Report
from agr.report.page import Page
from agr.runs.selection import Selection
from agr.tasks import TASKS


def evaluate_run(
    task: str,
    selection: Selection,
    model: Path | None = None,
    part: str = "all",
    *,
    plots: Path | None = None,
) -> tuple[Report, str]:
    """Read, split and score.

    Parameters
    ----------
    task : str
        Task of the model.
    selection : Selection
        Labelled pictures and their parts, as in training.
    model : Path, optional
        Saved model; default: the one in agr.
    part : {"all", "train", "validation", "test"}, default="all"
        What to score.
    plots : Path, optional
        Folder for a page of plots.

    Returns
    -------
    report : Report
        By gender, race and age group.
    dropped : str
        What was left out of the data; empty if nothing was.
    """
    # The page comes first, because a package that it lacks is better missed before the long work.
    data = selection.data
    page = None if plots is None else Page(plots, f"{task.title()}: results on {data.name}")
    kind = TASKS[task].load_estimator()
    estimator = kind.from_pretrained() if model is None else kind.load(model)
    faces = selection.read()
    dropped = str(faces.report) if faces.report and faces.report.n_dropped else ""
    faces = selection.chosen(faces) if part == "all" else getattr(selection.parts(faces), part)
    faces = faces.having(task)
    if not len(faces):
        where = data if part == "all" else f"the {part} part of {data}"
        raise LabelError(f"No picture in {where} has the label {task}; there is nothing to score.")
    if page is None:
        return evaluate_faces(estimator, faces), dropped
    from agr.report.results import write_results

    return write_results(page, estimator, faces, faces.groups(), AGE_GROUPS), dropped


def evaluate_faces(estimator: Any, faces: Faces) -> Report:
    """Score an estimator on labelled faces, by gender, race and age group.

    Parameters
    ----------
    estimator : ImageEstimator
        Fitted.
    faces : Faces
        Pictures without this task's label are left out.

    Returns
    -------
    Report
        Groups named ``column=value``.
    """
    labelled = faces.having(estimator.task)
    return estimator.evaluate(  # type: ignore[no-any-return]
        *labelled.labelled(estimator.task), groups=labelled.groups()
    )
