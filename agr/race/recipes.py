"""Named trainings of the race estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import CONV_CYCLES, FINE_TUNE, TAUGHT, with_parameters

# The first layers of the network that knew faces stay as they are, and the others learn slowly.
SLOW = {
    "learning_rate": 2e-4,
    "trainable": "last:80",
    "augmentation": "medium",
    "balance": "sqrt_weights",
}

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [
        TAUGHT[0],
        *with_parameters([{"weights": "auto", "epochs": 8}, {"epochs": 6}, {"epochs": 6}], **SLOW),
    ],
    **CONV_CYCLES,
    **FINE_TUNE,
}
