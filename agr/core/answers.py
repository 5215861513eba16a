"""From a classifier's output to a result's fields; numpy only."""

from typing import Any

import numpy as np
import numpy.typing as npt


def classification_answer(
    task: str, outputs: npt.NDArray[np.floating[Any]], labels: list[str]
) -> list[dict[str, Any]]:
    """Turn probabilities into results' fields.

    Parameters
    ----------
    task : str
        Name of the field.
    outputs : array of shape (n, k)
        Probabilities.
    labels : list of str
        Their order.

    Returns
    -------
    list of dict
        ``TASK`` and ``TASK_probabilities`` of each picture.
    """
    return [
        {
            task: labels[int(row.argmax())],
            f"{task}_probabilities": dict(zip(labels, map(float, row), strict=True)),
        }
        for row in outputs
    ]
