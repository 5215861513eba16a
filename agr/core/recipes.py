"""Named trainings that all tasks share, and the parts that they are put together from."""

from typing import Any

Stages = list[dict[str, Any]]


def fine_tune(network: str, trainable: str) -> Stages:
    """Train a trunk that learned other pictures, in two stages.

    The new head alone comes first, since its first gradients say nothing and would spoil the trunk;
    then what ``trainable`` says, at a tenth of the rate.

    Parameters
    ----------
    network : str
        A trunk with ImageNet weights.
    trainable : str
        What learns in the second stage, as the estimators take it.

    Returns
    -------
    list of dict
        Parameters of each stage.
    """
    return [
        {
            "network": network,
            "weights": "imagenet",
            "trainable": "head",
            "epochs": 4,
            "learning_rate": 1e-3,
        },
        {"network": network, "trainable": trainable, "epochs": 8, "learning_rate": 1e-4},
    ]


def conv_cycles(**options: Any) -> Stages:
    """Train convolution cycles from random weights, with 50 % dropout after the dense layers.

    Parameters
    ----------
    **options
        What the network lets one choose, for example ``cycles=6``.

    Returns
    -------
    list of dict
        Parameters of the one stage.
    """
    return [
        {
            "network": "conv_cycles",
            "network_options": options or None,
            "dropout": 0.5,
            "learning_rate": 1e-3,
        }
    ]


def with_parameters(stages: Stages, **parameters: Any) -> Stages:
    """Give every stage the same further parameters.

    Parameters
    ----------
    stages : list of dict
        A training; left as it is.
    **parameters
        Of the estimator.

    Returns
    -------
    list of dict
        Parameters of each stage.
    """
    return [{**stage, **parameters} for stage in stages]


# Labels learned half from teachers (see agr.teaching), from the first teacher's weights on.
TAUGHT: Stages = [
    {"teachers": 3, "epochs": 12, "learning_rate": 1e-3, "augmentation": "medium"},
    {"epochs": 8, "learning_rate": 7e-4, "augmentation": "medium"},
]

# Another cycle of the learning rate, from the weights of the stage before.
CYCLE: dict[str, Any] = {"epochs": 6, "learning_rate": 5e-4, "augmentation": "medium"}

# As a recipe's last stage: the weights of the stages before it, averaged.
AVERAGE: dict[str, Any] = {"average": True}

# The network that came with the IMDB-WIKI pictures has a plain training: Adam at one rate.
IMDB_WIKI: Stages = [
    {
        "network": "imdb_wiki",
        "dropout": 0.4,
        "learning_rate": 2e-3,
        "weight_decay": 0.0,
        "schedule": "constant",
        "augmentation": "none",
    }
]

# What each published system says of every task; see docs/systems.md.
CONV_CYCLES: dict[str, Stages] = {
    "conv_cycles": conv_cycles(),
    "conv_cycles_3": conv_cycles(cycles=3),
    "conv_cycles_5": conv_cycles(cycles=5),
    "conv_cycles_6": conv_cycles(cycles=6),
    "conv_cycles_leaky": conv_cycles(activation="leaky_relu"),
}
FINE_TUNE: dict[str, Stages] = {
    "fine_tune": fine_tune("efficientnet_v2_b0", "all"),
    "inception": fine_tune("inception_v3", "from:52"),
}
