"""Named trainings of the age estimator: stages, each from the weights of the one before."""

from typing import Any

from agr.core.recipes import (
    AVERAGE,
    CONV_CYCLES,
    CYCLE,
    FINE_TUNE,
    IMDB_WIKI,
    TAUGHT,
    with_parameters,
)

REGRESSION = {"head": "regression"}
PLAIN_BINS = {"label_sd": 0.0}  # each age belongs to its own bin only

RECIPES: dict[str, list[dict[str, Any]]] = {
    # The model that comes with agr; scripts/ship.py trains it and packs it.
    "shipped": [*TAUGHT, CYCLE, CYCLE, AVERAGE],
    **CONV_CYCLES,
    "conv_cycles_regression": with_parameters(CONV_CYCLES["conv_cycles"], **REGRESSION),
    "conv_cycles_decade": with_parameters(CONV_CYCLES["conv_cycles"], bins="decade", **PLAIN_BINS),
    "conv_cycles_balanced": with_parameters(
        CONV_CYCLES["conv_cycles"], bins="balanced", **PLAIN_BINS
    ),
    # As published with the IMDB-WIKI pictures: the mean absolute error of a number of years.
    "imdb_wiki": with_parameters(IMDB_WIKI, **REGRESSION),
    "fine_tune": FINE_TUNE["fine_tune"],
    "inception": with_parameters(FINE_TUNE["inception"], **REGRESSION),
    "life_stages": [{"bins": "life_stages", **PLAIN_BINS}],
    "ad_groups": [{"bins": "ad_groups", **PLAIN_BINS}],  # nobody under 7: --min-age 7
}
