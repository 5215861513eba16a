"""From the gender network's output to a result's fields."""

from typing import Any

import numpy as np
import numpy.typing as npt

from agr.core.answers import classification_answer
from agr.gender.labels import LABELS


def answer(
    outputs: npt.NDArray[np.floating[Any]], manifest: dict[str, Any]
) -> list[dict[str, Any]]:
    """Give ``gender`` and ``gender_probabilities`` of each picture.

    Parameters
    ----------
    outputs : array of shape (n, k)
        Probabilities.
    manifest : dict
        The saved model's ``agr.json``.

    Returns
    -------
    list of dict
        Fields of each result.
    """
    return classification_answer("gender", outputs, manifest, LABELS)
