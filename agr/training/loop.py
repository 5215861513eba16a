"""The fit loop: seeded batches, schedules, early stopping, and a state that survives a kill."""

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.errors import ParameterError, TrainingError
from agr.training.augmentation import NONE, Augmentation
from agr.training.balancing import Plan
from agr.training.batches import ImageStore

Floats = npt.NDArray[np.float32]
PLATEAU_EPOCHS, PLATEAU_FACTOR = 2, 0.3
LEAST_MOMENTUM, MOST_MOMENTUM = 0.9, 0.97  # of batch normalizations
STORE_MARGIN = 8 / 7  # pictures are kept this much larger than the network's input, to zoom into


@dataclass(frozen=True)
class Settings:
    """How a network is trained; see `agr.training.estimator.ImageEstimator` for each parameter."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup: float
    patience: int | None
    augmentation: Augmentation
    seed: int

    def steps(self, lessons: "Lessons") -> int:
        """Count the batches of an epoch."""
        return max(1, len(lessons.plan) // self.batch_size)


@dataclass(frozen=True)
class Lessons:
    """What there is to learn: pictures, their targets of shape (n, k), and what an epoch shows.

    ``teach`` turns changed copies, the places of their pictures and their targets into what is
    learned from these copies.
    """

    store: ImageStore
    targets: npt.NDArray[np.float32]
    plan: Plan
    teach: Callable[[Pixels, npt.NDArray[np.intp], Floats], Floats] | None = None


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented training batches; what an epoch holds depends on seed and epoch only."""

    def __init__(
        self,
        lessons: Lessons,
        image_size: int,
        settings: Settings,
        epoch: int,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=16)
        self._lessons, self._size, self._settings = lessons, image_size, settings
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self._epoch = epoch
        self._order = self._lessons.plan.order(np.random.default_rng((self._settings.seed, epoch)))

    def __len__(self) -> int:
        return self._settings.steps(self._lessons)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        first, plan = index * self._settings.batch_size, self._lessons.plan
        shown = self._order[first : first + self._settings.batch_size]
        rows = plan.rows[shown]
        images = np.stack(
            [
                (self._settings.augmentation if augmented else NONE).apply(
                    image,
                    self._size,
                    # Seeded by the place in the epoch, so that no two copies are changed alike.
                    np.random.default_rng((self._settings.seed, self._epoch, place)),
                )
                for place, (image, augmented) in enumerate(
                    zip(self._lessons.store[rows], plan.augmented[shown], strict=True), first
                )
            ]
        )
        targets = self._lessons.targets[rows]
        if self._lessons.teach is not None:
            targets = self._lessons.teach(images, rows, targets)
        return images, targets, plan.weights[shown].astype(np.float32)

    def on_epoch_end(self) -> None:
        """Go on with the next epoch's order."""
        self._start(self._epoch + 1)


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps history, the best weights and the last state; stops early; resumes from a folder."""

    def __init__(self, directory: Path, fingerprint: str, settings: Settings) -> None:
        super().__init__()
        self._directory, self._settings = directory, settings
        self._fingerprint = fingerprint
        self.history: list[dict[str, float]] = []
        self.done = False

    @property
    def _best(self) -> int:
        # Without validation pictures every epoch counts as better than the one before.
        return min(range(len(self.history)), key=lambda i: self.history[i].get("val_loss", -i))

    def restore(self, model: keras.Model) -> int:
        """Load the last state, if the folder holds one; returns the epoch to go on with."""
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            state = json.loads((self._directory / "state.json").read_text())
        except FileNotFoundError:
            return 0
        if state["fingerprint"] != self._fingerprint:
            raise ParameterError(
                f"{self._directory} holds another training (other data or parameters). "
                "Choose an empty folder, or delete this one to start anew."
            )
        self.history, self.done = state["history"], state["done"]
        model.load_weights(self._directory / f"epoch-{len(self.history)}.weights.h5")
        for generator, seed in zip(_generators(model), state.get("seeds", ()), strict=False):
            generator.state.assign(seed)
        return len(self.history)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the scores, keep the state, and stop when nothing gets better."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        logs["learning_rate"] = float(
            keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        )
        logs["seconds"] = round(time.monotonic() - self._started, 2)
        bad = [logs[n] for n in ("loss", "val_loss") if not math.isfinite(logs.get(n, 0))]
        if bad:
            raise TrainingError(
                f"The loss became {bad[0]} in epoch {epoch + 1}; lower learning_rate "
                f"(now {self._settings.learning_rate:.2g})."
            )
        self.history.append(logs)
        if self._best == epoch:
            self._write("best")
        patience = self._settings.patience
        if patience is not None and epoch - self._best >= patience:
            self.done = self.model.stop_training = True
        if self._settings.schedule == "plateau":
            self._lower_rate(epoch)
        self._write(f"epoch-{epoch + 1}")
        self._write_state()
        (self._directory / f"epoch-{epoch}.weights.h5").unlink(missing_ok=True)

    def finish(self, model: keras.Model) -> None:
        """Put the best epoch's weights into the model."""
        self.set_model(model)  # nothing was trained where the state was that of the end
        self.done = True
        self._write_state()
        model.load_weights(self._directory / "best.weights.h5")

    def _lower_rate(self, epoch: int) -> None:
        # Counted from the history, so that a resumed training goes on as it would have; keras's
        # own callback forgets its count.
        rates = [record["learning_rate"] for record in self.history]
        since_drop = next((k for k, r in enumerate(reversed(rates)) if r != rates[-1]), len(rates))
        if min(epoch - self._best, since_drop) >= PLATEAU_EPOCHS:
            self.model.optimizer.learning_rate = rates[-1] * PLATEAU_FACTOR

    def _write(self, name: str) -> None:
        # A kill while writing must leave the last good file: write beside it, then rename.
        part = self._directory / f"{name}-part.weights.h5"
        self.model.save_weights(part, overwrite=True)
        os.replace(part, self._directory / f"{name}.weights.h5")

    def _write_state(self) -> None:
        part = self._directory / "state.json.part"
        state = {
            "fingerprint": self._fingerprint,
            "history": self.history,
            "done": self.done,
            # Dropout's place in its sequence; keras's weight files do not hold it.
            "seeds": [
                keras.ops.convert_to_numpy(g.state).tolist() for g in _generators(self.model)
            ],
        }
        part.write_text(json.dumps(state))
        os.replace(part, self._directory / "state.json")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give new keras weights a seed and leave the global state of Python and numpy."""
    states = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def reseed(model: keras.Model, seed: int) -> None:
    """Let the dropout of a network begin anew, so that going on with it can be repeated."""
    for generator in _generators(model):
        generator.state.assign([seed % 2**32, 0])


def say_epochs(epochs: int, say: Callable[[str], None]) -> Any:
    """Make a callback that says each epoch's scores in a line."""

    def line(epoch: int, logs: dict[str, float]) -> None:
        scores = "  ".join(f"{k} {float(v):.4f}" for k, v in logs.items())
        say(f"epoch {epoch + 1}/{epochs}  {scores}")

    return keras.callbacks.LambdaCallback(on_epoch_end=line)


def train(
    model: keras.Model,
    loss: Any,
    metrics: list[Any],
    lessons: Lessons,
    validation: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]] | None,
    settings: Settings,
    *,
    image_size: int,
    directory: Path,
    fingerprint: str,
    callbacks: list[Any],
) -> list[dict[str, float]]:
    """Fit a model, and leave it with the weights of its best epoch.

    Without validation pictures that is the last. A directory that holds the state of the training
    which ``fingerprint`` names resumes it.
    """
    checkpoints = Checkpoints(directory, fingerprint, settings)
    steps = settings.steps(lessons)
    _set_momentum(model, steps * settings.epochs)
    optimizer = keras.optimizers.AdamW(
        _learning_rate(settings, steps), weight_decay=settings.weight_decay
    )
    # Biases and the parameters of normalizations are not decayed (He et al., Bag of Tricks, 2019).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss=loss, weighted_metrics=metrics)
    optimizer.build(model.trainable_variables)
    epoch = checkpoints.restore(model)
    if not checkpoints.done and epoch < settings.epochs:
        model.fit(
            Batches(lessons, image_size=image_size, settings=settings, epoch=epoch),
            epochs=settings.epochs,
            initial_epoch=epoch,
            validation_data=validation,
            validation_batch_size=128,
            shuffle=False,
            callbacks=[*callbacks, checkpoints],
            verbose=0,
        )
    checkpoints.finish(model)
    return checkpoints.history


def _layers(model: keras.Model) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):  # a trunk
            yield from _layers(layer)
        else:
            yield layer


def _generators(model: keras.Model) -> list[Any]:
    found = (getattr(layer, "seed_generator", None) for layer in _layers(model))
    return [generator for generator in found if generator is not None]


def _set_momentum(model: keras.Model, steps: int) -> None:
    """Let normalizations remember a tenth of the training's steps, from 10 to 33 batches.

    Keras's default is 100 batches: after a short training the statistics would be mostly those from
    before it, and the answers to new pictures nonsense.
    """
    momentum = min(max(1 - 10 / steps, LEAST_MOMENTUM), MOST_MOMENTUM)
    for layer in _layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


def _learning_rate(settings: Settings, steps: int) -> Any:
    if settings.schedule != "cosine":
        return settings.learning_rate
    total = steps * settings.epochs
    warmup = round(total * settings.warmup)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        total - warmup,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
    )
