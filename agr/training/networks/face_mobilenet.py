"""The default network: MobileNet's 27 convolutions, depthwise and pointwise in turn.

The layers are those of Howard et al., MobileNets: Efficient Convolutional Neural Networks for
Mobile Vision Applications (2017). There are no normalizations: the network is started from weights
that know faces, into which they are folded, and so learns from small batches as from large ones.
"""

from typing import TYPE_CHECKING

from agr.training.networks.backbone import Backbone

if TYPE_CHECKING:
    import keras

# (channels, stride) of each pair of convolutions after the first
PAIRS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
CHANNEL_MEAN = (123.68, 116.779, 103.939)  # RGB, which the start was trained with


def build(pixels: "keras.KerasTensor", *, dropout: float = 0.0) -> "keras.KerasTensor":
    """Turn RGB pixels into face features.

    Parameters
    ----------
    pixels : keras tensor of shape (n, h, w, 3)
        RGB, 0 to 255.
    dropout : float, default=0.0
        Share of the features dropped while training.

    Returns
    -------
    keras tensor of shape (n, 1024)
        Features, averaged over the picture.
    """
    from keras import layers

    x = layers.Rescaling(1.0, offset=[-mean for mean in CHANNEL_MEAN], name="centre")(pixels)
    x = layers.Conv2D(32, 3, 2, padding="same", name="stem")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for place, (channels, stride) in enumerate(PAIRS, start=1):
        x = layers.DepthwiseConv2D(3, stride, padding="same", name=f"depthwise{place}")(x)
        x = layers.ReLU(6.0, name=f"depthwise{place}_relu")(x)
        x = layers.Conv2D(channels, 1, name=f"pointwise{place}")(x)
        x = layers.ReLU(6.0, name=f"pointwise{place}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return layers.Dropout(dropout, name="dropout")(x)


BACKBONE = Backbone(
    name="face_mobilenet",
    build=build,
    summary="27 depthwise and pointwise convolutions, for faces",
    native_size=112,
    n_parameters=3_197_057,
    n_layers=58,
    milliseconds=1.42,
    start="auto",
)
