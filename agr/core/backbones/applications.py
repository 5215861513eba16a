"""Trunks of ``keras.applications``, with the preprocessing that their ImageNet weights expect.

The trunk stays a model inside the model, so that its layers keep the numbers that Keras gives them,
which ``trainable="from:52"`` counts.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
from keras import layers

from agr.core.backbones.head import dense_head
from agr.errors import ParameterError, choice

POOLINGS = {"average": layers.GlobalAveragePooling2D, "flatten": layers.Flatten}
CHANNEL_MEAN = (123.68, 116.779, 103.939)  # RGB, of ImageNet


def _caffe(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Subtract the mean colour and give BGR."""
    offset = [-mean for mean in CHANNEL_MEAN]
    return keras.ops.flip(layers.Rescaling(1.0, offset=offset, name="scale")(pixels), axis=-1)


def _signed(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Scale to -1 to 1."""
    return layers.Rescaling(1 / 127.5, offset=-1, name="scale")(pixels)


def _own(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Only cast: the trunk has its own preprocessing."""
    return keras.ops.cast(pixels, "float32")


# Class in keras.applications, and preprocessing.
TRUNKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "vgg16": ("VGG16", _caffe),
    "resnet50": ("ResNet50", _caffe),
    "xception": ("Xception", _signed),
    "inception_v3": ("InceptionV3", _signed),
    "efficientnet_v2_b0": ("EfficientNetV2B0", _own),
    "mobilenet_v3_small": ("MobileNetV3Small", _own),
}


def make_trunk(network: str, image_size: int, weights: str | None) -> keras.Model:
    """Make a trunk without its classifier.

    Parameters
    ----------
    network : str
        A name in `TRUNKS`.
    image_size : int
        Side in pixels.
    weights : {"imagenet"} or None
        ImageNet weights, which Keras downloads once, or random ones.

    Returns
    -------
    keras.Model
        Gives features of shape (n, rows, columns, k).
    """
    make = getattr(keras.applications, TRUNKS[network][0])
    shape = (image_size, image_size, 3)
    return make(include_top=False, weights=weights, input_shape=shape)


def _build(
    network: str,
    pixels: keras.KerasTensor,
    *,
    dropout: float,
    pooling: str = "average",
    dense: Sequence[int] = (256,),
) -> keras.KerasTensor:
    """Turn RGB pixels into features.

    Parameters
    ----------
    network : str
        A name in `TRUNKS`.
    pixels : keras tensor of shape (n, h, w, 3)
        RGB, 0 to 255.
    dropout : float
        Share of the features dropped while training, after each dense layer.
    pooling : {"average", "flatten"}, default="average"
        Whether the trunk's features are averaged over the picture, or all kept.
    dense : sequence of int, default=(256,)
        Outputs of each dense layer.

    Returns
    -------
    keras tensor of shape (n, dense[-1])
        Features.
    """
    if pooling not in POOLINGS:
        raise ParameterError(choice("pooling in network_options", pooling, POOLINGS))
    trunk = make_trunk(network, pixels.shape[1], None)
    x = trunk(TRUNKS[network][1](pixels))
    return dense_head(POOLINGS[pooling](name="features")(x), dense, dropout)


vgg16 = partial(_build, "vgg16")
resnet50 = partial(_build, "resnet50")
xception = partial(_build, "xception")
inception_v3 = partial(_build, "inception_v3")
efficientnet_v2_b0 = partial(_build, "efficientnet_v2_b0")
mobilenet_v3_small = partial(_build, "mobilenet_v3_small")
