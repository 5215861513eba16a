"""The weights that a network starts with: packaged, ImageNet's, from a file or a saved model."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from agr.core import artifact
from agr.core.backbones import BACKBONES
from agr.errors import ArtifactError, ParameterError

MOST_PACKED = 20  # times; weights are noise, which hardly gets smaller
PACKAGED = Path(__file__).parent / "backbones"


def load_start(model: keras.Model, network: str, weights: str | None, task: str) -> None:
    """Put starting weights into a network.

    Parameters
    ----------
    model : keras.Model
        New; altered.
    network : str
        Its name in `agr.core.backbones.BACKBONES`.
    weights : str or None
        As `agr.core.networks.build` takes it.
    task : str
        What a saved model must be for.
    """
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
    elif not Path(weights).is_file():
        raise ParameterError(
            "weights must be 'auto', 'imagenet', None, a file with starting weights or a saved "
            f"model's folder; there is no {weights!r}."
        )
    elif find_trunk(model) is not None:
        _load_trunk(model, Path(weights))
    else:
        _load_arrays(model, Path(weights))


def open_saved(path: Path, manifest: artifact.Manifest) -> keras.Model:
    """Open a saved model's ``model.keras``; runs no code from it.

    Parameters
    ----------
    path : Path
        The file, with the right SHA-256.
    manifest : dict
        The model's ``agr.json``.

    Returns
    -------
    keras.Model
        Takes and gives what the manifest says.

    Raises
    ------
    ArtifactError
        Keras cannot load it, it holds far more than its size lets expect, or it does not fit the
        manifest.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MOST_PACKED * path.stat().st_size:
            raise ArtifactError(f"{path} would unpack to {unpacked:,} bytes, which no weights do.")
        model = keras.models.load_model(path, safe_mode=True, compile=False)
        shapes = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except ArtifactError:
        raise
    except Exception as error:  # of any kind: a hostile file reaches all of Keras
        raise ArtifactError(f"{path} cannot be loaded by Keras: {error}") from error
    size = manifest["image_size"]
    if shapes != ((size, size, 3), (artifact.n_outputs(manifest),)):
        raise ArtifactError(
            f"{path} takes and gives shapes {shapes}, but its {artifact.MANIFEST} says "
            f"{size} x {size} pixels and {artifact.n_outputs(manifest)} outputs."
        )
    return model


def find_trunk(model: keras.Model) -> keras.Model | None:
    """Give the model inside the model, which a network of ``keras.applications`` has."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def _load_imagenet(model: keras.Model, network: str) -> None:
    if BACKBONES[network].start != "imagenet":
        having = [name for name, backbone in BACKBONES.items() if backbone.start == "imagenet"]
        raise ParameterError(
            f"There are no ImageNet weights for {network}; weights='imagenet' is for "
            f"{', '.join(having)}."
        )
    from agr.core.backbones import applications

    try:
        # The size plays no part in the weights; of others than its own Keras warns.
        trained = applications.make_trunk(network, BACKBONES[network].native_size, "imagenet")
    except Exception as error:  # Keras raises no kind of its own when a download fails
        raise ParameterError(
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
    manifest = artifact.read_manifest(folder, task)
    saved = open_saved(artifact.checked_file(folder, manifest, artifact.KERAS), manifest)
    try:
        model.set_weights(saved.get_weights())
    except ValueError as error:
        raise ParameterError(
            f"{folder} holds another network than this one, so it cannot be the start: {error}"
        ) from None
