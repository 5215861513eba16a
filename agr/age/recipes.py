"""Named trainings of the age estimator."""

from agr.training.recipes import CONV_CYCLES, FINE_TUNE, IMDB_WIKI, SHIPPED, Recipe

PLAIN_BINS = {"label_sd": 0.0}  # each age belongs to its own bin only

RECIPES = {
    "shipped": SHIPPED,
    **CONV_CYCLES,
    "conv_cycles_regression": CONV_CYCLES["conv_cycles"].having(head="regression"),
    "conv_cycles_decade": CONV_CYCLES["conv_cycles"].having(bins="decade", **PLAIN_BINS),
    "conv_cycles_balanced": CONV_CYCLES["conv_cycles"].having(bins="balanced", **PLAIN_BINS),
    # As published with the IMDB-WIKI pictures: the mean absolute error of a number of years.
    "imdb_wiki": IMDB_WIKI.having(head="regression"),
    "fine_tune": FINE_TUNE["fine_tune"],
    "inception": FINE_TUNE["inception"].having(head="regression"),
    "life_stages": Recipe(({"bins": "life_stages", **PLAIN_BINS},)),
    "ad_groups": Recipe(({"bins": "ad_groups", **PLAIN_BINS},)),  # nobody under 7: --min-age 7
}
