"""Plots of labelled data and of results; needs ``pip install "agr-faces[plots]"``.

Every function takes ``ax=``, a matplotlib Axes to draw on, and gives the Axes back, so that plots
can be put together and changed. Without it a new pyplot figure is made.
"""

from agr.errors import require

with require("plots"):
    from agr.plots.people import age_boxes, age_density, age_histogram, balance, label_counts
    from agr.plots.pictures import photo, picture_grid
    from agr.plots.results import (
        classification_report,
        confusion,
        error_histogram,
        learning_curve,
        precision_recall,
        predicted_ages,
        roc,
    )
    from agr.plots.trials import trial_losses

__all__ = [
    "age_boxes",
    "age_density",
    "age_histogram",
    "balance",
    "classification_report",
    "confusion",
    "error_histogram",
    "label_counts",
    "learning_curve",
    "photo",
    "picture_grid",
    "precision_recall",
    "predicted_ages",
    "roc",
    "trial_losses",
]
