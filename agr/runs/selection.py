"""The pictures that a training, a search or an evaluation works on, and their parts."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agr.core.artifact import MANIFEST, check_output
from agr.datasets import read_any
from agr.datasets.faces import Faces, Split
from agr.errors import ArtifactError, LabelError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Labelled pictures, who of them counts, and how they are parted.

    Parameters
    ----------
    data : Path
        As `agr.datasets.read_any` takes it.
    columns : mapping of str to str
        Own names of a table's columns; see `agr.datasets.table.read`.
    labels : tuple of (str, str)
        Own words of a table, each with the label that it stands for.
    min_age : float, default=0
        Leave out younger people, and those of unknown age; 0 leaves out nobody.
    validation, test : float
        Share of the pictures that chooses the best epoch, and share kept apart for the scores.
    split : Path, optional
        CSV of a published split, instead of the two shares.
    seed : int, default=0
        Of the split by shares.
    """

    data: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[tuple[str, str], ...] = ()
    min_age: float = 0
    validation: float = 0.08
    test: float = 0.16
    split: Path | None = None
    seed: int = 0

    def read(self) -> Faces:
        """Read everyone, with the report of what was left out."""
        return read_any(self.data, columns=self.columns, labels=self.labels)

    def chosen(self, faces: Faces) -> Faces:
        """Drop those who are too young."""
        return faces.at_least(self.min_age) if self.min_age else faces

    def parts(self, faces: Faces | None = None) -> Split:
        """Part those who are old enough, as a published list says or by shares and seed."""
        if self.split is None:
            return self.chosen(self.read() if faces is None else faces).split(
                validation=self.validation, test=self.test, random_state=self.seed
            )
        root = self.data if self.data.is_dir() else os.path.dirname(self.data)
        return Split(*map(self.chosen, Split.read_csv(self.split, root)))


@dataclass(frozen=True, kw_only=True)
class Work(Selection):
    """What every run from data to a model has; see ``agr train --help``."""

    task: str
    output: Path
    overwrite: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)

    def check_output(self) -> None:
        """Refuse a folder that no model can be saved in, or one that holds another model.

        Raises
        ------
        ArtifactError
            It holds something, or cannot be written.
        """
        check_output(self.output)
        if not self.overwrite and (self.output / MANIFEST).exists():
            raise ArtifactError(
                f"{self.output} holds a saved model already; choose another folder, or replace the "
                "model with --overwrite (in Python overwrite=True). Nothing was changed."
            )


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
    faces = None if run.split else run.read()  # a published list says itself who there is
    if faces is not None and faces.report is not None:
        say(str(faces.report))
    parts = run.parts(faces)
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
