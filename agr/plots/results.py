"""Plots of what a model learned and how well it predicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from agr.errors import ParameterError, choice
from agr.evaluation.metrics import CS_YEARS, regression_metrics, summary
from agr.plots.canvas import (
    ALERT,
    COLOURS,
    DASHES,
    FAINT,
    axes,
    finish,
    heat_table,
    set_title,
    some,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SQUARE = (6.0, 5.5)
UNITS = {"mae": "mean absolute error (years)", "accuracy": "accuracy (share of pictures)"}


def learning_curve(
    history: Sequence[Mapping[str, float]], metric: str = "loss", *, ax: "Axes | None" = None
) -> "Axes":
    """Draw a metric over the epochs of a training.

    Parameters
    ----------
    history : sequence of mappings
        An estimator's ``history_``.
    metric : str, default="loss"
        Key of the history; ``val_`` and the key is drawn with it.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.

    Raises
    ------
    ParameterError
        The history has no such metric.
    """
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(some(history)) + 1)
    known = [key for key in history[0] if not key.startswith("val_")]
    if metric not in known:
        raise ParameterError(choice("metric", metric, known))
    ax = axes(ax)
    for k, (key, name) in enumerate({metric: "training", f"val_{metric}": "validation"}.items()):
        values = np.array([epoch.get(key, np.nan) for epoch in history])
        if np.isfinite(values).any():
            style = {"color": COLOURS[k], "linestyle": DASHES[k], "marker": "os"[k]}
            ax.plot(epochs, values, label=name, **style)
    losses = np.array([epoch.get("val_loss", np.inf) for epoch in history])
    if np.isfinite(losses).any():
        best = epochs[losses.argmin()]
        ax.axvline(best, color=FAINT, linestyle=":", label=f"lowest validation loss: epoch {best}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, handlelength=3)
    return finish(ax, f"Learning curve: {metric}", "epoch", UNITS.get(metric, metric))


def predicted_ages(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw predicted against true age.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Years.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on; the darker, the more pictures.
    """
    truth, said = some(y_true, float), some(y_pred, float)
    ax = axes(ax, SQUARE)
    end = max(truth.max(), said.max()) + 3
    # Points would hide each other; cells that are counted do not.
    cells = ax.hexbin(
        truth, said, gridsize=45, extent=(0, end, 0, end), bins="log", mincnt=1, cmap="cividis_r"
    )
    ax.figure.colorbar(cells, ax=ax, label="pictures per cell", format="{x:g}")
    ax.plot([0, end], [0, end], color=ALERT, linewidth=1.5, label="no error")
    for off in (-CS_YEARS, CS_YEARS):
        ax.plot([0, end], [off, end + off], color=ALERT, linewidth=1, linestyle="--")
    ax.lines[-1].set_label(f"{CS_YEARS} years off")
    ax.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    ax.legend(frameon=False, loc="upper left")
    mae = regression_metrics(truth, said)["mae"]
    title = f"{len(truth):,} ages: mean absolute error {mae:.2f} years"
    return finish(ax, title, "true age (years)", "predicted age (years)", grid="both")


def error_histogram(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw how far predicted ages are off, with the errors' summary.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Years.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    errors = some(y_pred, float) - some(y_true, float)
    ax = axes(ax)
    edges = np.arange(np.floor(errors.min()), np.floor(errors.max()) + 2).tolist()
    ax.hist(errors, bins=edges, color=COLOURS[0])
    ax.axvline(0, color=ALERT, linestyle="--")
    lines = [
        f"{name:6} {value:8,.0f}" if name == "count" else f"{name:6} {value:8.2f}"
        for name, value in summary(errors).items()
    ]
    ax.text(
        0.985, 0.97, "\n".join(lines), transform=ax.transAxes, ha="right", va="top",
        family="monospace", fontsize=9, bbox={"facecolor": "white", "edgecolor": "#dddddd"},
    )  # fmt: skip
    thousands(ax, "y")
    return finish(ax, "Error of age", "predicted minus true age (years)", "pictures per year")


def roc(
    y_true: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw receiver operating characteristics, with the area under each.

    Parameters
    ----------
    y_true : array of shape (n,)
        Labels.
    probabilities : array of shape (n, k)
        In the order of ``labels``.
    labels : sequence of k str
        Vocabulary. Of two labels the second is drawn, since the first is its mirror image; of more
        each against the rest. A label that no picture has, or every one, has no curve.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on.
    """
    ax = axes(ax, SQUARE)
    for k, label, truth, scores in _against_rest(y_true, probabilities, labels):
        false, true, _ = sk.roc_curve(truth, scores)
        _curve(ax, k, false, true, f"{label}: AUC {sk.auc(false, true):.3f}")
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":", label="guessing")
    ax.legend(frameon=False, loc="lower right", handlelength=3.5)
    return _unit_square(ax, "ROC", "false positive rate", "true positive rate")


def precision_recall(
    y_true: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw precision against recall, with average precision and the share that guessing gives.

    Parameters
    ----------
    y_true, probabilities, labels, ax
        As in `roc`.

    Returns
    -------
    Axes
        What was drawn on.
    """
    ax = axes(ax, SQUARE)
    for k, label, truth, scores in _against_rest(y_true, probabilities, labels):
        precision, recall, _ = sk.precision_recall_curve(truth, scores)
        average = sk.average_precision_score(truth, scores)
        name = f"{label}: AP {average:.3f} (guessing {truth.mean():.2f})"
        _curve(ax, k, recall, precision, name)
    ax.legend(frameon=False, loc="lower left", handlelength=3.5)
    return _unit_square(ax, "Precision and recall", "recall", "precision")


def confusion(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    labels: Sequence[str],
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the confusion matrix: of each true label, how many got which prediction.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Labels.
    labels : sequence of str
        Their order.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        What was drawn on; colours are shares of the row.
    """
    counts = sk.confusion_matrix(some(y_true), some(y_pred), labels=list(labels))
    ax = axes(ax, SQUARE)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = [
        [f"{share:.0%}\n{count:,}" for share, count in zip(*line, strict=True)]
        for line in zip(shares, counts, strict=True)
    ]
    heat_table(ax, shares, texts, list(labels), list(labels))
    right = np.trace(counts) / max(counts.sum(), 1)
    set_title(ax, f"Confusion: {right:.1%} of {counts.sum():,} right")
    ax.set(xlabel="predicted", ylabel="true")
    return ax


def classification_report(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    labels: Sequence[str],
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw precision, recall and F1 of each label, and their means.

    Parameters
    ----------
    y_true, y_pred, labels, ax
        As in `confusion`.

    Returns
    -------
    Axes
        What was drawn on.
    """
    rows = report_rows(y_true, y_pred, labels)
    ax = axes(ax, SQUARE)
    names = ["precision", "recall", "f1-score"]
    values = np.array([[row[name] for name in names] for row in rows.values()])
    texts = [[f"{value:.3f}" for value in line] for line in values]
    heads = [f"{label}  (n = {row['support']:,.0f})" for label, row in rows.items()]
    heat_table(ax, values, texts, heads, ["precision", "recall", "F1"])
    set_title(ax, "Classification report")
    return ax


def report_rows(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Give scikit-learn's classification report as rows.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Labels.
    labels : sequence of str
        Their order.

    Returns
    -------
    dict of str to dict
        ``precision``, ``recall``, ``f1-score`` and ``support`` of each label, of ``macro avg`` and
        of ``weighted avg``.
    """
    report = sk.classification_report(
        some(y_true), some(y_pred), labels=list(labels), output_dict=True, zero_division=0
    )
    return {name: report[name] for name in (*labels, "macro avg", "weighted avg")}


def _against_rest(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, labels: Sequence[str]
) -> list[tuple[int, str, npt.NDArray[np.bool_], npt.NDArray[Any]]]:
    truth, chances = np.asarray(y_true, dtype=str), np.asarray(probabilities, dtype=float)
    cases = [(label, truth == label, chances[:, k]) for k, label in enumerate(labels)]
    drawn = enumerate(cases[1:] if len(labels) == 2 else cases)
    return [(k, *case) for k, case in drawn if 0 < case[1].sum() < len(truth)]


def _curve(ax: "Axes", k: int, x: Any, y: Any, label: str) -> None:
    style = {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}
    ax.plot(x, y, linewidth=2, label=label, **style)


def _unit_square(ax: "Axes", title: str, x: str, y: str) -> "Axes":
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    return finish(ax, title, x, y, grid="both")
