"""A shallow, wide network that was published with the IMDB-WIKI pictures of 128 x 128 pixels.

What is published are the layers and two totals: 31,716,033 weights for age, with dense layers of
256 and 512 and one output, and 63,074,753 for gender, with a dense layer of 512 and one sigmoid. Of
the kernels and paddings that one could choose, kernels of 3 x 3, a pooling without padding and two
padded convolutions behind it give exactly these; the padding of the first convolution makes no
difference to them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agr.training.networks.backbone import Backbone
from agr.training.networks.head import check_widths, dense_head

if TYPE_CHECKING:
    import keras


def build(
    pixels: "keras.KerasTensor", *, dropout: float, dense: Sequence[int] = (256, 512)
) -> "keras.KerasTensor":
    """Turn RGB pixels into features.

    Parameters
    ----------
    pixels : keras tensor of shape (n, h, w, 3)
        RGB, 0 to 255.
    dropout : float
        Share of the features dropped while training, after each dense layer.
    dense : sequence of int, default=(256, 512)
        Outputs of each dense layer; published are ``(256, 512)`` for age, ``(512,)`` for gender.

    Returns
    -------
    keras tensor of shape (n, dense[-1])
        Features.
    """
    from keras import layers

    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(32, 3, 2, padding="same", activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, 2, name="pool")(x)
    x = layers.BatchNormalization(name="norm1")(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2")(x)
    x = layers.BatchNormalization(name="norm2")(x)
    x = layers.Conv2D(128, 3, padding="same", activation="relu", name="conv3")(x)
    return dense_head(layers.Flatten(name="features")(x), dense, dropout)


BACKBONE = Backbone(
    name="imdb_wiki",
    build=build,
    summary="3 wide convolutions and large dense layers",
    native_size=128,
    n_parameters=31_716_033,
    n_layers=9,
    milliseconds=3.91,
    options={"dense": check_widths},
)
