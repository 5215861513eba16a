"""Named trainings of the race estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import AVERAGE, CONV_CYCLES, CYCLE, FINE_TUNE, TAUGHT, with_parameters

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [
        TAUGHT[0],
        *with_parameters([TAUGHT[1], {**CYCLE, "epochs": 5}], balance="sqrt_weights"),
        AVERAGE,
    ],
    **CONV_CYCLES,
    **FINE_TUNE,
}
