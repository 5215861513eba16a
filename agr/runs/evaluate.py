"""A whole evaluation on a data set on disk, as the command line offers it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agr.core.artifact import read_manifest
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
    limit: int | None = None,
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
    limit : int, optional
        Most pictures, drawn at random.
    plots : Path, optional
        Folder for a page of plots.

    Returns
    -------
    report : Report
        By gender, race and age group, and their intersections.
    notes : str
        What was left out of the data, and whether the model has learned from these pictures; empty
        if there is nothing to say.
    """
    # The page comes first, because a package that it lacks is better missed before the long work.
    title = f"{task.title()}: results on {selection.data.name}"
    page = None if plots is None else Page(plots, title)
    kind = TASKS[task].load_estimator()
    estimator = kind.from_pretrained() if model is None else kind.load(model)
    faces, notes = read_faces(task, selection, [model], part, limit=limit)
    if page is None:
        return evaluate_faces(estimator, faces), notes
    from agr.report.results import write_results

    return write_results(page, estimator, faces, faces.groups(), AGE_GROUPS), notes


def read_faces(
    task: str,
    selection: Selection,
    models: Sequence[Path | None],
    part: str = "all",
    *,
    limit: int | None = None,
) -> tuple[Faces, str]:
    """Read the pictures of a part that have a label.

    Parameters
    ----------
    task, selection, part, limit
        As for `evaluate_run`.
    models : sequence of Path or None
        Saved models that will answer; None for the one in agr.

    Returns
    -------
    faces : Faces
        At least one.
    notes : str
        As of `evaluate_run`.
    """
    whole = selection.read()
    notes = [str(whole.report)] if whole.report and whole.report.n_dropped else []
    faces = selection.chosen(whole) if part == "all" else getattr(selection.parts(whole), part)
    n, faces = len(faces), faces.having(task)
    if not len(faces):
        data = selection.data
        where = data if part == "all" else f"the {part} part of {data}"
        raise LabelError(f"No picture in {where} has the label {task}; there is nothing to score.")
    for model in models:
        notes += _learned_from(task, model, selection, part, n)
    if limit is not None and limit < len(faces):
        rows = np.random.default_rng(selection.seed).permutation(len(faces))[:limit]
        faces = faces.take(np.sort(rows))
    return faces, "\n".join(notes)


def _learned_from(
    task: str, model: Path | None, selection: Selection, part: str, n: int
) -> list[str]:
    """Warn where a model says that it was made with these pictures."""
    notes = read_manifest(model or TASKS[task].pretrained, task)["notes"]
    if notes.get("data") != selection.data.name:
        return []
    split = selection.split.name if selection.split else f"seed {selection.seed}"
    parted = f"{notes.get('split')}; {notes.get('pictures')}"
    if part == "test":
        if split == notes.get("split") and str(notes.get("pictures")).endswith(f" {n} test"):
            return []
        what = f"was trained with another split ({parted}) and may have learned from some of"
    else:
        words = {"all": "learned from some of", "train": "learned from"}
        what = words.get(part, "was chosen and calibrated by")
    return [
        f"Warning: the {model or 'bundled'} model {what} these pictures of {selection.data.name}; "
        "these scores are too good. Score its test part: --part test, with its training's split."
    ]


def evaluate_faces(estimator: Any, faces: Faces) -> Report:
    """Score an estimator on labelled faces, by gender, race, age group and intersection.

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
