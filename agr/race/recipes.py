"""Named trainings of the race estimator."""

from agr.training.recipes import CONV_CYCLES, FINE_TUNE, SHIPPED

RECIPES = {
    # "other" is rare, and unlike itself.
    "shipped": SHIPPED.having(balance="sqrt_weights"),
    **CONV_CYCLES,
    **FINE_TUNE,
}
