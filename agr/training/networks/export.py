"""A network as an ONNX file, for prediction without Keras."""

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from agr.errors import ArtifactError

BY_TENSORFLOW = """
import sys, keras
from pathlib import Path
from agr.training.networks.export import export_onnx
export_onnx(keras.models.load_model(sys.argv[1], safe_mode=True, compile=False), Path(sys.argv[2]))
"""


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX, with the number of pictures left open.

    Parameters
    ----------
    model : keras.Model
        From `agr.training.networks.build.build`.
    path : Path
        File to write.

    Raises
    ------
    ArtifactError
        With JAX as Keras's backend: TensorFlow is not there to do it.
    """
    if keras.backend.backend() == "jax":  # ONNX Runtime refuses the pooling that jax2onnx writes
        export_by_tensorflow(model, path)
        return
    size = model.input_shape[1:]
    model(np.zeros((1, *size), dtype=np.uint8))  # keras exports only what was called
    signature = [keras.InputSpec(shape=(None, *size), dtype="uint8", name="image")]
    with warnings.catch_warnings(), _errors_only("tf2onnx"):
        # tf2onnx, which keras calls, still asks numpy for its old names.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        model.export(path, format="onnx", verbose=False, input_signature=signature)


def export_by_tensorflow(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX in a process of its own, whose backend is TensorFlow.

    Parameters
    ----------
    model : keras.Model
        Of any backend.
    path : Path
        File to write.

    Raises
    ------
    ArtifactError
        The process failed; says why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model.keras"
        model.save(saved)
        found_here = os.pathsep.join(sys.path)  # so that the process imports this very agr
        done = subprocess.run(
            [sys.executable, "-P", "-c", BY_TENSORFLOW, str(saved), str(path)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": found_here},
            capture_output=True,
            text=True,
        )
    if done.returncode:  # a killed process says nothing itself
        said = [f"exit status {done.returncode}", *done.stderr.strip().splitlines()]
        raise ArtifactError(
            "The network could not be written as ONNX by TensorFlow, which this takes (pip install "
            f"tensorflow): {said[-1]}"
        )


@contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Keep a library's warnings back: tf2onnx prints the traceback of each step that it skips."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
