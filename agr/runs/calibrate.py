"""The calibration of a saved model fitted anew, as the command line offers it; trains nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.age.answer import intervals, years
from agr.age.calibration import fit_ages
from agr.core import artifact
from agr.core.answers import both_columns, rescaled
from agr.core.images import read_image, resize
from agr.engines.engine import Engine
from agr.errors import ArtifactError, LabelError, ParameterError
from agr.evaluation.metrics import classification_metrics, regression_metrics
from agr.evaluation.selective import threshold_at_most_wrong
from agr.runs.selection import Selection
from agr.tasks import TASKS
from agr.training.calibration import corrupted_copies, fit_rescale
from agr.training.card import model_card

BATCH = 64
LEAST = 100  # pictures
FOLDS = 5

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Kind:
    """How answers of a kind are calibrated, put into columns, and scored."""

    fit: Callable[[Floats, npt.NDArray[Any], artifact.Manifest, int], dict[str, Any]]
    say: Callable[[Floats, dict[str, Any], dict[str, Any]], Floats]
    score: Callable[[npt.NDArray[Any], Floats, artifact.Manifest], dict[str, float]]


def _fit_ages(
    outputs: Floats, y: npt.NDArray[Any], manifest: artifact.Manifest, n_clean: int
) -> dict[str, Any]:
    return fit_ages(outputs, y, manifest["meaning"], n_clean)


def _say_ages(outputs: Floats, meaning: dict[str, Any], calibration: dict[str, Any]) -> Floats:
    ends = intervals(outputs, meaning, calibration)
    return np.column_stack([years(outputs, meaning, calibration), ends])


def _score_ages(y: npt.NDArray[Any], said: Floats, _: artifact.Manifest) -> dict[str, float]:
    ages, low, high = said.T
    return {
        **regression_metrics(y, ages),
        "coverage": float(((low <= y) & (y <= high)).mean()),
        "interval_years": float((high - low).mean()),
    }


def _fit_labels(
    outputs: Floats, y: npt.NDArray[Any], manifest: artifact.Manifest, _: int
) -> dict[str, Any]:
    now = _say_labels(outputs, manifest["meaning"], manifest["calibration"])
    columns = np.searchsorted(manifest["meaning"]["labels"], y)
    fitted = fit_rescale(now, columns, manifest["calibration"])
    # A threshold that was found before belongs to the probabilities as they were.
    return {name: value for name, value in fitted.items() if name != "min_confidence"}


def _say_labels(outputs: Floats, _: dict[str, Any], calibration: dict[str, Any]) -> Floats:
    return rescaled(both_columns(outputs), calibration)


def _score_labels(
    y: npt.NDArray[Any], said: Floats, manifest: artifact.Manifest
) -> dict[str, float]:
    scores = classification_metrics(y, said, tuple(manifest["meaning"]["labels"]))
    return {name: scores[name] for name in ("accuracy", "log_loss", "ece")}


AGES = _Kind(_fit_ages, _say_ages, _score_ages)
LABELS = _Kind(_fit_labels, _say_labels, _score_labels)


@dataclass(frozen=True)
class Calibrated:
    """What a calibration was fitted to, and how well one like it holds.

    Attributes
    ----------
    task : str
        Of the model.
    n, n_corrupted : int
        Pictures, and corrupted copies of some of them.
    before, after : dict of str to float
        Scores of the pictures as they are; those after by calibrations that were each fitted
        without a fifth of the pictures, and scored on it.
    min_confidence : float or None
        Threshold for the wanted share of wrong answers, where one was wanted.
    answered : float or None
        Share of the pictures whose answer is as sure as that.
    """

    task: str
    n: int
    n_corrupted: int
    before: dict[str, float]
    after: dict[str, float]
    min_confidence: float | None = None
    answered: float | None = None


def calibrate_run(
    model: Path,
    selection: Selection,
    output: Path | None = None,
    part: str = "all",
    *,
    corrupted: float = 0.0,
    at_most_wrong: float | None = None,
) -> Calibrated:
    """Fit the calibration of a saved model to labelled pictures, and save it.

    Parameters
    ----------
    model : Path
        Saved model. It answers through ONNX Runtime, as it will when it is used.
    selection : Selection
        Labelled pictures that it has not learned from.
    output : Path, optional
        Folder for the calibrated copy; default: the model is replaced.
    part : {"all", "train", "validation", "test"}, default="all"
        Of the split, what to fit to.
    corrupted : float, default=0
        Share of the pictures of which a corrupted copy is added; see `AgeEstimator.calibrate`.
    at_most_wrong : float, optional
        Share of wrong answers for which to find the least confidence. It is saved with the model,
        and used where `agr.Predictor` is given none.

    Returns
    -------
    Calibrated
        With scores before and after.

    Raises
    ------
    ArtifactError, DatasetError, LabelError, ParameterError
        The message says what was expected, what came and what to do.
    """
    task = task_of(model)
    if at_most_wrong is not None and TASKS[task].labels is None:
        raise ParameterError(
            f"at_most_wrong is for labels, and {task} is a number; agr.Predictor's max_interval "
            "leaves out what is too uncertain."
        )
    if output is not None:
        artifact.check_output(output)
    engine = Engine(model, task)
    faces = selection.read()
    faces = selection.chosen(faces) if part == "all" else getattr(selection.parts(faces), part)
    X, y = faces.having(task).labelled(task)
    if len(y) < LEAST:
        raise LabelError(
            f"{len(y)} pictures in {selection.data} have the label {task}; at least {LEAST} are "
            "needed to calibrate."
        )
    copies, rows = corrupted_copies(X, engine.image_size, corrupted)
    outputs = np.concatenate([_outputs(engine, X), _outputs(engine, copies)])
    owners = np.concatenate([np.arange(len(y)), rows])
    kind = AGES if TASKS[task].labels is None else LABELS
    truth = np.asarray(y)[owners]
    calibration = kind.fit(outputs, truth, engine.manifest, len(y))
    before = kind.say(outputs[: len(y)], engine.manifest["meaning"], engine.manifest["calibration"])
    after = _held_out(kind, outputs, truth, engine.manifest, owners, len(y))
    old, new = (kind.score(truth[: len(y)], said, engine.manifest) for said in (before, after))
    threshold, answered = None, None
    if at_most_wrong is not None:
        said = np.asarray(engine.manifest["meaning"]["labels"])[after.argmax(axis=1)]
        sure = after.max(axis=1)
        threshold = threshold_at_most_wrong(sure, said != truth[: len(y)], at_most_wrong)
        if threshold is None:
            raise ParameterError(
                f"No confidence keeps the share of wrong answers at {at_most_wrong:.2%} on these "
                f"{len(y)} pictures; allow more, or give more pictures."
            )
        calibration["min_confidence"], answered = threshold, float((sure >= threshold).mean())

    def change(folder: Path, manifest: artifact.Manifest) -> None:
        manifest["calibration"] = calibration
        manifest["notes"]["calibrated"] = f"{len(y)} pictures, {len(rows)} corrupted copies"
        (folder / artifact.CARD).write_text(model_card(manifest))

    artifact.rewrite(model, output or model, change, task)
    return Calibrated(task, len(y), len(rows), old, new, threshold, answered)


def task_of(model: Path) -> str:
    """Read which task a saved model is for."""
    path = model / artifact.MANIFEST
    try:
        task = json.loads(path.read_bytes())["task"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        task = None
    if not isinstance(task, str) or task not in TASKS:
        raise ArtifactError(f"{model} is no saved model of {', '.join(TASKS)}.")
    return task


def _outputs(engine: Engine, X: Any) -> Floats:
    batches = [
        engine(np.stack([resize(read_image(x), engine.image_size) for x in X[at : at + BATCH]]))
        for at in range(0, len(X), BATCH)
    ]
    return np.concatenate([engine.trial[:0], *batches])


def _held_out(
    kind: _Kind,
    outputs: Floats,
    truth: npt.NDArray[Any],
    manifest: artifact.Manifest,
    owners: npt.NDArray[np.intp],
    n: int,
) -> Floats:
    """Say of each picture what calibrations fitted without it, and its copies, would."""
    folds = np.random.default_rng(0).permutation(n) % FOLDS
    parts, places = [], []
    for fold in range(FOLDS):
        learned, held = np.flatnonzero(folds[owners] != fold), np.flatnonzero(folds == fold)
        n_clean = int((learned < n).sum())
        calibration = kind.fit(outputs[learned], truth[learned], manifest, n_clean)
        parts.append(kind.say(outputs[held], manifest["meaning"], calibration))
        places.append(held)
    return np.asarray(np.concatenate(parts)[np.argsort(np.concatenate(places))])
