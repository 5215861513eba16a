"""Named trainings of the gender estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import CONV_CYCLES, FINE_TUNE, IMDB_WIKI, TAUGHT, with_parameters

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": TAUGHT,
    **CONV_CYCLES,
    # As published with the IMDB-WIKI pictures: the cross-entropy of the plain labels.
    "imdb_wiki": with_parameters(IMDB_WIKI, network_options={"dense": [512]}, label_smoothing=0.0),
    **FINE_TUNE,
}
