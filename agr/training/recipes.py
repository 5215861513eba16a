"""Named trainings: what a recipe is, and those that several tasks share."""

from dataclasses import dataclass, replace
from typing import Any

Stage = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """A named training.

    Attributes
    ----------
    stages : tuple of dict
        Constructor parameters of each stage, which starts from the weights of the one before.
    taught : bool
        Whether teachers speak about each changed copy of a picture; see `agr.training.teachers`.
    """

    stages: tuple[Stage, ...]
    taught: bool = False

    def having(self, **parameters: Any) -> "Recipe":
        """Give every stage the same further parameters."""
        return replace(self, stages=tuple({**stage, **parameters} for stage in self.stages))


def fine_tune(network: str, trainable: str) -> Recipe:
    """Train a trunk that learned other pictures, in two stages.

    The new head alone comes first, since its first gradients say nothing and would spoil the trunk;
    then what ``trainable`` says, at a tenth of the rate.
    """
    head = {"weights": "imagenet", "trainable": "head", "epochs": 4, "learning_rate": 1e-3}
    whole = {"trainable": trainable, "epochs": 8, "learning_rate": 1e-4}
    return Recipe((head, whole)).having(network=network)


def conv_cycles(**options: Any) -> Recipe:
    """Train convolution cycles from random weights, with 50 % dropout after the dense layers."""
    stage = {"network": "conv_cycles", "network_options": options or None}
    return Recipe(({**stage, "dropout": 0.5, "learning_rate": 1e-3},))


# The models that come with agr; scripts/ship.py trains and packs them. The new head comes first, as
# in `fine_tune`.
SHIPPED = Recipe(
    (
        {"trainable": "head", "epochs": 1, "learning_rate": 2e-3},
        {"epochs": 5, "learning_rate": 3e-4},
    ),
    taught=True,
).having(network="face_mobilenet", augmentation="camera")

# The network that came with the IMDB-WIKI pictures has a plain training: Adam at one rate.
IMDB_WIKI = Recipe(
    (
        {
            "network": "imdb_wiki",
            "dropout": 0.4,
            "learning_rate": 2e-3,
            "weight_decay": 0.0,
            "schedule": "constant",
            "augmentation": "none",
        },
    )
)

# What each published system says of every task; see docs/systems.md.
CONV_CYCLES = {
    "conv_cycles": conv_cycles(),
    "conv_cycles_3": conv_cycles(cycles=3),
    "conv_cycles_5": conv_cycles(cycles=5),
    "conv_cycles_6": conv_cycles(cycles=6),
    "conv_cycles_leaky": conv_cycles(activation="leaky_relu"),
}
FINE_TUNE = {
    "fine_tune": fine_tune("efficientnet_v2_b0", "all"),
    "inception": fine_tune("inception_v3", "from:52"),
}
