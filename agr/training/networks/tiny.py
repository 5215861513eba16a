"""Three layers that train in seconds: for first tries, and for tests."""

from typing import TYPE_CHECKING

from agr.training.networks.backbone import Backbone

if TYPE_CHECKING:
    import keras


def build(pixels: "keras.KerasTensor", *, dropout: float = 0.0) -> "keras.KerasTensor":
    """Turn RGB pixels into features.

    Parameters
    ----------
    pixels : keras tensor of shape (n, h, w, 3)
        RGB, 0 to 255.
    dropout : float, default=0.0
        Share of the features dropped while training.

    Returns
    -------
    keras tensor of shape (n, 32)
        Features, averaged over the picture.
    """
    from keras import layers

    x = layers.Rescaling(1 / 127.5, offset=-1, name="scale")(pixels)
    for i, filters in enumerate((8, 16, 32), start=1):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return layers.Dropout(dropout, name="dropout")(x)


BACKBONE = Backbone(
    name="tiny",
    build=build,
    summary="3 convolutions, for first tries",
    native_size=32,
    n_parameters=6_233,
    n_layers=13,
    milliseconds=0.01,
)
