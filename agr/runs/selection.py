"""The parts of a data set that a training, a search or an evaluation works on."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agr.datasets import read_any
from agr.datasets.faces import Faces, Split
from agr.errors import LabelError


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every run from data to a model has; see ``agr train --help``."""

    task: str
    data: Path
    output: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    min_age: float = 0
    validation: float = 0.08
    test: float = 0.16
    split: Path | None = None
    seed: int = 0


def read_parts(run: Work, say: Callable[[str], None]) -> tuple[Faces, Split]:
    """Read and split the data of a run.

    Parameters
    ----------
    run : Work
        Says which.
    say : callable
        Takes a line about what is there.

    Returns
    -------
    train : Faces
        To learn from, without duplicates.
    parts : Split
        As they are.
    """
    faces = read_any(run.data)
    if faces.report is not None:
        say(str(faces.report))
    parts = split_faces(faces, run.split, run.data, run.validation, run.test, run.seed, run.min_age)
    for name, part in zip(parts._fields, parts, strict=True):
        if not len(part.having(run.task)):
            raise LabelError(
                f"The {name} part is empty: no picture with the label {run.task}. Give more "
                "pictures, or larger shares for validation and test."
            )
    train = parts.train.merge_duplicates()
    say(
        f"{len(train)} pictures to learn from ({len(parts.train) - len(train)} duplicates merged), "
        f"{len(parts.validation)} to choose the best epoch, {len(parts.test)} for the scores"
    )
    return train, parts


def old_enough(faces: Faces, age: float) -> Faces:
    """Drop everyone younger than ``age``, and those of unknown age; 0 drops nobody."""
    return faces.at_least(age) if age else faces


def split_faces(
    faces: Faces,
    published: Path | None,
    data: Path,
    validation: float,
    test: float,
    seed: int,
    min_age: float,
) -> Split:
    """Part those who are old enough as a published list says, or by shares and seed without one."""
    if published is None:
        faces = old_enough(faces, min_age)
        return faces.split(validation=validation, test=test, random_state=seed)
    everyone = Split.read_csv(published, data if data.is_dir() else os.path.dirname(data))
    return Split(*(old_enough(part, min_age) for part in everyone))
