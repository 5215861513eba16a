"""A saved model answers batches of pictures, through one of several engines."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.core import artifact
from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.errors import AgrError, ArtifactError, ParameterError, choice

ENGINES = ("auto", "onnxruntime", "openvino", "keras")

Network = Callable[[Pixels], npt.NDArray[np.float32]]


class Engine:
    """A saved model, ready to answer; several threads may ask at once.

    Parameters
    ----------
    folder : path
        A saved model.
    task : str
        What it must be for.
    engine : {"onnxruntime", "openvino", "keras", "auto"}, default="onnxruntime"
        What computes. ``"auto"`` is OpenVINO where it is installed and the device is the CPU, else
        ONNX Runtime.
    device : str, default="cpu"
        Where, in the engine's own words: ONNX Runtime's execution providers such as ``"cuda"`` or
        ``"coreml"``, OpenVINO's devices, or those of Keras.
    calls : int, default=1
        How many calls OpenVINO computes at once, each on one core; ONNX Runtime takes any number,
        Keras gives all cores to one.

    Attributes
    ----------
    manifest : dict
        The model's ``agr.json``.
    image_size : int
        Side in pixels of the pictures it takes.
    engine : str
        What ``"auto"`` chose.

    Raises
    ------
    ArtifactError
        The saved model is damaged, too new, for another task, or cannot be opened.
    ParameterError
        There is no such engine, or no such device here.
    MissingExtraError
        The engine is not installed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        task: str,
        *,
        engine: str = "onnxruntime",
        device: str = "cpu",
        calls: int = 1,
    ) -> None:
        self.engine = resolve(engine, device)
        self.manifest = artifact.read_manifest(folder, task)
        self.image_size = int(self.manifest["image_size"])
        name = artifact.KERAS if self.engine == "keras" else artifact.ONNX
        path = artifact.checked_file(folder, self.manifest, name)
        try:
            self._network = _OPEN[self.engine](path, device, calls)
        except AgrError:
            raise
        except Exception as error:  # the engines' own exceptions share no base
            raise ArtifactError(
                f"{path} cannot be opened by {_NAMES[self.engine]}: {error}"
            ) from error

    def __call__(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Answer a batch.

        Parameters
        ----------
        images : array of shape (n, image_size, image_size, 3)
            uint8, RGB.

        Returns
        -------
        array of shape (n, k)
            What the network puts out.
        """
        return self._network(images)


def resolve(engine: str, device: str = "cpu") -> str:
    """Say which engine ``"auto"`` stands for.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.
    device : str, default="cpu"
        Where it is to compute.

    Returns
    -------
    str
        One of `ENGINES`, but ``"auto"``.

    Raises
    ------
    ParameterError
        There is no such engine.
    """
    if engine not in ENGINES:
        raise ParameterError(choice("engine", engine, ENGINES))
    if engine != "auto":
        return engine
    return "openvino" if device == "cpu" and find_spec("openvino") else "onnxruntime"


def _open_onnxruntime(path: Path, device: str, calls: int) -> Network:
    session = open_session(path, device=device)
    name = session.get_inputs()[0].name

    def run(images: Pixels) -> npt.NDArray[np.float32]:
        (output,) = session.run(None, {name: images})
        return np.asarray(output)

    return run


def _open_openvino(path: Path, device: str, calls: int) -> Network:
    from agr.core.openvino_network import open_network

    return open_network(path, device=device, calls=calls)


def _open_keras(path: Path, device: str, calls: int) -> Network:
    from agr.core.keras_network import open_network

    return open_network(path, device=device)


_OPEN: dict[str, Callable[[Path, str, int], Network]] = {
    "onnxruntime": _open_onnxruntime,
    "openvino": _open_openvino,
    "keras": _open_keras,
}
_NAMES: dict[str, Any] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "keras": "Keras"}
