"""A whole evaluation on a data set on disk, as the command line offers it."""

from pathlib import Path
from typing import Any

from agr.datasets import read_any
from agr.datasets.faces import AGE_GROUPS, Faces
from agr.errors import LabelError
from agr.evaluation.groups import Report
from agr.report.page import Page
from agr.runs.selection import old_enough, split_faces
from agr.tasks import TASKS


def evaluate_run(
    task: str,
    data: Path,
    model: Path | None,
    part: str,
    *,
    validation: float,
    test: float,
    split: Path | None,
    seed: int,
    min_age: float = 0,
    plots: Path | None = None,
) -> tuple[Report, str]:
    """Read, split and score.

    Parameters
    ----------
    task : str
        Task of the model.
    data : Path
        Labelled pictures.
    model : Path or None
        Saved model; None for the one in agr.
    part : {"all", "train", "validation", "test"}
        What to score.
    validation, test, split, seed
        The split, as in training.
    min_age : float, default=0
        Younger people are left out, as in training.
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
    page = None if plots is None else Page(plots, f"{task.title()}: results on {data.name}")
    kind = TASKS[task].load_estimator()
    estimator = kind.from_pretrained() if model is None else kind.load(model)
    faces = read_any(data)
    dropped = str(faces.report) if faces.report and faces.report.n_dropped else ""
    if part == "all":
        faces = old_enough(faces, min_age)
    else:
        parts = split_faces(faces, split, data, validation, test, seed, min_age)
        faces = getattr(parts, part)
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
