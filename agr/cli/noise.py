"""Keeps TensorFlow's messages about its start from whoever uses the command line."""

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
TENSORFLOW = "tensorflow"


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Name the device in one line instead of what TensorFlow writes while it starts and traces.

    Whoever has set ``TF_CPP_MIN_LOG_LEVEL`` sees everything that it lets through. A search's
    workers inherit the variable, and say nothing themselves.
    """
    if LEVEL in os.environ:
        yield
        return
    logger, finder = logging.getLogger(TENSORFLOW), _Quietly(_say_device)
    before = logger.level
    os.environ[LEVEL] = "3"
    logger.setLevel(logging.ERROR)  # it warns that functions are traced anew for each network
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        del os.environ[LEVEL]
        logger.setLevel(before)
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)


class _Quietly:
    """Finds tensorflow, and holds back what its libraries write before they know any level."""

    def __init__(self, after: Callable[[], None]) -> None:
        self.after = after

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find tensorflow, and only that."""
        if name != TENSORFLOW:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_quietly(module: ModuleType) -> None:
            with _held_back():
                load(module)
            self.after()

        setattr(spec.loader, "exec_module", load_quietly)  # noqa: B010  # mypy forbids the plain way
        return spec


@contextmanager
def _held_back() -> Iterator[None]:
    """Keep what is written to the standard error; show it if the block fails."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def _say_device() -> None:
    import tensorflow as tf
    import typer

    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    device = ", ".join(names) if names else "the CPU"
    typer.echo(f"TensorFlow {tf.__version__} computes on {device}.", err=True)


if "__mp_main__" in sys.modules:  # a worker of a search: it inherits the level, but no finder
    logging.getLogger(TENSORFLOW).setLevel(logging.ERROR)
    sys.meta_path.insert(0, _Quietly(lambda: None))
