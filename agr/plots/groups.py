"""Plots of how well each group is served."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agr.evaluation.groups import LEAST, Report
from agr.plots.canvas import ALERT, COLOURS, FAINT, axes, finish, legend_above, some

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def score_by_group(
    report: Report, metric: str, groups: Sequence[str], unit: str, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw a score of each group with its 95 % interval, and that of all pictures as a line.

    Parameters
    ----------
    report : Report
        With intervals.
    metric : str
        Which score.
    groups : sequence of str
        Groups or intersections of the report, from top to bottom.
    unit : str
        Label of the axis.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on; groups of fewer than 30 pictures are grey.
    """
    names = list(some(groups, str))
    ax = axes(ax)
    for place, name in enumerate(names):
        scores, (low, high) = report.scores_of(name), report.intervals[name][metric]
        colour = FAINT if scores["n"] < LEAST else COLOURS[0]
        ax.plot([low, high], [place, place], color=colour, linewidth=2)
        ax.plot([scores[metric]], [place], "o", color=colour, markersize=5)
    ax.axvline(report.overall[metric], color=ALERT, linestyle="--", label="all pictures")
    counts = [int(report.scores_of(name)["n"]) for name in names]
    labels = [f"{name}  (n = {n:,})" for name, n in zip(names, counts, strict=True)]
    ax.set_yticks(np.arange(len(names)), labels, fontsize=10 if len(names) < 20 else 7)
    ax.invert_yaxis()
    legend_above(ax)
    kind = "group" if ", " not in names[0] else "intersection"
    return finish(ax, f"By {kind}, with 95 % intervals", unit, "", grid="x")
