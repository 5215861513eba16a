"""What a search tries for race."""

from typing import Any


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
        "dropout": hp.Float("dropout", 0.0, 0.5, step=0.1, default=0.2),
        "label_smoothing": hp.Float("label_smoothing", 0.0, 0.1, step=0.05, default=0.05),
        "learning_rate": hp.Float("learning_rate", 1e-4, 3e-3, sampling="log", default=1e-3),
        "weight_decay": hp.Float("weight_decay", 1e-3, 0.1, sampling="log", default=0.02),
        "batch_size": hp.Choice("batch_size", [32, 64, 128], default=64),
        "augmentation": hp.Choice(
            "augmentation", ["none", "light", "medium", "strong"], default="light"
        ),
    }
