"""A plain network: cycles of convolution, normalization and pooling, then dense layers."""

from collections.abc import Sequence

import keras
from keras import layers

from agr.core.backbones.head import dense_head
from agr.errors import ParameterError, choice

FIRST_FILTERS = 32
ACTIVATIONS = ("relu", "leaky_relu")
CYCLES = (3, 4, 5, 6)


def build(
    pixels: keras.KerasTensor,
    *,
    dropout: float,
    cycles: int = 4,
    activation: str = "relu",
    dense: Sequence[int] = (128, 64),
) -> keras.KerasTensor:
    """Turn RGB pixels into features.

    Parameters
    ----------
    pixels : keras tensor of shape (n, h, w, 3)
        RGB, 0 to 255.
    dropout : float
        Share of the features dropped while training, after each dense layer.
    cycles : {3, 4, 5, 6}, default=4
        Number of cycles; each halves the sides, and has twice the filters of the one before.
    activation : {"relu", "leaky_relu"}, default="relu"
        Of convolutions and dense layers.
    dense : sequence of int, default=(128, 64)
        Outputs of each dense layer.

    Returns
    -------
    keras tensor of shape (n, dense[-1])
        Features.
    """
    if cycles not in CYCLES:
        raise ParameterError(choice("cycles in network_options", cycles, CYCLES))
    if activation not in ACTIVATIONS:
        raise ParameterError(choice("activation in network_options", activation, ACTIVATIONS))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    for i in range(cycles):
        x = layers.Conv2D(
            FIRST_FILTERS * 2**i, 3, padding="same", activation=activation, name=f"conv{i + 1}"
        )(x)
        x = layers.BatchNormalization(name=f"norm{i + 1}")(x)
        # Padded, so that six cycles leave something of small pictures too.
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{i + 1}")(x)
    return dense_head(layers.Flatten(name="features")(x), dense, dropout, activation)
