"""From a network's output to a result's fields; numpy only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Outputs = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Asked:
    """How sure answers must be, and what share of the true ages their intervals shall hold."""

    coverage: float = 0.9
    min_confidence: Mapping[str, float] = field(default_factory=dict)  # by task
    max_interval: float | None = None


Answer = Callable[[Outputs, dict[str, Any], Asked], list[dict[str, Any]]]


def label_answer(outputs: Outputs, manifest: dict[str, Any], asked: Asked) -> list[dict[str, Any]]:
    """Turn the output of a task with label words into results' fields.

    Parameters
    ----------
    outputs : array of shape (n, k), or (n, 1)
        Probability of each label; of a binary task that of the second alone.
    manifest : dict
        The saved model's ``agr.json``.
    asked : Asked
        A less confident label is withheld; by default, what was saved with the model counts.

    Returns
    -------
    list of dict
        ``TASK`` and ``TASK_probabilities`` of each picture, or why the first is ``withheld``.
    """
    task, labels, fitted = manifest["task"], manifest["meaning"]["labels"], manifest["calibration"]
    least = asked.min_confidence.get(task, fitted.get("min_confidence", 0))
    fields = []
    for row in rescaled(both_columns(outputs), fitted):
        label, share = labels[int(row.argmax())], float(row.max())
        reason = f"{label} is {share:.1%} likely, below the least confidence of {least:.1%}"
        said: dict[str, Any] = {task: label} if share >= least else {"withheld": {task: reason}}
        said[f"{task}_probabilities"] = dict(zip(labels, map(float, row), strict=True))
        fields.append(said)
    return fields


def both_columns(outputs: Outputs) -> Outputs:
    """Put the first label's probability beside the second's, where that alone was given."""
    if outputs.shape[1] != 1:
        return outputs
    return np.concatenate([1 - outputs, outputs], axis=1)


def rescaled(outputs: Outputs, calibration: Mapping[str, Any]) -> Outputs:
    """Apply a temperature that was fitted after the network was saved."""
    outputs = np.clip(outputs, 1e-12, 1) ** (1 / calibration.get("rescale", 1))
    return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))
