"""Score a model and show where it is right and wrong: a page, its plots and its numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import is_classifier

from agr.datasets.faces import Faces
from agr.evaluation.groups import Report, make_report
from agr.evaluation.metrics import CS_YEARS, summary
from agr.plots import results
from agr.report.page import Page
from agr.report.scores import write_scores

SAMPLE = 32
MOST_BINS = 20  # finer bins, such as single years, are too many for a table


def write_results(
    page: Page, estimator: Any, faces: Faces, groups: pd.DataFrame, edges: Sequence[float]
) -> Report:
    """Score an estimator on labelled faces and write what it got right and wrong."""
    X, y = faces.labelled(estimator.task)
    outputs = estimator.outputs(X)
    report = make_report(estimator.tally(y, outputs), groups)
    write_scores(page, report)
    if is_classifier(estimator):
        said = estimator.classes_[outputs.argmax(axis=1)]
        wrong = said != y
        _write_labels(page, y, said, list(estimator.classes_), outputs)
        columns = dict(zip(estimator.classes_, outputs.T, strict=True))
    else:
        from agr.age.answer import years  # here, since the other tasks do without

        said = years(outputs, estimator.meaning())
        wrong = np.abs(said - y) > CS_YEARS
        _write_ages(page, y, said)
        _write_labels(page, *_ranges(estimator, y, said, outputs, edges))
        columns = {}
    _write_training(page, estimator.history_)
    _write_pictures(page, X, y, said, wrong)
    table = {"picture": X, "true": y, "predicted": said, **columns}
    page.table("predictions", pd.DataFrame(table), "Prediction for every picture", shown=False)
    page.write()
    return report


def _write_ages(page: Page, y: npt.NDArray[Any], said: npt.NDArray[Any]) -> None:
    page.section("Ages")
    page.table("errors", pd.DataFrame([summary(said - y)]), "Predicted minus true age, in years")
    page.plot("predicted_ages", results.predicted_ages, y, said, size=results.SQUARE)
    page.plot("errors", results.error_histogram, y, said)


def _write_labels(
    page: Page,
    y: npt.NDArray[Any],
    said: npt.NDArray[Any],
    labels: list[str],
    probabilities: npt.NDArray[Any] | None = None,
) -> None:
    page.section("Labels")
    rows = results.report_rows(y, said, labels)
    table = pd.DataFrame([{"label": label, **row} for label, row in rows.items()])
    page.table("classification_report", table, "Classification report")
    drawn = {"confusion": results.confusion, "classification_report": results.classification_report}
    for name, draw in drawn.items():
        page.plot(name, draw, y, said, labels, size=results.SQUARE)
    if probabilities is not None:
        for name, curve in {
            "roc": results.roc,
            "precision_recall": results.precision_recall,
        }.items():
            page.plot(name, curve, y, probabilities, labels, size=results.SQUARE)


def _write_training(page: Page, history: list[dict[str, float]]) -> None:
    page.section("Training")
    page.table("history", pd.DataFrame(history), "Epochs; of a recipe those of its last stage")
    for metric in [key for key in history[0] if f"val_{key}" in history[0]]:
        page.plot(f"learning_curve_{metric}", results.learning_curve, history, metric)


def _write_pictures(
    page: Page,
    X: list[str],
    y: npt.NDArray[Any],
    said: npt.NDArray[Any],
    wrong: npt.NDArray[np.bool_],
) -> None:
    chosen = np.sort(np.random.default_rng(0).permutation(len(y))[:SAMPLE])
    form = "{:.0f}" if y.dtype.kind == "f" else "{}"
    captions = [f"{form.format(said[i])}\ntrue: {form.format(y[i])}" for i in chosen]
    off = f"more than {CS_YEARS} years off" if y.dtype.kind == "f" else "wrong"
    page.section("Pictures", [f"Drawn at random; above the prediction, framed where it is {off}."])
    page.pictures(
        "pictures",
        [X[i] for i in chosen],
        captions,
        marked=wrong[chosen],
        title="Predicted and true",
    )


def _ranges(
    estimator: Any,
    y: npt.NDArray[Any],
    said: npt.NDArray[Any],
    outputs: npt.NDArray[Any],
    edges: Sequence[float],
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], list[str]]:
    """Name the range of each true and of each predicted age, and all ranges in their order."""
    bins = getattr(estimator, "age_bins_", None)
    if bins is not None and len(bins) <= MOST_BINS:
        starts, column = bins[:, 0], outputs.argmax(axis=1)
    else:
        starts = np.asarray(edges)
        column = np.searchsorted(starts, np.rint(said), side="right") - 1
    ends = [f" to {end - 1:g}" for end in starts[1:]] + [" and over"]
    names = np.array([f"{start:g}{end}" for start, end in zip(starts, ends, strict=True)])
    return names[np.searchsorted(starts, y, side="right") - 1], names[column], list(names)
