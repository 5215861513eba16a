"""A plain network: cycles of convolution, normalization and pooling, then dense layers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agr.training.networks.backbone import Backbone
from agr.training.networks.head import check_widths, dense_head

if TYPE_CHECKING:
    import keras

FIRST_FILTERS = 32


def build(
    pixels: "keras.KerasTensor",
    *,
    dropout: float,
    cycles: int = 4,
    activation: str = "relu",
    dense: Sequence[int] = (128, 64),
) -> "keras.KerasTensor":
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
    from keras import layers

    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    for i in range(cycles):
        x = layers.Conv2D(
            FIRST_FILTERS * 2**i, 3, padding="same", activation=activation, name=f"conv{i + 1}"
        )(x)
        x = layers.BatchNormalization(name=f"norm{i + 1}")(x)
        # Padded, so that six cycles leave something of small pictures too.
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{i + 1}")(x)
    return dense_head(layers.Flatten(name="features")(x), dense, dropout, activation)


BACKBONE = Backbone(
    name="conv_cycles",
    build=build,
    summary="3 to 6 cycles of convolution, normalization and pooling",
    native_size=128,
    n_parameters=2_495_937,
    n_layers=15,
    milliseconds=2.03,
    options={"cycles": (3, 4, 5, 6), "activation": ("relu", "leaky_relu"), "dense": check_widths},
)
