"""Named trainings that all tasks share."""

from typing import Any

# On a trunk that learned other pictures: the new head alone first, since its first gradients say
# nothing and would spoil the trunk; then everything, at a tenth of the rate.
FINE_TUNE: list[dict[str, Any]] = [
    {
        "network": "efficientnet_v2_b0",
        "weights": "imagenet",
        "trainable": "head",
        "epochs": 4,
    },
    {
        "network": "efficientnet_v2_b0",
        "trainable": "all",
        "epochs": 8,
        "learning_rate": 1e-4,
    },
]

# Labels learned half from teachers (see agr.teaching), from the first teacher's weights on.
TAUGHT: list[dict[str, Any]] = [
    {"teachers": 3, "epochs": 12, "learning_rate": 1e-3, "augmentation": "medium"},
    {"epochs": 8, "learning_rate": 7e-4, "augmentation": "medium"},
]

CONV_CYCLES: list[dict[str, Any]] = [{"network": "conv_cycles", "dropout": 0.5}]
