"""The default network: a compact dense residual network with 29 convolutions.

Layers and widths follow the face-recognition network of dlib (Davis King, 2017, CC0), so that its
weights can be the start; every convolution here pads its borders, and each fixed affine became a
batch normalization.
"""

from typing import TYPE_CHECKING

from agr.training.networks.backbone import Backbone

if TYPE_CHECKING:
    import keras

# (filters, blocks, stride of the first block)
STAGES = ((32, 3, 1), (64, 4, 2), (128, 3, 2), (256, 3, 2), (256, 1, 2))
CHANNEL_MEAN = (122.782, 117.001, 104.298)  # RGB, the means that dlib's network was trained with


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
    keras tensor of shape (n, 256)
        Features, averaged over the picture.
    """
    from keras import layers

    offset = [-mean / 256 for mean in CHANNEL_MEAN]
    x = layers.Rescaling(1 / 256, offset=offset, name="scale")(pixels)
    x = _conv_norm(x, 32, 7, 2, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, (filters, n_blocks, stride) in enumerate(STAGES, start=1):
        for block in range(1, n_blocks + 1):
            x = _block(x, filters, stride if block == 1 else 1, f"s{stage}b{block}")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return layers.Dropout(dropout, name="dropout")(x)


def _conv_norm(
    x: "keras.KerasTensor", filters: int, kernel: int, stride: int, name: str
) -> "keras.KerasTensor":
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(
        x
    )
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def _block(x: "keras.KerasTensor", filters: int, stride: int, name: str) -> "keras.KerasTensor":
    from keras import layers, ops

    y = _conv_norm(x, filters, 3, stride, f"{name}_1")
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = _conv_norm(y, filters, 3, 1, f"{name}_2")
    if stride == 2:
        x = layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(x)
    missing = filters - x.shape[-1]
    if missing:  # new channels start at zero on the shortcut, which needs no weights
        x = ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, missing]])
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


BACKBONE = Backbone(
    name="face_resnet",
    build=build,
    summary="29 convolutions with shortcuts, for faces",
    native_size=112,
    n_parameters=5_585_633,
    n_layers=110,
    milliseconds=2.04,
    start=None,
)
