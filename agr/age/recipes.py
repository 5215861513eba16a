"""Named trainings of the age estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import CONV_CYCLES, FINE_TUNE, TAUGHT

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [*TAUGHT, {"epochs": 6, "learning_rate": 5e-4, "augmentation": "medium"}],
    "fine_tune": FINE_TUNE,
    "conv_cycles": CONV_CYCLES,
    # As published with the IMDB-WIKI pictures: Adam, and the mean absolute error.
    "imdb_wiki": [
        {
            "network": "imdb_wiki",
            "head": "regression",
            "dropout": 0.4,
            "learning_rate": 2e-3,
            "weight_decay": 0.0,
            "schedule": "constant",
            "augmentation": "none",
        }
    ],
}
