"""A network as an ONNX file, for prediction without Keras."""

import logging
import math
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from agr.errors import ArtifactError

LARGE = 500_000  # numbers in a weight
BY_TENSORFLOW = """
import sys, keras
from pathlib import Path
from typing import Any
from agr.training.networks.export import export_onnx
export_onnx(keras.models.load_model(sys.argv[1], safe_mode=True, compile=False), Path(sys.argv[2]))
"""


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX, with the number of pictures left open."""
    if keras.backend.backend() != "tensorflow":
        export_by_tensorflow(model, path)
        return
    import onnx
    import tensorflow as tf
    import tf2onnx

    # What the converter holds, it copies some forty times. So the large weights come in from the
    # outside, like the picture, and are put into the finished graph.
    large = [v for v in model.weights if math.prod(v.shape) >= LARGE]

    def answer(image: Any, *values: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(large, values, strict=True))):
            return model(image, training=False)

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="image")]
    signature += [tf.TensorSpec(v.shape, v.dtype, name=f"large_{k}") for k, v in enumerate(large)]
    with warnings.catch_warnings(), _errors_only("tf2onnx"):
        # tf2onnx still asks numpy for its old names.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        function = tf.function(answer, input_signature=signature)
        proto, _ = tf2onnx.convert.from_function(function, signature)
    values = {spec.name: v for spec, v in zip(signature[1:], large, strict=True)}
    for given in list(proto.graph.input)[1:]:
        # What is no weight was folded in, but stays among the inputs: the means of a normalization.
        proto.graph.input.remove(given)
        if given.name in values:
            array = keras.ops.convert_to_numpy(values[given.name])
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, given.name))
    onnx.save(proto, path)


def export_by_tensorflow(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX in a process of its own, whose backend is TensorFlow."""
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
