"""Named trainings of the race estimator: stages, each from the weights of the one before."""

from typing import Any

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [{"epochs": 11}],
}
