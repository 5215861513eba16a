"""Plots of labelled people: how many there are of whom, how old, and what balancing changes."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agr.plots.canvas import (
    ALERT,
    COLOURS,
    DASHES,
    INK,
    axes,
    finish,
    legend_above,
    some,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMOOTHING_YEARS = 2.0


def label_counts(
    labels: npt.ArrayLike, parts: npt.ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw how many pictures have each label, a bar for each part of them.

    Parameters
    ----------
    labels : array of shape (n,)
        Words, for example the race of each picture.
    parts : array of shape (n,)
        Words, for example the gender of each picture.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    names, row = np.unique(some(labels, str), return_inverse=True)
    ax = axes(ax)
    kinds, column = np.unique(np.asarray(parts, dtype=str), return_inverse=True)
    height = 0.8 / len(kinds)
    for k, kind in enumerate(kinds):
        counts = np.bincount(row[column == k], minlength=len(names))
        places = np.arange(len(names)) + (k - (len(kinds) - 1) / 2) * height
        bars = ax.barh(places, counts, height * 0.92, label=kind, color=COLOURS[k % len(COLOURS)])
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=9, color=INK)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    legend_above(ax)
    thousands(ax, "x")
    return finish(ax, f"{len(row):,} pictures", "pictures", "", grid="x")


def age_histogram(ages: npt.ArrayLike, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how many pictures there are of each year of age.

    Parameters
    ----------
    ages : array of shape (n,)
        Years; at least one.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    years = some(ages, float)
    ax = axes(ax)
    median = float(np.median(years))
    # A bar a year: coarser ones would hide that people round ages to fives and tens.
    ax.hist(years, bins=np.arange(-0.5, years.max() + 1.5).tolist(), color=COLOURS[0])
    ax.axvline(median, color=ALERT, linestyle="--", label=f"median {median:g} years")
    ax.legend(frameon=False)
    thousands(ax, "y")
    return finish(ax, f"Age of {len(years):,} people", "age (years)", "pictures per year of age")


def age_density(ages: npt.ArrayLike, groups: npt.ArrayLike, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how the ages of each group are spread, whatever its size.

    Parameters
    ----------
    ages : array of shape (n,)
        Years.
    groups : array of shape (n,)
        Group of each picture, in words.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on. Ages are smoothed with a normal kernel of two years.
    """
    years = some(ages, float)
    ax = axes(ax)
    x = np.linspace(0, years.max() + 3 * SMOOTHING_YEARS, 500)
    for k, (group, members) in enumerate(_by_group(years, groups)):
        ax.plot(
            x,
            100 * _density(members, x),
            color=COLOURS[k % len(COLOURS)],
            linestyle=DASHES[k % len(DASHES)],
            linewidth=2,
            label=f"{group} (n = {len(members):,})",
        )
    ax.set(xlim=(0, x[-1]), ylim=(0, None))
    ax.legend(frameon=False, handlelength=3.5)
    return finish(ax, "Age density", "age (years)", "share of the group per year (%)")


def age_boxes(ages: npt.ArrayLike, groups: npt.ArrayLike, *, ax: "Axes | None" = None) -> "Axes":
    """Draw a box plot of age for each group.

    Parameters
    ----------
    ages : array of shape (n,)
        Years.
    groups : array of shape (n,)
        Group of each picture, in words.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on: median, quartiles, whiskers to 1.5 times the box, and points beyond.
    """
    found = _by_group(some(ages, float), groups)
    ax = axes(ax)
    drawn = ax.boxplot(
        [members for _, members in found],
        tick_labels=[f"{group}\nn = {len(members):,}" for group, members in found],
        widths=0.55,
        patch_artist=True,
        medianprops={"color": INK, "linewidth": 2},
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": INK, "alpha": 0.3},
    )
    for k, box in enumerate(drawn["boxes"]):
        box.set(facecolor=COLOURS[k % len(COLOURS)], alpha=0.75)
    for k, (_, members) in enumerate(found):
        ax.text(k + 1.31, np.median(members), f"{np.median(members):g}", va="center", fontsize=9)
    return finish(ax, "Age: median, quartiles, outliers", "", "age (years)")


def balance(labels: npt.ArrayLike, weights: npt.ArrayLike, *, ax: "Axes | None" = None) -> "Axes":
    """Draw each label's share of the pictures, and its share of their weights.

    Parameters
    ----------
    labels : array of shape (n,)
        Words, or ages as the first year of the range that they lie in.
    weights : array of shape (n,)
        What balancing gives each picture, for example ``agr.race.balance.sample_weight(labels)``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    ax = axes(ax)
    names, row = np.unique(np.asarray(labels), return_inverse=True)
    for k, (name, weight) in enumerate(
        {"before": np.ones(len(row)), "after": np.asarray(weights, dtype=float)}.items()
    ):
        shares = 100 * np.bincount(row, weights=weight) / weight.sum()
        bars = ax.bar(np.arange(len(names)) + 0.4 * k - 0.2, shares, 0.37, color=COLOURS[k])
        bars.set_label(name)
        ax.bar_label(bars, [f"{share:.0f}" for share in shares], padding=2, fontsize=9, color=INK)
    ax.set_xticks(range(len(names)), [str(name) for name in names])
    legend_above(ax)
    x = "age from (years)" if names.dtype.kind in "if" else ""
    return finish(ax, "Before and after balancing by weights", x, "share of the training (%)")


def _by_group(
    values: npt.NDArray[np.float64], groups: npt.ArrayLike
) -> list[tuple[str, npt.NDArray[np.float64]]]:
    names = np.asarray(groups, dtype=str)
    return [(str(name), values[names == name]) for name in np.unique(names)]


def _density(years: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Mean of normal curves; what would lie below age 0 is mirrored, since nobody is younger."""
    ages, counts = np.unique(years, return_counts=True)
    near, mirrored = (
        np.exp(-0.5 * ((x[:, None] - place) / SMOOTHING_YEARS) ** 2) for place in (ages, -ages)
    )
    scale = len(years) * SMOOTHING_YEARS * np.sqrt(2 * np.pi)
    return np.asarray((near + mirrored) @ counts / scale)
