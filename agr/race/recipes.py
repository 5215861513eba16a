"""Named trainings of the race estimator."""

from agr.training.recipes import CONV_CYCLES, FINE_TUNE, TAUGHT, Recipe

# The first layers of the network that knew faces stay as they are, and the others learn slowly.
SLOW = {
    "learning_rate": 2e-4,
    "trainable": "last:80",
    "augmentation": "medium",
    "balance": "sqrt_weights",
}

RECIPES = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": Recipe(
        ({"weights": "auto", "epochs": 8}, {"epochs": 6}, {"epochs": 6}), teaching=TAUGHT.teaching
    ).having(**SLOW),
    **CONV_CYCLES,
    **FINE_TUNE,
}
