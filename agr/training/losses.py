"""Losses by the names that Keras gives them."""

from collections.abc import Mapping
from typing import Any

# Focal: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
LABEL_LOSSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
}
BINARY_LOSSES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
}
NUMBER_LOSSES = {
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_squared_error": "MeanSquaredError",
    "huber": "Huber",
}


def make_loss(loss: str | None, known: Mapping[str, str], **options: Any) -> Any:
    """Make a Keras loss."""
    import keras

    return getattr(keras.losses, known[loss or next(iter(known))])(**options)
