"""Plot of a search for parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agr.plots.canvas import ALERT, COLOURS, DASHES, axes, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def trial_losses(trials: Sequence[Mapping[str, Any]], *, ax: "Axes | None" = None) -> "Axes":
    """Draw the validation loss of each trial of a search, and the best so far.

    Parameters
    ----------
    trials : sequence of mappings
        An estimator's ``trials_``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on; trials that failed are crosses at the bottom.
    """
    ax = axes(ax)
    from matplotlib.ticker import MaxNLocator

    numbers = np.array([trial["trial"] for trial in trials])
    losses = np.array([trial["val_loss"] for trial in trials], dtype=float)
    best = np.fmin.accumulate(losses)
    ax.plot(numbers, losses, "o", color=COLOURS[0], label="trial")
    ax.plot(numbers, best, DASHES[1], color=COLOURS[1], drawstyle="steps-post", label="best so far")
    failed = numbers[[trial["status"] == "failed" for trial in trials]]
    if len(failed):
        bottom = ax.get_xaxis_transform()
        ax.plot(failed, np.full(len(failed), 0.02), "x", color=ALERT, transform=bottom,
                label="failed")  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False)
    return finish(ax, "Search", "trial", "validation loss")
