"""What a search tries for age."""

from typing import Any

from agr.core.space import balance_of, shared_space


def search_space(hp: Any) -> dict[str, Any]:
    """Draw constructor parameters.

    Parameters
    ----------
    hp : keras_tuner.HyperParameters
        Source of the draw.

    Returns
    -------
    dict
        Parameter by name; every default is the constructor's.
    """
    return {
        **shared_space(hp),
        "label_sd": hp.Float("label_sd", 1.0, 4.0, step=0.5, default=2.5),
        "balance": balance_of(hp, ["weights"]),
    }
