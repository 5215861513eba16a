"""Named trainings of the gender estimator."""

from agr.training.recipes import CONV_CYCLES, FINE_TUNE, IMDB_WIKI, SHIPPED

RECIPES = {
    "shipped": SHIPPED,
    **CONV_CYCLES,
    # As published with the IMDB-WIKI pictures: the cross-entropy of the plain labels.
    "imdb_wiki": IMDB_WIKI.having(network_options={"dense": [512]}, label_smoothing=0.0),
    **FINE_TUNE,
}
