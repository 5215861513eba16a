"""From checked pictures and labels to a trained network: what ``fit`` and ``partial_fit`` share."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.errors import ParameterError
from agr.training import loop
from agr.training.augmentation import make_augmentation
from agr.training.balancing import Plan
from agr.training.batches import ImageStore, check_images, hold_out, join, raw_bytes, take_rows
from agr.training.losses import make_loss
from agr.training.parameters import check_weights, plain

if TYPE_CHECKING:
    from agr.training.estimator import ImageEstimator

SOFT_SHARE = 0.7  # of a teacher's probabilities in what is learned of a labelled picture

Floats = npt.NDArray[np.float32]
Teacher = Callable[[Pixels, npt.NDArray[np.intp]], Floats]


@dataclass(frozen=True)
class Given:
    """A teacher that has answered before: probabilities of shape (n, k)."""

    answers: Floats

    def __call__(self, pictures: Pixels, rows: npt.NDArray[np.intp]) -> Floats:
        """Give those of some pictures, however they are changed."""
        return self.answers[rows]


@dataclass(frozen=True)
class Part:
    """Labelled pictures to learn from, and what a teacher says of them."""

    X: Any
    y: npt.NDArray[Any]
    weights: npt.NDArray[np.float64]
    soft: Teacher | None = None
    unlabelled: Any = ()

    @classmethod
    def make(
        cls, X: Any, y: npt.NDArray[Any], weights: Any, soft: Any = None, unlabelled: Any = None
    ) -> "Part":
        """Check the weights and the teacher, and take everything together."""
        if unlabelled is not None and not callable(soft):
            raise ParameterError("unlabelled pictures need soft_labels that can be asked.")
        if soft is not None and not callable(soft):
            given = np.asarray(soft, dtype=np.float32)
            if given.shape[:1] != (len(y),):
                raise ParameterError(
                    f"soft_labels must hold a row for each of {len(y)} pictures, "
                    f"got shape {given.shape}."
                )
            soft = Given(given)
        more = () if unlabelled is None else check_images(unlabelled)
        return cls(X, y, check_weights(weights, len(y)), soft, more)

    def parted(self, seed: int) -> tuple["Part", tuple[Any, npt.NDArray[Any]]]:
        """Hold out a tenth of the labelled pictures, for validation."""
        kept, held = hold_out(len(self.y), seed)
        soft = self.soft
        if isinstance(soft, Given):
            soft = Given(soft.answers[kept])
        elif soft is not None:
            rows = np.append(kept, np.arange(len(self.unlabelled)) + len(self.y))
            soft = partial(_ask_some, soft, rows)
        rest = Part(take_rows(self.X, kept), self.y[kept], self.weights[kept], soft)
        rest = replace(rest, unlabelled=self.unlabelled)
        return rest, (take_rows(self.X, held), self.y[held])


def _ask_some(
    teacher: Teacher, kept: npt.NDArray[np.intp], pictures: Pixels, rows: npt.NDArray[np.intp]
) -> Floats:
    return teacher(pictures, kept[rows])


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
    weights = part.weights[plan.rows] * plan.weights
    if not weights.any():
        raise ParameterError("sample_weight is 0 for every picture that is left to learn from.")
    # Sample weights are normalized so that they change the balance, not the learning rate.
    plan = replace(plan, weights=weights / weights.mean())
    X, n_more = part.X, len(part.unlabelled)
    if n_more:
        X = join(part.X, part.unlabelled)
        plan = plan.with_more(len(part.y), n_more)
        targets = np.concatenate([targets, np.zeros((n_more, *targets.shape[1:]), np.float32)])

    def teach(pictures: Pixels, rows: npt.NDArray[np.intp], labels: Floats) -> Floats:
        assert part.soft is not None
        said = estimator.soft_targets(part.soft(pictures, rows))
        share = np.where(rows < len(part.y), SOFT_SHARE, 1)[:, None].astype(np.float32)
        return (1 - share) * labels + share * said

    # What cannot be learned shows before every picture is decoded.
    if isinstance(part.soft, Given):
        estimator.soft_targets(part.soft.answers)
    elif part.soft is not None:
        first = np.zeros((1, size, size, 3), np.uint8)
        estimator.soft_targets(part.soft(first, np.zeros(1, np.intp)))
    validation = None
    if held_out is not None:
        validation = held_out[0], estimator.targets(held_out[1])
    with tempfile.TemporaryDirectory() as scratch:
        history = loop.train(
            model,
            make_loss(estimator.loss, estimator.losses(), **estimator._loss_options()),
            estimator._metrics(),
            loop.Lessons(
                ImageStore(X, store_size), targets, plan, None if part.soft is None else teach
            ),
            validation,
            make_settings(estimator, seed),
            image_size=size,
            directory=Path(directory or scratch),
            fingerprint=_fingerprint(estimator, X, targets, part, plan, validation),
            callbacks=list(callbacks),
        )
    strategy.finish(model, part, size, seed)
    return history


def _fingerprint(
    estimator: "ImageEstimator",
    X: Any,
    targets: npt.NDArray[np.float32],
    part: Part,
    plan: Plan,
    validation: tuple[Any, Any] | None,
) -> str:
    """Name a training, so that a state is not taken for that of another."""
    digest = hashlib.sha256(json.dumps(plain(estimator.get_params(deep=False))).encode())
    if hasattr(estimator, "model_"):  # what it learns depends on what it goes on from
        for weight in estimator.model_.get_weights():
            digest.update(raw_bytes(weight))
    given = (part.soft.answers,) if isinstance(part.soft, Given) else ()
    for data in (X, targets, *given, plan.rows, plan.weights, *(validation or ())):
        digest.update(raw_bytes(data))
    return digest.hexdigest()
