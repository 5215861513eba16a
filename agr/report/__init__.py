"""HTML reports with their plots and tables."""

from agr.errors import require

with require("plots"):
    import pandas  # noqa: F401
