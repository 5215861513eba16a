"""Named trainings: what a recipe is, and those that several tasks share."""

from dataclasses import dataclass, replace
from typing import Any

Stage = dict[str, Any]


@dataclass(frozen=True)
class Teaching:
    """How teachers are trained; see `agr.training.teachers`.

    Attributes
    ----------
    teachers : int
        Number of folds, and of networks.
    epochs, learning_rate, augmentation
        As the estimators have them.
    """

    teachers: int = 3
    epochs: int = 12
    learning_rate: float = 1e-3
    augmentation: str = "medium"


@dataclass(frozen=True)
class Recipe:
    """A named training.

    Attributes
    ----------
    stages : tuple of dict
        Constructor parameters of each stage, which starts from the weights of the one before.
    teaching : Teaching, optional
        Teachers whose answers are half of what is learned; the first stage starts from the first
        teacher's weights, unless it names its own.
    average : bool
        Whether the weights of all stages are averaged in the end.
    """

    stages: tuple[Stage, ...]
    teaching: Teaching | None = None
    average: bool = False

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


TAUGHT = Recipe(
    ({"epochs": 8, "learning_rate": 7e-4, "augmentation": "medium"},), teaching=Teaching()
)

# Another cycle of the learning rate, from the weights of the stage before.
CYCLE: Stage = {"epochs": 6, "learning_rate": 5e-4, "augmentation": "medium"}

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
