"""From checked pictures and labels to a trained network: what ``fit`` and ``partial_fit`` share."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from agr.errors import ParameterError
from agr.training import loop as training
from agr.training import smote
from agr.training.augmentation import make_augmentation
from agr.training.balancing import Plan
from agr.training.batches import PREDICT_BATCH, ImageStore, decode, hold_out, raw_bytes, take_rows
from agr.training.parameters import check_weights, plain, soft_labels_like

SOFT_SHARE = 0.5  # of a teacher's probabilities in what is learned
SMOTES = ("smote", "smote_pixels")


@dataclass(frozen=True)
class Part:
    """Labelled pictures to learn from.

    Parameters
    ----------
    X, y
        Checked.
    weights : array of shape (n,)
        The caller's.
    soft : array of shape (n, k), optional
        A teacher's probabilities.
    """

    X: Any
    y: npt.NDArray[Any]
    weights: npt.NDArray[np.float64]
    soft: npt.NDArray[np.float32] | None = None

    @classmethod
    def make(cls, X: Any, y: npt.NDArray[Any], weights: Any, soft: Any = None) -> "Part":
        """Check the weights and take everything together."""
        soft = None if soft is None else np.asarray(soft, dtype=np.float32)
        if soft is not None and soft.shape[:1] != (len(y),):
            raise ParameterError(
                f"soft_labels must hold a row for each of {len(y)} pictures, "
                f"got shape {soft.shape}."
            )
        return cls(X, y, check_weights(weights, len(y)), soft)

    def parted(self, seed: int) -> tuple["Part", tuple[Any, npt.NDArray[Any]]]:
        """Hold out a tenth of the pictures, for validation."""
        kept, held = hold_out(len(self.y), seed)
        soft = None if self.soft is None else self.soft[kept]
        rest = Part(take_rows(self.X, kept), self.y[kept], self.weights[kept], soft)
        return rest, (take_rows(self.X, held), self.y[held])


def make_recipe(estimator: Any, seed: int) -> training.Recipe:
    """Take the training's settings from an estimator's parameters."""
    return training.Recipe(
        epochs=estimator.epochs,
        batch_size=estimator.batch_size,
        learning_rate=estimator.learning_rate,
        weight_decay=estimator.weight_decay,
        schedule=estimator.schedule,
        warmup=estimator.warmup,
        patience=estimator.patience,
        augmentation=make_augmentation(estimator.augmentation),
        seed=seed,
    )


def train_network(
    estimator: Any,
    model: keras.Model,
    part: Part,
    held_out: tuple[Any, npt.NDArray[Any]] | None,
    seed: int,
    directory: str | os.PathLike[str] | None,
    callbacks: Sequence[Any],
) -> list[dict[str, float]]:
    """Train a network as an estimator's parameters say.

    Parameters
    ----------
    estimator : ImageEstimator
        Knows its labels and ``image_size_``.
    model : keras.Model
        From `agr.training.networks.build.build`; altered.
    part : Part
        To learn from.
    held_out : tuple (X, y) or None
        Chooses the best epoch; its pictures have ``image_size_`` pixels. Without it the last
        epoch's weights stay.
    seed : int
        Repeats balancing, order and augmentation.
    directory : path or None
        Keeps the state.
    callbacks : sequence of keras callbacks
        Called after each epoch.

    Returns
    -------
    list of dict
        What ``history_`` holds.
    """
    size = estimator.image_size_
    if estimator.balance in SMOTES:  # of which one comes after hours of training
        smote.check(part.y)
    recipe = make_recipe(estimator, seed)
    store_size = round(size * training.STORE_MARGIN)
    if estimator.balance == "smote_pixels":
        part = _with_made_up_pictures(part, size, store_size, seed)
    plan = estimator._plan(part.y, seed)
    targets = estimator._targets(part.y)
    if part.soft is not None:
        soft = soft_labels_like(targets, part.soft)
        targets = (1 - SOFT_SHARE) * targets + SOFT_SHARE * soft
    weights = part.weights[plan.rows] * plan.weights
    if not weights.any():
        raise ParameterError("sample_weight is 0 for every picture that is left to learn from.")
    # Sample weights are normalized so that they change the balance, not the learning rate.
    plan = replace(plan, weights=weights / weights.mean())
    validation = None
    if held_out is not None:
        validation = held_out[0], estimator._targets(held_out[1])
    loss, metrics = estimator._loss()
    with tempfile.TemporaryDirectory() as scratch:
        history = training.train(
            model,
            loss,
            metrics,
            training.Lessons(ImageStore(part.X, store_size), targets, plan),
            validation,
            recipe,
            image_size=size,
            directory=Path(directory or scratch),
            fingerprint=_fingerprint(estimator, part.X, targets, plan, validation),
            callbacks=list(callbacks),
        )
    if estimator.balance == "smote":
        trunk = keras.Model(model.inputs[0], model.get_layer("logits").input)
        features = trunk.predict(decode(part.X, size), batch_size=PREDICT_BATCH, verbose=0)
        smote.refit_head(model, features, part.y, part.weights, seed)
    return history


def _fingerprint(
    estimator: Any,
    X: Any,
    targets: npt.NDArray[np.float32],
    plan: Plan,
    validation: tuple[Any, Any] | None,
) -> str:
    """Name a training, so that a state is not taken for that of another."""
    digest = hashlib.sha256(json.dumps(plain(estimator.get_params(deep=False))).encode())
    if hasattr(estimator, "model_"):  # what it learns depends on what it goes on from
        for weight in estimator.model_.get_weights():
            digest.update(np.ascontiguousarray(weight))
    for part in (X, targets, plan.rows, plan.weights, *(validation or ())):
        digest.update(raw_bytes(part))
    return digest.hexdigest()


def _with_made_up_pictures(part: Part, size: int, store_size: int, seed: int) -> Part:
    if part.soft is not None:
        raise ParameterError("soft_labels are for real pictures; balance='smote_pixels' makes up.")
    if size > smote.LARGEST_SIDE:
        raise ParameterError(
            f"balance='smote_pixels' is for pictures of at most {smote.LARGEST_SIDE} pixels, got "
            f"{size}; choose a smaller image_size, or balance='smote'."
        )
    images, y = smote.smote_images(decode(part.X, store_size), part.y, seed)
    weights = np.append(part.weights, np.full(len(y) - len(part.y), part.weights.mean()))
    return Part(images, y, weights)
