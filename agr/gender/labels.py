"""Words for perceived gender, in the order of every probability column."""

LABELS = ("female", "male")
