"""Networks by name: a new one is a file of its own that declares a `Backbone`, and a line here."""

from agr.errors import ParameterError, choice
from agr.training.networks import (
    applications,
    conv_cycles,
    face_mobilenet,
    face_resnet,
    imdb_wiki,
    tiny,
)
from agr.training.networks.backbone import Backbone

BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        face_mobilenet.BACKBONE,
        face_resnet.BACKBONE,
        tiny.BACKBONE,
        conv_cycles.BACKBONE,
        imdb_wiki.BACKBONE,
        *applications.BACKBONES,
    )
}


def find(network: str, image_size: int | None = None) -> Backbone:
    """Look a network up."""
    if network not in BACKBONES:
        raise ParameterError(choice("network", network, BACKBONES))
    backbone = BACKBONES[network]
    if image_size is not None and image_size < backbone.smallest:
        raise ParameterError(
            f"{network} needs an image_size of at least {backbone.smallest}, got {image_size}."
        )
    return backbone
