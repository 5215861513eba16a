"""The dense layers between a trunk's features and the answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agr.errors import ParameterError

if TYPE_CHECKING:
    import keras


def check_widths(name: str, widths: Any) -> None:
    """Refuse what is no list of layers' outputs."""
    if not isinstance(widths, list | tuple) or not all(
        isinstance(width, int) and width >= 1 for width in widths
    ):
        raise ParameterError(f"{name} must list whole numbers of at least 1, got {widths!r}.")


def dense_head(
    x: "keras.KerasTensor", widths: Sequence[int], dropout: float, activation: str = "relu"
) -> "keras.KerasTensor":
    """Put dense layers on features, each followed by dropout."""
    from keras import layers

    for i, width in enumerate(widths, start=1):
        x = layers.Dense(width, activation=activation, name=f"dense{i}")(x)
        x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    return x if widths else layers.Dropout(dropout, name="dropout")(x)
