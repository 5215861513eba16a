"""Named trainings of the race estimator."""

from agr.training.recipes import CONV_CYCLES, FINE_TUNE, SHIPPED

RECIPES = {
    "shipped": SHIPPED,
    **CONV_CYCLES,
    **FINE_TUNE,
}
