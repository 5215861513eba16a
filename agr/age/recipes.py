"""Named trainings of the age estimator: stages, each from the weights of the one before."""

from typing import Any

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [
        {"epochs": 9},
        {"epochs": 6, "learning_rate": 5e-4, "augmentation": "medium"},
    ],
}
