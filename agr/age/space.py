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
        "balance": balance_of(hp, ["weights", "smoothed_weights"]),
    }
