"""What a search tries for race."""

from typing import Any

from agr.training.tuning.space import balance_of, shared_space


def search_space(hp: Any, **own: Any) -> dict[str, Any]:
    """Draw constructor parameters.

    Parameters
    ----------
    hp : keras_tuner.HyperParameters
        Source of the draw.
    **own
        The estimator's network and weights, as `agr.training.tuning.space.shared_space` takes them.

    Returns
    -------
    dict
        Parameter by name; every default is the constructor's.
    """
    return {
        **shared_space(hp, **own),
        "balance": balance_of(hp, ["weights", "sqrt_weights", "batches", "oversample", "augment"]),
    }
