"""A saved model that answers pictures through its engine, and what its answers are scored by."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.core.answers import Asked
from agr.core.images import Pixels, read_image, resize
from agr.engines.engine import Engine
from agr.errors import ImageError
from agr.evaluation.metrics import tally_ages, tally_labels
from agr.evaluation.tally import Tally
from agr.tasks import TASKS

BATCH = 64

Outputs = npt.NDArray[np.float32]


class Scorer:
    """A saved model, opened as a prediction opens it.

    Parameters
    ----------
    task : str
        What it estimates.
    folder : Path, optional
        Saved model; default: the one in agr.
    """

    def __init__(self, task: str, folder: Path | None = None) -> None:
        self.task = task
        self.folder = folder or TASKS[task].pretrained
        self._engine = Engine(self.folder, task)
        self.manifest = self._engine.manifest

    def outputs(self, images: Iterable[Pixels]) -> Outputs:
        """Answer pictures, one at a time in memory but for a batch."""
        batch: list[Pixels] = []
        found: list[Outputs] = [self._engine.trial[:0]]
        for image in images:
            batch.append(resize(image, self._engine.image_size))
            if len(batch) == BATCH:
                found.append(self._engine(np.stack(batch)))
                batch.clear()
        if batch:
            found.append(self._engine(np.stack(batch)))
        return np.concatenate(found)

    def answers(self, outputs: Outputs) -> list[dict[str, Any]]:
        """Turn outputs into a result's fields."""
        asked = Asked(min_confidence={self.task: 0.0})  # what is withheld counts here, too
        return TASKS[self.task].load_answer()(outputs, self.manifest, asked)

    def tally(self, y: npt.NDArray[Any], outputs: Outputs) -> Tally:
        """Tally outputs by their labels."""
        answers = self.answers(outputs)
        labels = self.manifest["meaning"].get("labels")
        if labels is None:
            ends = [answer[f"{self.task}_interval"] for answer in answers]
            return tally_ages(y, [answer[self.task] for answer in answers], ends)
        chances = [list(answer[f"{self.task}_probabilities"].values()) for answer in answers]
        return tally_labels(y, chances, tuple(labels))


def read_crops(paths: Iterable[str]) -> Iterator[Pixels | None]:
    """Read pictures; None for one that cannot be read."""
    for path in paths:
        try:
            yield read_image(path)
        except ImageError:
            yield None
