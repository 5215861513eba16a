"""A saved model answers batches of pictures through ONNX Runtime."""

import os

import numpy as np
import numpy.typing as npt

from agr.core import artifact
from agr.core.images import Pixels
from agr.core.runtime import open_session
from agr.errors import ArtifactError


class OnnxEngine:
    """A saved model, ready to answer.

    Parameters
    ----------
    folder : path
        A saved model.
    task : str
        What it must be for.
    threads : int, optional
        Threads per batch; default: ONNX Runtime's choice, one per core.

    Attributes
    ----------
    manifest : dict
        The model's ``agr.json``.
    image_size : int
        Side in pixels of the pictures it takes.
    """

    def __init__(
        self, folder: str | os.PathLike[str], task: str, *, threads: int | None = None
    ) -> None:
        self.manifest = artifact.read_manifest(folder, task)
        self.image_size = int(self.manifest["image_size"])
        path = artifact.checked_file(folder, self.manifest, artifact.ONNX)
        try:
            self._session = open_session(path, threads)
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ArtifactError(f"{path} cannot be opened by ONNX Runtime: {error}") from error
        self._input = self._session.get_inputs()[0].name

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
        (output,) = self._session.run(None, {self._input: images})
        return np.asarray(output)
