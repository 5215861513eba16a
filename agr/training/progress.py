"""What a person sees of a training: the epoch, its scores, and the time left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN = ("loss", "val_loss", "val_accuracy", "val_mae")  # of an epoch, where it has them


@contextmanager
def shown(verbose: bool | str, epochs: int) -> Iterator[list[Any]]:
    """Give the callbacks that show a training; none where nobody would see it."""
    console = Console(stderr=True)
    if verbose is False or (verbose == "auto" and not (sys.stderr.isatty() or console.is_jupyter)):
        yield []
        return
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    # In a notebook the bar is a widget; without that package rich would warn in its place.
    no_bar = console.is_jupyter and find_spec("ipywidgets") is None
    with Progress(*columns, console=console, disable=no_bar) as progress:
        yield [_Bar(progress, epochs)]


class _Bar(keras.callbacks.Callback):  # type: ignore[misc]
    """Moves a bar with every batch, and leaves a line for every epoch."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        super().__init__()
        self._progress, self._epochs = progress, epochs
        self._bar = progress.add_task("starting", total=None)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Say which epoch it is; a resumed training begins in the middle."""
        steps = self.params["steps"]
        self._progress.update(
            self._bar,
            description=f"epoch {epoch + 1}/{self._epochs}",
            total=steps * self._epochs,
            completed=steps * epoch,
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar."""
        self._progress.advance(self._bar)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Leave a line."""
        scores = [f"{name} {float(v):.4f}" for name, v in (logs or {}).items() if name in SHOWN]
        self._progress.console.print("  ".join([f"epoch {epoch + 1}/{self._epochs}", *scores]))
