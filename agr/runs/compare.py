"""Compare two saved models, or a model and a peer's table, on the same pictures."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agr.core.artifact import MANIFEST
from agr.datasets.faces import Faces
from agr.errors import ArtifactError, DatasetError
from agr.evaluation.comparison import Answers, comparison_tables
from agr.evaluation.tables import Table
from agr.runs.evaluate import read_faces
from agr.runs.scoring import Scorer
from agr.runs.selection import Selection
from agr.tasks import TASKS
from agr.training.batches import decode

BUNDLED = "bundled"
PATHS = ("path", "image", "picture", "file")  # columns of a table that may name the picture


def compare_run(
    task: str,
    first: str,
    second: str,
    selection: Selection,
    part: str = "all",
    *,
    limit: int | None = None,
) -> tuple[list[Table], str]:
    """Read, ask both, and compare.

    Parameters
    ----------
    task : str
        What is estimated.
    first, second : str
        Folder of a saved model, "bundled" for the one in agr, or a CSV file with a column ``path``
        (or ``image``) and one named as the task, as ``agr predict --output`` writes it.
    selection, part, limit
        As for `agr.runs.evaluate.evaluate_run`.

    Returns
    -------
    tables : list of Table
        As `agr.evaluation.comparison.comparison_tables` gives them.
    notes : str
        What was left out of the data, and which pictures a table lacks; empty if there are none.
    """
    folders = {given: _folder(given) for given in (first, second) if not given.endswith(".csv")}
    faces, notes = read_faces(task, selection, list(folders.values()), part, limit=limit)
    lines = [notes] if notes else []
    peers = {name: _read(name, task) for name in (first, second) if name.endswith(".csv")}
    for name, table in peers.items():
        there = np.array([os.path.basename(path) in table.index for path in faces.paths])
        if not there.all():
            lines.append(f"{(~there).sum()} of {len(faces)} pictures are not in {name}: left out")
            faces = faces.take(there)
    if not len(faces):
        raise DatasetError("No picture is in both; paths are matched by the file's name.")
    names = _names(first, second)
    answers = [
        _peer(names[k], peers[given], faces, task)
        if given in peers
        else _model(names[k], task, folders[given], faces)
        for k, given in enumerate((first, second))
    ]
    y = faces.labelled(task)[1]
    labels = TASKS[task].load_labels()
    pictures = [os.path.basename(path) for path in faces.paths]
    found = comparison_tables(answers[0], answers[1], y, labels, faces.groups(), pictures)
    return found, "\n".join(lines)


def _folder(given: str) -> Path | None:
    if given == BUNDLED:
        return None
    if not (Path(given) / MANIFEST).is_file():
        raise ArtifactError(
            f"{given} is no saved model and no .csv file; expected the folder of a model, a table "
            f"of answers, or the word {BUNDLED}."
        )
    return Path(given)


def _names(first: str, second: str) -> list[str]:
    """Name both shortly, and differently."""
    names = [Path(given).stem or given for given in (first, second)]
    return names if names[0] != names[1] else [f"{names[0]} (1)", f"{names[1]} (2)"]


def _read(file: str, task: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} cannot be read: {error}") from error
    path = next((name for name in PATHS if name in table), None)
    if path is None or task not in table:
        raise DatasetError(
            f"{file} needs a column {' or '.join(PATHS)} and a column {task}; it has "
            f"{', '.join(map(str, table))}."
        )
    table.index = pd.Index([os.path.basename(str(name)) for name in table[path]])
    if table.index.has_duplicates:
        again = table.index[table.index.duplicated()][0]
        raise DatasetError(f"{file} names the file {again} twice; keep one row of each picture.")
    return table[table[task].notna()]


def _peer(name: str, table: pd.DataFrame, faces: Faces, task: str) -> Answers:
    rows = table.loc[[os.path.basename(path) for path in faces.paths]]
    labels = TASKS[task].load_labels()
    said = rows[task].to_numpy(str if labels else float)
    unknown = sorted(set(said) - set(labels)) if labels else []
    if unknown:
        raise DatasetError(
            f"{name} answers {unknown[0]!r} for {task}; expected {', '.join(labels)}."
        )
    columns = [f"{task}_{label}" for label in labels]
    chances = rows[columns].to_numpy(float) if labels and set(columns) <= set(rows) else None
    return Answers(name, said, chances)


def _model(name: str, task: str, folder: Path | None, faces: Faces) -> Answers:
    scorer = Scorer(task, folder)
    outputs = scorer.outputs(decode(faces.paths, int(scorer.manifest["image_size"])))
    answers: list[dict[str, Any]] = scorer.answers(outputs)
    said = np.array([answer[task] for answer in answers])
    if f"{task}_interval" in answers[0]:
        return Answers(
            name, said, intervals=np.array([answer[f"{task}_interval"] for answer in answers])
        )
    chances = [list(answer[f"{task}_probabilities"].values()) for answer in answers]
    return Answers(name, said, np.array(chances))
