"""What all plots share: a place to draw on, colours and finish; matplotlib is loaded when used."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agr.errors import LabelError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (8.0, 4.5)  # inches
# Okabe and Ito's colours, which people with any colour vision tell apart, but for the yellow that
# is too faint on white. Lines differ in their dashes too, so that a grey print can be read.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))
ALERT, INK, FAINT = "#D55E00", "#222222", "#8a8a8a"


def new_figure(size: tuple[float, float] = SIZE) -> "Figure":
    """Make a figure that no window and no notebook knows of, to be saved as a file."""
    with require("plots"):
        from matplotlib.figure import Figure
    return Figure(figsize=size, layout="constrained")


def axes(ax: "Axes | None", size: tuple[float, float] = SIZE) -> "Axes":
    """Give ``ax`` itself, or where it is None the Axes of a new pyplot figure."""
    if ax is not None:
        return ax
    with require("plots"):
        import matplotlib.pyplot as plt
    return plt.subplots(figsize=size, layout="constrained")[1]


def some(values: Any, dtype: Any = None) -> npt.NDArray[Any]:
    """Give values as an array, and refuse to draw none."""
    array = np.asarray(values, dtype=dtype)
    if not len(array):
        raise LabelError("There is nothing to draw: at least one value is needed, got none.")
    return array


def finish(ax: "Axes", title: str, x: str, y: str, *, grid: str = "y") -> "Axes":
    """Write title and axis labels, and take away what does not inform."""
    set_title(ax, title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="#dddddd", linewidth=0.8)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    return ax


def set_title(ax: "Axes", title: str) -> None:
    """Write the title at the left, where reading begins."""
    ax.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)


def legend_above(ax: "Axes") -> None:
    """Put the legend beside the title, where it hides no bar."""
    place = (1, 1)
    ax.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=place, borderaxespad=0.2)


def thousands(ax: "Axes", axis: str) -> None:
    """Write the numbers of an axis as 12,000."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    chosen = getattr(ax, f"{axis}axis")
    chosen.set_major_locator(MaxNLocator(integer=True))
    chosen.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def heat_table(ax: "Axes", values: Any, texts: Any, rows: list[str], columns: list[str]) -> None:
    """Draw a table whose cells are the darker the nearer their value is to 1."""
    ax.imshow(np.asarray(values, dtype=float), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    small = 10 if len(columns) <= 7 else 8
    for i, line in enumerate(texts):
        for j, text in enumerate(line):
            colour = "white" if values[i][j] > 0.55 else INK
            ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=small)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
