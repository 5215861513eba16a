"""A whole network: trunk by name, starting weights, head."""

import warnings
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from agr.core import artifact
from agr.core.backbones import BACKBONES
from agr.errors import ParameterError, choice

PACKAGED = Path(__file__).parent / "backbones"
EXPORT_BATCH = 1


def native_size(network: str) -> int:
    """Side in pixels of the pictures that a network is made for.

    Parameters
    ----------
    network : str
        A name in `agr.core.backbones.BACKBONES`.

    Returns
    -------
    int
        Pixels.
    """
    return int(_backbone(network).NATIVE_SIZE)


def build(
    network: str, image_size: int, *, weights: str | None, dropout: float, n_outputs: int, task: str
) -> keras.Model:
    """Build a network that takes uint8 pictures and gives one answer.

    Parameters
    ----------
    network : str
        A name in `agr.core.backbones.BACKBONES`.
    image_size : int
        Side in pixels.
    weights : str or None
        ``"auto"`` for the packaged starting weights where the network has some, a path of such a
        file (from ``scripts/convert_face_resnet.py``) or of a saved model's folder, or None for
        random.
    dropout : float
        Share of the features dropped while training.
    n_outputs : int
        Number of probabilities; 1 gives a number in years instead.
    task : str
        Names the model.

    Returns
    -------
    keras.Model
        Layers ``logits`` and ``probabilities``, or ``years``.
    """
    inputs = keras.Input((image_size, image_size, 3), dtype="uint8", name="image")
    features = _backbone(network).build(inputs, dropout=dropout)
    if n_outputs == 1:
        x = layers.Dense(1, name="logits")(features)
        # So that the network learns small numbers: most ages lie within 40 +- 40 years.
        x = layers.Rescaling(20.0, offset=40.0, name="years")(x)
    else:
        x = layers.Dense(n_outputs, name="logits")(features)
        x = layers.Softmax(name="probabilities")(x)
    model = keras.Model(inputs, x, name=task)
    if weights is not None and Path(weights).is_dir():
        _continue_from(model, weights, task)
    else:
        path = _start_path(network, weights)
        if path is not None:
            _load_start(model, path)
    return model


def without_optimizer(model: keras.Model) -> keras.Model:
    """Give the same network without what training added, which is twice its size.

    Parameters
    ----------
    model : keras.Model
        From `build`.

    Returns
    -------
    keras.Model
        Shares the layers and their weights.
    """
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def divide_logits(model: keras.Model, temperature: float) -> None:
    """Build a temperature into a network's last dense layer.

    Parameters
    ----------
    model : keras.Model
        From `build`; altered.
    temperature : float
        What the logits are divided by.
    """
    layer = model.get_layer("logits")
    layer.set_weights([w / temperature for w in layer.get_weights()])


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX, with the number of pictures left open.

    Parameters
    ----------
    model : keras.Model
        From `build`.
    path : Path
        File to write.
    """
    size = model.input_shape[1:]
    model(np.zeros((EXPORT_BATCH, *size), dtype=np.uint8))  # keras exports only what was called
    signature = [keras.InputSpec(shape=(None, *size), dtype="uint8", name="image")]
    with warnings.catch_warnings():
        # tf2onnx, which keras calls, still asks numpy for its old names.
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)
        model.export(path, format="onnx", verbose=False, input_signature=signature)


def _backbone(network: str) -> Any:
    if network not in BACKBONES:
        raise ParameterError(choice("network", network, BACKBONES))
    return import_module(BACKBONES[network])


def _start_path(network: str, weights: str | None) -> Path | None:
    if weights == "auto":
        packaged = PACKAGED / f"{network}.npz"
        return packaged if packaged.is_file() else None
    if weights is None or Path(weights).is_file():
        return None if weights is None else Path(weights)
    raise ParameterError(
        f"weights must be 'auto', None, a file with starting weights or a saved model's folder; "
        f"there is no {weights!r}."
    )


def _load_start(model: keras.Model, path: Path) -> None:
    stored: dict[str, Any] = {}
    if zipfile.is_zipfile(path):
        with np.load(path, allow_pickle=False) as file:
            stored = dict(file)
    n_loaded = 0
    for layer in model.layers:
        found: list[Any] = [
            stored.get(f"{layer.name}/{variable.name}") for variable in layer.weights
        ]
        shapes = [tuple(variable.shape) for variable in layer.weights]
        # A head for other labels is left out, as is a layer that the file does not name.
        if found and [getattr(array, "shape", None) for array in found] == shapes:
            layer.set_weights([array.astype("float32") for array in found])
            n_loaded += 1
    if not n_loaded:
        raise ParameterError(f"{path} holds no weights for this network; choose another file.")


def _continue_from(model: keras.Model, folder: str, task: str) -> None:
    manifest = artifact.read_manifest(folder, task)
    path = artifact.checked_file(folder, manifest, artifact.KERAS)
    saved = keras.models.load_model(path, safe_mode=True, compile=False)
    try:
        model.set_weights(saved.get_weights())
    except ValueError as error:
        raise ParameterError(
            f"{folder} holds another network than this one, so it cannot be the start: {error}"
        ) from None
