"""The weights that a network starts with: packaged, ImageNet's, from a file or a saved model."""

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from agr.core import artifact
from agr.errors import ArtifactError, DownloadError, ParameterError
from agr.training.networks.applications import make_trunk
from agr.training.networks.last_layer import with_one_logit
from agr.training.networks.registry import BACKBONES
from agr.training.parameters import check_start

PACKAGED = Path(__file__).parent
MOST_PACKED = 20  # times; weights are noise, which hardly gets smaller


def load_start(model: keras.Model, network: str, weights: str | None, task: str) -> None:
    """Put starting weights into a network."""
    check_start(network, weights)
    if weights is None:
        return
    if weights == "auto":
        packaged = PACKAGED / f"{network}.npz"
        if packaged.is_file():
            _load_arrays(model, packaged)
    elif weights == "imagenet":
        _load_imagenet(model, network)
    elif Path(weights).is_dir():
        _continue_from(model, weights, task)
    elif find_trunk(model) is not None:
        _load_trunk(model, Path(weights))
    else:
        _load_arrays(model, Path(weights))


def open_saved(path: Path, manifest: artifact.Manifest) -> keras.Model:
    """Open a saved model's ``model.keras``, which has the right SHA-256; runs no code from it."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MOST_PACKED * path.stat().st_size:
            raise ArtifactError(f"{path} would unpack to {unpacked:,} bytes, which no weights do.")
        model = keras.models.load_model(path, safe_mode=True, compile=False)
        taken, (given,) = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except ArtifactError:
        raise
    except Exception as error:  # of any kind: a hostile file reaches all of Keras
        raise ArtifactError(f"{path} cannot be loaded by Keras: {error}") from error
    size, known = manifest["image_size"], artifact.n_outputs(manifest)
    if taken != (size, size, 3) or given not in known:
        raise ArtifactError(
            f"{path} takes pictures of shape {taken} and gives {given} numbers, but its "
            f"{artifact.MANIFEST} says {size} x {size} pixels and {' or '.join(map(str, known))}."
        )
    return model


def find_trunk(model: keras.Model) -> keras.Model | None:
    """Give the model inside the model, which a network of ``keras.applications`` has."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def _load_imagenet(model: keras.Model, network: str) -> None:
    try:
        # The size plays no part in the weights; of others than its own Keras warns.
        trained = make_trunk(network, BACKBONES[network].native_size, "imagenet")
    except Exception as error:  # Keras raises no kind of its own when a download fails
        raise DownloadError(
            f"The ImageNet weights of {network} cannot be downloaded: {error}. Connect this "
            "machine, or download the file elsewhere and give its path: weights='FILE.h5'; "
            "weights=None starts from random ones."
        ) from error
    trunk: Any = find_trunk(model)
    trunk.set_weights(trained.get_weights())


def _load_trunk(model: keras.Model, path: Path) -> None:
    trunk: Any = find_trunk(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # so Keras tells what it leaves random
            trunk.load_weights(path)
    except (UserWarning, ValueError, KeyError, OSError) as error:
        raise ParameterError(
            f"{path} holds no weights for {trunk.name}; give the .h5 file that Keras has for it "
            f"without the classifier ('notop'). Keras says: {error}"
        ) from error


def _load_arrays(model: keras.Model, path: Path) -> None:
    stored: dict[str, Any] = {}
    if zipfile.is_zipfile(path):
        try:
            with np.load(path, allow_pickle=False) as file:
                stored = dict(file)
        except Exception as error:  # pickles, and damage of any kind
            raise ParameterError(f"{path} cannot be read as weights: {error}") from error
    missing = []
    for layer in model.layers:
        found: list[Any] = [
            stored.get(f"{layer.name}/{variable.name}") for variable in layer.weights
        ]
        shapes = [tuple(variable.shape) for variable in layer.weights]
        if [getattr(array, "shape", None) for array in found] == shapes:
            layer.set_weights([array.astype("float32") for array in found])
        elif not isinstance(layer, keras.layers.Dense):  # whose head may be for other labels
            missing.append(layer.name)
    if missing:
        raise ParameterError(
            f"{path} holds no weights, or of other shapes, for {len(missing)} layers of this "
            f"network, first {missing[0]}; give an .npz file with all of its trunk, or a saved "
            "model's folder."
        )


def _continue_from(model: keras.Model, folder: str, task: str) -> None:
    saved = load_saved(folder, task)[1]
    try:
        model.set_weights(saved.get_weights())
    except ValueError as error:
        raise ParameterError(
            f"{folder} holds another network than this one, so it cannot be the start: {error}"
        ) from None


def load_saved(folder: str | os.PathLike[str], task: str) -> tuple[artifact.Manifest, keras.Model]:
    """Read the manifest and the network of a saved model; runs no code from it."""
    manifest = artifact.read_manifest(folder, task)
    model = open_saved(artifact.checked_file(folder, manifest, artifact.KERAS), manifest)
    labels = manifest["meaning"].get("labels", ())
    if len(labels) == 2 == model.output_shape[-1]:  # as agr saved it up to format 1
        model = with_one_logit(model)
        loss = manifest["parameters"].get("loss")
        manifest["parameters"]["loss"] = loss and loss.replace("categorical", "binary")
    return manifest, model
