"""What `systems.py` does in a process of its own: train a configuration, or time networks."""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn import metrics as sk

from agr.core import artifact
from agr.core.answers import both_columns
from agr.datasets.faces import Faces, Split
from agr.runs.train import Run, train_run
from agr.tasks import TASKS
from agr.training.batches import ImageStore, decode
from agr.training.networks.registry import BACKBONES
from agr.training.recipes import Recipe

# Sides in pixels that keep the budget small; the least that these trunks take is 75, 71 and 32.
SMALL = {"inception_v3": 80, "xception": 80}
SMALL_SIZE = 64
TIMED_EPOCHS, TIMED_PICTURES, TIMED_VALIDATION = 3, 512, 64
PREDICTED, PREDICT_BATCH, PREDICT_TIMES = 1000, 64, 3


@dataclass(frozen=True)
class Configuration:
    """One training, as ``agr train`` takes it.

    Attributes
    ----------
    system : str
        The published system that it belongs to; see docs/systems.md.
    task, recipe, parameters, min_age
        As in `agr.runs.train.Run`.
    """

    system: str
    task: str
    recipe: str | None
    parameters: dict[str, str] = field(default_factory=dict)
    min_age: int = 0

    @property
    def words(self) -> str:
        """The options of ``agr train`` besides data and output."""
        options = {"recipe": self.recipe, **self.parameters, "min-age": self.min_age}
        return " ".join(f"--{name} {value}" for name, value in options.items() if value)

    @property
    def stages(self) -> list[dict[str, Any]]:
        """Parameters of each stage."""
        recipe = TASKS[self.task].load_recipes()[self.recipe] if self.recipe else Recipe(({},))
        return list(recipe.having(**self.parameters).stages)


@dataclass(frozen=True)
class Budget:
    """What every configuration may use.

    Attributes
    ----------
    folder : Path
        With ``pictures/`` and ``split.csv``.
    pictures, epochs : int
        To learn from, and how often in all stages together.
    imagenet : bool
        Whether trunks start with ImageNet's weights.
    """

    folder: Path
    pictures: int
    epochs: int
    imagenet: bool


def train_configuration(configuration: Configuration, budget: Budget) -> dict[str, Any]:
    """Train one configuration and score it.

    Returns
    -------
    dict
        The row's columns.
    """
    task, stages = configuration.task, configuration.stages
    estimator = TASKS[task].load_estimator()(**stages[0])
    backbone = BACKBONES[estimator.network]
    parameters: dict[str, Any] = {
        **configuration.parameters,
        "epochs": max(1, budget.epochs // len(stages)),
    }
    notes = []
    if backbone.start == "imagenet":
        size = SMALL.get(estimator.network, SMALL_SIZE)
        parameters["image_size"] = size
        notes.append(f"{size} pixels instead of {backbone.native_size}")
        if not budget.imagenet:
            parameters["weights"] = None
            notes.append("random start instead of ImageNet's weights")
    peaks = []

    def say(line: str) -> None:
        if line.startswith("epoch"):
            peaks.append(peak_mib())

    with tempfile.TemporaryDirectory() as scratch:
        run = Run(
            task=task,
            data=budget.folder / "pictures",
            output=Path(scratch) / "model",
            recipe=configuration.recipe,
            parameters=parameters,
            min_age=configuration.min_age,
            split=budget.folder / "split.csv",
            checkpoint=Path(scratch) / "state",
        )
        report = train_run(run, say)
        fitted = TASKS[task].load_estimator().load(run.output)
        earlier = [run.checkpoint / f"{task}-{number}-model" for number in range(1, len(stages))]
        histories = [
            artifact.read_manifest(folder, task)["history"] for folder in (*earlier, run.output)
        ]
    if len(stages) > 1:
        each = " and ".join(f"{mean_seconds(history):.1f}" for history in histories)
        notes.append(f"the stages' epochs took {each} s")
    parts = Split.read_csv(run.split, run.data)
    learned = parts.train.at_least(configuration.min_age) if configuration.min_age else parts.train
    return {
        "network": estimator.network,
        "image_size": fitted.image_size_,
        "start": start_of(backbone.start, parameters.get("weights", estimator.weights)),
        "parameters": fitted.model_.count_params(),
        "epochs": sum(map(len, histories)),
        "pictures": len(learned),
        "seconds_per_epoch": round(mean_seconds(sum(histories, [])), 2),
        "memory_mib": peaks[-1],
        **scores_of(fitted, report.overall, parts.test),
        "note": "; ".join(notes),
    }


def start_of(known: str | None, weights: str | None) -> str:
    """Name the starting weights."""
    if known is None or weights is None:
        return "random"
    return "packaged" if known == "auto" else known


def scores_of(fitted: Any, overall: dict[str, float], faces: Any) -> dict[str, float]:
    """Choose the table's scores; gender's second label counts as the positive one."""
    if fitted.task == "age":
        names = {"age_mae": "mae", "age_bin_accuracy": "bin_accuracy"}
        names["age_one_off_accuracy"] = "one_off_accuracy"
    elif fitted.task == "race":
        names = {"race_accuracy": "accuracy", "race_macro_f1": "macro_f1"}
    else:
        names = {"gender_accuracy": "accuracy"}
    scores = {column: overall[name] for column, name in names.items() if name in overall}
    if fitted.task == "gender":
        X, y = faces.labelled("gender")
        chances = fitted.predict_proba(X)
        positive = fitted.classes_[1]
        predicted = fitted.classes_[chances.argmax(axis=1)]
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            y, predicted, pos_label=positive, average="binary", zero_division=0
        )
        scores |= {"gender_precision": precision, "gender_recall": recall, "gender_f1": f1}
        scores["gender_auc"] = sk.roc_auc_score(y == positive, chances[:, 1])
    return {column: round(float(value), 4) for column, value in scores.items()}


def time_networks(network: str, joint: bool, budget: Budget) -> dict[str, Any]:
    """Time training and prediction of one network with three heads, or of three networks.

    Both learn the same pictures with the same code and settings; the first epoch, which compiles,
    and a first prediction are not counted.

    Returns
    -------
    dict
        The row's columns.
    """
    from agr.training import loop
    from agr.training.balancing import show_all
    from agr.training.fitting import make_settings
    from agr.training.networks import build as networks

    parts = Split.read_csv(budget.folder / "split.csv", budget.folder / "pictures")
    complete = parts.train.table[list(TASKS)].notna().all(axis=1)
    faces = parts.train.take(np.flatnonzero(complete)[:TIMED_PICTURES])
    held_out = parts.test.take(np.arange(len(parts.test))[:TIMED_VALIDATION])
    estimators = {
        task: TASKS[task].load_estimator()(network=network, epochs=TIMED_EPOCHS) for task in TASKS
    }
    for task, estimator in estimators.items():
        estimator.learn_labels(faces.labelled(task)[1])
    size = networks.native_size(network)
    store = ImageStore(faces.paths, round(size * loop.STORE_MARGIN))
    held = decode(held_out.paths, size)
    shown = ImageStore(parts.test.paths[:PREDICTED], size)
    images = shown[np.arange(len(shown))]
    n_parameters, epoch_seconds, predict_seconds = 0, 0.0, 0.0
    for group in [list(TASKS)] if joint else [[task] for task in TASKS]:
        learned = {task: estimators[task] for task in group}
        widths = {task: width_of(estimator) for task, estimator in learned.items()}
        sample = learned[group[0]]
        with loop.seeded(0), tempfile.TemporaryDirectory() as scratch:
            model = joint_network(size, widths, sample)
            history = loop.train(
                model,
                joint_loss,
                [],
                loop.Lessons(store, joint_targets(faces, learned), show_all(len(faces))),
                (held, joint_targets(held_out, learned)),
                make_settings(sample, 0),
                image_size=size,
                directory=Path(scratch),
                fingerprint="",
                callbacks=[],
            )
        n_parameters += model.count_params()
        epoch_seconds += mean_seconds(history[1:])
        predict_seconds += best_seconds(
            lambda model=model: model.predict(images, batch_size=PREDICT_BATCH, verbose=0)
        )
    return {
        "image_size": size,
        "parameters": n_parameters,
        "pictures": len(faces),
        "seconds_per_epoch": round(epoch_seconds, 2),
        "seconds_per_1000_predictions": round(predict_seconds * 1000 / len(images), 2),
        "memory_mib": peak_mib(),
    }


def mean_seconds(history: list[dict[str, float]]) -> float:
    """Mean seconds of an epoch."""
    return float(np.mean([record["seconds"] for record in history]))


def best_seconds(work: Callable[[], object]) -> float:
    """Least seconds of several calls, after one that is not counted."""
    work()
    seconds = []
    for _ in range(PREDICT_TIMES):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def peak_mib() -> int:
    """Most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def width_of(estimator: Any) -> int:
    """Count a task's probabilities: both of two labels, whose network has one output."""
    kind, n_outputs = estimator.last_layer()
    return 2 if kind == "sigmoid" else int(n_outputs)


def joint_targets(faces: Faces, estimators: dict[str, Any]) -> np.ndarray:
    """Put the tasks' targets side by side; a missing label is a row of zeros."""
    parts = []
    for task, estimator in estimators.items():
        width = width_of(estimator)
        smoothing = getattr(estimator, "label_smoothing", 0.0)
        part = np.zeros((len(faces), width), np.float32)
        labels = both_columns(estimator.targets(faces.labelled(task)[1]))
        part[faces.table[task].notna()] = (1 - smoothing) * labels + smoothing / width
        parts.append(part)
    return np.concatenate(parts, axis=1)


def joint_network(size: int, widths: dict[str, int], sample: Any) -> keras.Model:
    """Build a network with one trunk and a head for each task."""
    from agr.training.networks import build as networks

    base = networks.build(
        sample.network,
        size,
        weights="auto",
        dropout=sample.dropout,
        last_layer=("years", 1),
        task="teacher",
    )
    features = base.get_layer("logits").input
    answers = [
        keras.layers.Dense(width, activation="softmax", name=task)(features)
        for task, width in widths.items()
    ]
    side_by_side = keras.layers.Concatenate(name="answers")(answers)
    return keras.Model(base.inputs[0], side_by_side, name="teacher")


def joint_loss(y_true: Any, y_pred: Any) -> Any:
    """Sum the tasks' cross-entropies, as ``compile`` takes it."""
    return -keras.ops.sum(y_true * keras.ops.log(y_pred + 1e-7), axis=-1)
