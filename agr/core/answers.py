"""From a network's output to a result's fields; numpy only."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Outputs = npt.NDArray[np.floating[Any]]
Answer = Callable[[Outputs, dict[str, Any]], list[dict[str, Any]]]


def label_answer(outputs: Outputs, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Turn the output of a task with label words into results' fields.

    Parameters
    ----------
    outputs : array of shape (n, k), or (n, 1)
        Probability of each label; of a binary task that of the second alone.
    manifest : dict
        The saved model's ``agr.json``.

    Returns
    -------
    list of dict
        ``TASK`` and ``TASK_probabilities`` of each picture.
    """
    task, labels = manifest["task"], manifest["meaning"]["labels"]
    return [
        {
            task: labels[int(row.argmax())],
            f"{task}_probabilities": dict(zip(labels, map(float, row), strict=True)),
        }
        for row in both_columns(outputs)
    ]


def both_columns(outputs: Outputs) -> Outputs:
    """Put the first label's probability beside the second's, where that alone was given."""
    if outputs.shape[1] != 1:
        return outputs
    return np.concatenate([1 - outputs, outputs], axis=1)
