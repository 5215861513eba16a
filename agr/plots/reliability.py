"""Plots of spoiled pictures and of challenge ages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agr.errors import LabelError
from agr.plots.canvas import COLOURS, DASHES, FAINT, axes, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]


def robustness_curves(rows: Rows, score: str, *, ax: "Axes | None" = None) -> "Axes":
    """Draw a score over the severity of each kind of corruption.

    Parameters
    ----------
    rows : sequence of mappings
        The table ``robustness`` of `agr.evaluation.robustness.robustness_tables`.
    score : str
        Which.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on; severity 0 is the pictures as they are.
    """
    chosen = [row for row in rows if row["score"] == score]
    if not chosen:
        raise LabelError(f"There is nothing to draw: no row has the score {score!r}.")
    clean = chosen[0]["value"]
    ax = axes(ax)
    kinds = dict.fromkeys(row["kind"] for row in chosen if row["severity"])
    for k, kind in enumerate(kinds):
        points = [(row["severity"], row["value"]) for row in chosen if row["kind"] == kind]
        x, y = zip((0, clean), *points, strict=True)
        style = {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k // len(COLOURS)]}
        ax.plot(x, y, marker="o", markersize=3, label=kind, **style)
    ax.axhline(clean, color=FAINT, linewidth=1, linestyle=":")
    ax.set_xticks(range(6))
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return finish(ax, f"Spoiled pictures: {score}", "severity", score)


def challenge_curve(rows: Rows, rule: str, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the shares of minors passed and of adults challenged over the challenge age.

    Parameters
    ----------
    rows : sequence of mappings
        The table ``challenge`` of `agr.evaluation.challenge.challenge_tables`.
    rule : str
        Which number must reach the challenge age, such as "age".
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on, with 95 % intervals.
    """
    chosen = [row for row in rows if row["by"] == rule and row["group"] == "all"]
    if not chosen:
        raise LabelError(f"There is nothing to draw: no row is by {rule!r}.")
    ax = axes(ax)
    x = [row["threshold"] for row in chosen]
    for k, (kind, share) in enumerate(
        {"minors": "minors_passed", "adults": "adults_challenged"}.items()
    ):
        style = {"color": COLOURS[k], "linestyle": DASHES[k], "marker": "os"[k]}
        ax.plot(x, [row[share] for row in chosen], label=share.replace("_", " "), **style)
        low, high = ([row[f"{kind}_{end}"] for row in chosen] for end in ("low", "high"))
        ax.fill_between(x, low, high, color=COLOURS[k], alpha=0.15)
    ax.set_ylim(0, None)
    ax.legend(frameon=False)
    return finish(ax, f"Challenge ages, by {rule}", "challenge age (years)", "share of people")
