"""Words for perceived race, in the order of every probability column."""

LABELS = ("asian", "black", "indian", "other", "white")
