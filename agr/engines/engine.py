"""A saved model answers batches of pictures, through one of several engines."""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agr.core import artifact
from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.errors import AgrError, ArtifactError, ParameterError, choice

NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "keras": "Keras"}
ENGINES = ("auto", *NAMES)
# Weights in another file are named by an entry with this key. A number before it, in any of the
# ways that protobuf knows to write one, says how long the key is.
_ELSEWHERE = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")

Network = Callable[[Pixels], npt.NDArray[np.float32]]


class Engine:
    """A saved model, ready to answer; several threads may ask at once.

    ``calls`` of them are computed at once, each on one core. ``manifest`` is the model's
    ``agr.json``, ``image_size`` the side in pixels of the pictures that it takes, ``engine`` what
    "auto" chose, and ``trial`` what the network says of a black picture.
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
        self._path = Path(folder) / name
        try:
            self._network = _open(self.engine, self._path, self.manifest, device, calls)
        except AgrError:
            raise
        except Exception as error:  # the engines' own exceptions share no base
            raise ArtifactError(
                f"{self._path} cannot be opened by {NAMES[self.engine]}: {error}"
            ) from error
        # What does not fit is found here, and not at the first picture.
        self.trial = self(np.zeros((1, self.image_size, self.image_size, 3), np.uint8))

    def __call__(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Answer uint8 RGB pictures, (n, image_size, image_size, 3), with an array (n, k)."""
        try:
            output = np.asarray(self._network(images), dtype=np.float32)
        except Exception as error:
            raise ArtifactError(f"{self._path} fails at its work: {error}") from error
        known = artifact.n_outputs(self.manifest)
        shaped = output.ndim == 2 and len(output) == len(images) and output.shape[1] in known
        if not (shaped and self._are_answers(output)):
            raise ArtifactError(
                f"{self._path} must give {' or '.join(map(str, known))} numbers for each picture, "
                f"probabilities or years; got shape {output.shape} from {len(images)}, or what no "
                "such numbers are."
            )
        return output

    def _are_answers(self, output: npt.NDArray[np.float32]) -> bool:
        if not np.isfinite(output).all() or self.manifest["meaning"].get("head") == "regression":
            return bool(np.isfinite(output).all())
        total = output.sum(axis=1)
        sums = abs(total - 1) < 0.05 if output.shape[1] > 1 else total < 1.01
        return bool((output >= -0.01).all() and sums.all())


def resolve(engine: str, device: str = "cpu") -> str:
    """Say which engine "auto" stands for: OpenVINO where it is installed, and on the CPU."""
    if engine not in ENGINES:
        raise ParameterError(choice("engine", engine, ENGINES))
    if engine != "auto":
        return engine
    return "openvino" if device == "cpu" and find_spec("openvino") else "onnxruntime"


def _open(engine: str, path: Path, manifest: artifact.Manifest, device: str, calls: int) -> Network:
    if engine == "keras":
        from agr.engines import keras_network

        artifact.checked_file(path.parent, manifest, path.name)
        return keras_network.open_network(path, device=device)
    network = artifact.checked_bytes(path.parent, manifest, path.name)
    if _ELSEWHERE.search(network):
        raise ArtifactError(
            f"{path} has weights in another file, which is not read; save the model with its "
            "weights inside."
        )
    if engine == "openvino":
        from agr.engines import openvino_network

        return openvino_network.open_network(path, device=device, calls=calls)
    session = open_session(network, device=device)
    name = session.get_inputs()[0].name

    def run(images: Pixels) -> npt.NDArray[np.float32]:
        (output,) = session.run(None, {name: images})
        return np.asarray(output)

    return run
