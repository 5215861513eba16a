"""From checked pictures and labels to a trained network: what ``fit`` and ``partial_fit`` share."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from agr.errors import ParameterError
from agr.training import loop
from agr.training.augmentation import make_augmentation
from agr.training.balancing import Plan
from agr.training.batches import ImageStore, hold_out, raw_bytes, take_rows
from agr.training.losses import make_loss
from agr.training.parameters import check_weights, plain

if TYPE_CHECKING:
    from agr.training.estimator import ImageEstimator

SOFT_SHARE = 0.5  # of a teacher's probabilities in what is learned


@dataclass(frozen=True)
class Part:
    """Labelled pictures to learn from."""

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


def make_settings(estimator: "ImageEstimator", seed: int) -> loop.Settings:
    """Take the training's settings from an estimator's parameters."""
    return loop.Settings(
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
    estimator: "ImageEstimator",
    model: keras.Model,
    part: Part,
    held_out: tuple[Any, npt.NDArray[Any]] | None,
    seed: int,
    directory: str | os.PathLike[str] | None,
    callbacks: Sequence[Any],
) -> list[dict[str, float]]:
    """Train a network as an estimator's parameters say."""
    size, strategy = estimator.image_size_, estimator.strategy()
    strategy.check(part.y)  # of which some come after hours of training
    store_size = round(size * loop.STORE_MARGIN)
    part = strategy.prepare(part, size, store_size, seed)
    plan = strategy.plan(part.y, seed)
    targets = estimator.targets(part.y)
    if part.soft is not None:
        targets = (1 - SOFT_SHARE) * targets + SOFT_SHARE * estimator.soft_targets(part.soft)
    weights = part.weights[plan.rows] * plan.weights
    if not weights.any():
        raise ParameterError("sample_weight is 0 for every picture that is left to learn from.")
    # Sample weights are normalized so that they change the balance, not the learning rate.
    plan = replace(plan, weights=weights / weights.mean())
    validation = None
    if held_out is not None:
        validation = held_out[0], estimator.targets(held_out[1])
    with tempfile.TemporaryDirectory() as scratch:
        history = loop.train(
            model,
            make_loss(estimator.loss, estimator.losses(), **estimator._loss_options()),
            estimator._metrics(),
            loop.Lessons(ImageStore(part.X, store_size), targets, plan),
            validation,
            make_settings(estimator, seed),
            image_size=size,
            directory=Path(directory or scratch),
            fingerprint=_fingerprint(estimator, part.X, targets, plan, validation),
            callbacks=list(callbacks),
        )
    strategy.finish(model, part, size, seed)
    return history


def _fingerprint(
    estimator: "ImageEstimator",
    X: Any,
    targets: npt.NDArray[np.float32],
    plan: Plan,
    validation: tuple[Any, Any] | None,
) -> str:
    """Name a training, so that a state is not taken for that of another."""
    digest = hashlib.sha256(json.dumps(plain(estimator.get_params(deep=False))).encode())
    if hasattr(estimator, "model_"):  # what it learns depends on what it goes on from
        for weight in estimator.model_.get_weights():
            digest.update(raw_bytes(weight))
    for part in (X, targets, plan.rows, plan.weights, *(validation or ())):
        digest.update(raw_bytes(part))
    return digest.hexdigest()
