"""Trunks of ``keras.applications``, with the preprocessing that their ImageNet weights expect.

The trunk stays a model inside the model, so that its layers keep the numbers that Keras gives them,
which ``trainable="from:52"`` counts.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from agr.training.networks.backbone import Backbone
from agr.training.networks.head import check_widths, dense_head

if TYPE_CHECKING:
    import keras

POOLINGS = {"average": "GlobalAveragePooling2D", "flatten": "Flatten"}
CHANNEL_MEAN = (123.68, 116.779, 103.939)  # RGB, of ImageNet


def _caffe(pixels: "keras.KerasTensor") -> "keras.KerasTensor":
    """Subtract the mean colour and give BGR."""
    from keras import layers, ops

    offset = [-mean for mean in CHANNEL_MEAN]
    return ops.flip(layers.Rescaling(1.0, offset=offset, name="scale")(pixels), axis=-1)


def _signed(pixels: "keras.KerasTensor") -> "keras.KerasTensor":
    """Scale to -1 to 1."""
    from keras import layers

    return layers.Rescaling(1 / 127.5, offset=-1, name="scale")(pixels)


def _own(pixels: "keras.KerasTensor") -> "keras.KerasTensor":
    """Only cast: the trunk has its own preprocessing."""
    from keras import ops

    return ops.cast(pixels, "float32")


# Class in keras.applications, and preprocessing.
TRUNKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "vgg16": ("VGG16", _caffe),
    "resnet50": ("ResNet50", _caffe),
    "xception": ("Xception", _signed),
    "inception_v3": ("InceptionV3", _signed),
    "efficientnet_v2_b0": ("EfficientNetV2B0", _own),
    "mobilenet_v3_small": ("MobileNetV3Small", _own),
}


def make_trunk(network: str, image_size: int, weights: str | None) -> "keras.Model":
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
    from keras import applications

    make = getattr(applications, TRUNKS[network][0])
    shape = (image_size, image_size, 3)
    trunk: keras.Model = make(include_top=False, weights=weights, input_shape=shape)
    return trunk


def _build(
    network: str,
    pixels: "keras.KerasTensor",
    *,
    dropout: float,
    pooling: str = "average",
    dense: Sequence[int] = (256,),
) -> "keras.KerasTensor":
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
    from keras import layers

    trunk = make_trunk(network, pixels.shape[1], None)
    x = trunk(TRUNKS[network][1](pixels))
    pool = getattr(layers, POOLINGS[pooling])(name="features")
    return dense_head(pool(x), dense, dropout)


def _backbone(
    name: str, summary: str, size: int, n: int, n_layers: int, least: int, milliseconds: float
) -> Backbone:
    return Backbone(
        name=name,
        build=partial(_build, name),
        summary=summary,
        native_size=size,
        n_parameters=n,
        n_layers=n_layers,
        milliseconds=milliseconds,
        start="imagenet",
        smallest=least,
        options={"pooling": tuple(POOLINGS), "dense": check_widths},
    )


BACKBONES = (
    _backbone(
        "vgg16", "13 convolutions (Simonyan, Zisserman 2015)", 224, 14_846_273, 19, 32, 117.1
    ),
    _backbone(
        "resnet50", "50 layers with shortcuts (He et al. 2016)", 224, 24_112_513, 175, 32, 33.4
    ),
    _backbone("xception", "separable convolutions (Chollet 2017)", 299, 21_386_281, 132, 71, 75.1),
    _backbone(
        "inception_v3", "parallel convolutions (Szegedy 2016)", 299, 22_327_585, 311, 75, 47.1
    ),
    _backbone("efficientnet_v2_b0", "fused blocks (Tan and Le 2021)", 224, 6_247_505, 270, 32, 8.5),
    _backbone(
        "mobilenet_v3_small", "for phones (Howard et al. 2019)", 224, 1_087_089, 157, 32, 1.1
    ),
)
