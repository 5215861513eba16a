"""Training: the estimators' base classes, and what a fit needs."""
