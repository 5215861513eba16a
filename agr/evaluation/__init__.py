"""Scores of a model, overall and by group."""

from agr.errors import require

with require("train"):
    import sklearn  # noqa: F401
