"""A saved model answers batches of pictures through ONNX Runtime."""

import os
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agr.core import artifact
from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.errors import ArtifactError

# Weights in another file are named by an entry with this key. A number before it, in any of the
# ways that protobuf knows to write one, says how long the key is.
_ELSEWHERE = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")


class OnnxEngine:
    """A saved model for a task, ready to answer; by default with one thread a core for each batch.

    ``manifest`` is its ``agr.json``, ``image_size`` the side in pixels of the pictures that it
    takes, and ``trial`` what it says of a black one.

    Raises
    ------
    ArtifactError
        The model is damaged, or for another task, or its network does not do what it should.
    """

    def __init__(
        self, folder: str | os.PathLike[str], task: str, *, threads: int | None = None
    ) -> None:
        self.manifest = artifact.read_manifest(folder, task)
        self.image_size = int(self.manifest["image_size"])
        self._path = Path(folder) / artifact.ONNX
        network = artifact.checked_bytes(folder, self.manifest, artifact.ONNX)
        if _ELSEWHERE.search(network):
            raise ArtifactError(
                f"{self._path} has weights in another file, which is not read; save the model with "
                "its weights inside."
            )
        try:
            self._session = open_session(network, threads)
            self._input = self._session.get_inputs()[0].name
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ArtifactError(
                f"{self._path} cannot be opened by ONNX Runtime: {error}"
            ) from error
        # What does not fit is found here, and not at the first picture.
        self.trial = self(np.zeros((1, self.image_size, self.image_size, 3), np.uint8))

    def __call__(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Answer uint8 RGB pictures, (n, image_size, image_size, 3), with an array (n, k)."""
        n, k = len(images), artifact.n_outputs(self.manifest)
        try:
            (found,) = self._session.run(None, {self._input: images})
            output = np.asarray(found, dtype=np.float32)
            good = output.shape == (n, k) and bool(np.isfinite(output).all())
            if good and k > 1:
                good = bool((output >= -0.01).all() and (abs(output.sum(axis=1) - 1) < 0.05).all())
        except Exception as error:
            raise ArtifactError(f"{self._path} fails at its work: {error}") from error
        if not good:
            raise ArtifactError(
                f"{self._path} must give {k} {'probabilities' if k > 1 else 'number'} for each "
                f"picture; got shape {output.shape} from {n}, or what no such numbers are."
            )
        return output
