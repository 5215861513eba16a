"""Scores of a model, overall and by group."""
