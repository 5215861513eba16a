"""Networks by name: what each is, where it is built, and with what it can start.

A network's function takes RGB pixels from 0 to 255 and gives features; its keyword parameters, save
``dropout``, are what ``network_options`` may hold.
"""

from dataclasses import dataclass

from agr.errors import ParameterError, choice

APPLICATIONS = "agr.core.backbones.applications"


@dataclass(frozen=True)
class Backbone:
    """One network.

    Parameters
    ----------
    home : str
        Module and function that build it.
    summary : str
        One line.
    native_size : int
        Side in pixels of the pictures that it is made for.
    n_parameters : int
        Weights and biases, at the native size and with a single output.
    n_layers : int
        Layers of the trunk, which ``trainable`` counts.
    start : {"auto", "imagenet"} or None
        What ``weights`` may say besides a file or folder; None if there are only random ones.
    smallest : int
        Least side in pixels.
    """

    home: str
    summary: str
    native_size: int
    n_parameters: int
    n_layers: int
    start: str | None = None
    smallest: int = 16


BACKBONES = {
    "face_resnet": Backbone(
        "agr.core.backbones.face_resnet:build",
        "29 convolutions with shortcuts, for faces",
        112,
        5_585_633,
        110,
        "auto",
    ),
    "tiny": Backbone(
        "agr.core.backbones.tiny:build",
        "3 convolutions, for first tries",
        32,
        6_233,
        13,
    ),
    "conv_cycles": Backbone(
        "agr.core.backbones.conv_cycles:build",
        "3 to 6 cycles of convolution, normalization and pooling",
        128,
        2_495_937,
        15,
    ),
    "imdb_wiki": Backbone(
        "agr.core.backbones.imdb_wiki:build",
        "3 wide convolutions and large dense layers",
        128,
        31_716_033,
        9,
    ),
    "vgg16": Backbone(
        f"{APPLICATIONS}:vgg16",
        "13 convolutions of 3 x 3 (Simonyan and Zisserman 2015)",
        224,
        14_846_273,
        19,
        "imagenet",
        32,
    ),
    "resnet50": Backbone(
        f"{APPLICATIONS}:resnet50",
        "50 layers with shortcuts (He et al. 2016)",
        224,
        24_112_513,
        175,
        "imagenet",
        32,
    ),
    "xception": Backbone(
        f"{APPLICATIONS}:xception",
        "separable convolutions (Chollet 2017)",
        299,
        21_386_281,
        132,
        "imagenet",
        71,
    ),
    "inception_v3": Backbone(
        f"{APPLICATIONS}:inception_v3",
        "parallel convolutions (Szegedy et al. 2016)",
        299,
        22_327_585,
        311,
        "imagenet",
        75,
    ),
    "efficientnet_v2_b0": Backbone(
        f"{APPLICATIONS}:efficientnet_v2_b0",
        "scaled and fused blocks (Tan and Le 2021)",
        224,
        6_247_505,
        270,
        "imagenet",
        32,
    ),
    "mobilenet_v3_small": Backbone(
        f"{APPLICATIONS}:mobilenet_v3_small",
        "for phones (Howard et al. 2019)",
        224,
        1_087_089,
        157,
        "imagenet",
        32,
    ),
}


def find(network: str, image_size: int | None = None) -> Backbone:
    """Look a network up.

    Parameters
    ----------
    network : str
        A name in `BACKBONES`.
    image_size : int, optional
        Side in pixels that it shall take.

    Returns
    -------
    Backbone
        The network.

    Raises
    ------
    ParameterError
        There is no such network, or the side is too small for it.
    """
    if network not in BACKBONES:
        raise ParameterError(choice("network", network, BACKBONES))
    backbone = BACKBONES[network]
    if image_size is not None and image_size < backbone.smallest:
        raise ParameterError(
            f"{network} needs an image_size of at least {backbone.smallest}, got {image_size}."
        )
    return backbone
