"""Named trainings of the race estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import CONV_CYCLES, FINE_TUNE, TAUGHT

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [TAUGHT[0], {**TAUGHT[1], "balance": "sqrt_weights"}],
    **CONV_CYCLES,
    **FINE_TUNE,
}
