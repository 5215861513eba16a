"""Soft labels for one task from networks that were taught all tasks at once.

What a picture shows of one task helps to learn another, so the teachers have one trunk and a head
per task. The training pictures are cut into folds; each fold's soft labels come from a teacher that
learned the other folds only, so that a wrong label is not repeated to the one who learns from it.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from agr.core.answers import both_columns
from agr.datasets.faces import Faces
from agr.training import loop
from agr.training.augmentation import make_augmentation
from agr.training.balancing import show_all
from agr.training.batches import PREDICT_BATCH, ImageStore, decode, take_rows
from agr.training.networks import build as networks
from agr.training.recipes import Teaching

Floats = npt.NDArray[np.float32]


def teach(
    faces: Faces,
    held_out: Faces,
    estimators: dict[str, Any],
    folder: Path,
    how: Teaching,
    *,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, Floats]:
    """Give each picture the answers of a network that did not learn from it.

    The folder keeps the state of the trainings, which the same call resumes; ``start-TASK.npz``
    there is the first teacher's network for one task, as starting weights. Gives probabilities of
    shape (n, k) by task, in the order of ``faces``.
    """
    sample = next(iter(estimators.values()))
    size = sample.image_size or networks.native_size(sample.network)
    for task, estimator in estimators.items():
        estimator.learn_labels(faces.labelled(task)[1])
    widths = {task: width_of(estimator) for task, estimator in estimators.items()}
    targets, held_targets = (joint_targets(part, estimators) for part in (faces, held_out))
    held = decode(held_out.paths, size)
    settings = loop.Settings(
        epochs=how.epochs,
        batch_size=sample.batch_size,
        learning_rate=how.learning_rate,
        weight_decay=sample.weight_decay,
        schedule="cosine",
        warmup=sample.warmup,
        patience=None,
        augmentation=make_augmentation(how.augmentation),
        seed=seed,
    )
    fold_of = np.random.default_rng(seed).permutation(len(faces)) % how.teachers
    soft = np.zeros_like(targets)
    for fold in range(how.teachers):
        learned, unseen = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        say(f"teacher {fold + 1} of {how.teachers}: {len(learned)} pictures")
        store = ImageStore(take_rows(faces.paths, learned), round(size * loop.STORE_MARGIN))
        with loop.seeded(seed + fold):
            model = joint_network(size, widths, sample)
        loop.train(
            model,
            joint_loss,
            [],
            loop.Lessons(store, targets[learned], show_all(len(learned))),
            (held, held_targets),
            settings,
            image_size=size,
            directory=folder / f"teacher-{fold + 1}",
            fingerprint=hashlib.sha256(targets[learned].tobytes()).hexdigest(),
            callbacks=[loop.say_epochs(how.epochs, say)],
        )
        rest = ImageStore(take_rows(faces.paths, unseen), size)
        soft[unseen] = _predict(model, rest[np.arange(len(unseen))])
        if fold == 0:
            _write_starts(model, list(widths), folder)
    cuts = np.cumsum(list(widths.values()))[:-1]
    return dict(zip(widths, np.split(soft, cuts, axis=1), strict=True))


def width_of(estimator: Any) -> int:
    """Count a task's probabilities: both of two labels, whose network has one output."""
    kind, n_outputs = estimator.last_layer()
    return 2 if kind == "sigmoid" else int(n_outputs)


def joint_targets(faces: Faces, estimators: dict[str, Any]) -> Floats:
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


def _predict(model: keras.Model, images: npt.NDArray[np.uint8]) -> Floats:
    """Average the answers on the pictures and their mirror images."""
    both = [
        model.predict(x, batch_size=PREDICT_BATCH, verbose=0) for x in (images, images[:, :, ::-1])
    ]
    return np.asarray((both[0] + both[1]) / 2, np.float32)


def _write_starts(model: keras.Model, tasks: list[str], folder: Path) -> None:
    """Write a file of starting weights for each task: the trunk and its head."""
    for task in tasks:
        arrays: dict[str, Any] = {}
        for layer in model.layers:
            name = "logits" if layer.name == task else layer.name
            if name not in tasks:
                found = {v.name: keras.ops.convert_to_numpy(v) for v in layer.weights}
                if name == "logits" and layer.units == 2:  # as the network of the task has it
                    found = {key: v[..., 1:] - v[..., :1] for key, v in found.items()}
                arrays |= {f"{name}/{key}": v for key, v in found.items()}
        np.savez(folder / f"start-{task}.npz", **arrays)
