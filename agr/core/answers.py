"""From a classifier's output to a result's fields; numpy only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.errors import ArtifactError


def classification_answer(
    task: str,
    outputs: npt.NDArray[np.floating[Any]],
    manifest: dict[str, Any],
    known: Sequence[str],
) -> list[dict[str, Any]]:
    """Turn probabilities of shape (n, k) into ``TASK`` and ``TASK_probabilities`` of each picture.

    Raises
    ------
    ArtifactError
        The labels of the saved model with this ``manifest`` are not those that are ``known``.
    """
    labels = manifest["meaning"].get("labels", [])
    if sorted(labels) != sorted(known):
        raise ArtifactError(f"A model for {task} has the labels {', '.join(known)}; got {labels}.")
    return [
        {
            task: labels[int(row.argmax())],
            f"{task}_probabilities": dict(zip(labels, map(float, row), strict=True)),
        }
        for row in outputs
    ]
