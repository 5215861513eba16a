"""Teachers: networks that speak about the very copies of the pictures that a student sees.

Teacher and student look at the same changed copy, in every epoch at another one (Beyer et al.,
Knowledge Distillation: A Good Teacher is Patient and Consistent, CVPR 2022). A picture is judged by
a teacher that did not learn from it, so that a wrong label is not repeated to the one who learns.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from agr.core.images import Pixels, resize
from agr.core.runtime import open_session
from agr.errors import DatasetError

Floats = npt.NDArray[np.float32]
LIST = "teachers.json"


class Teachers:
    """A folder of teachers, asked about one task.

    Parameters
    ----------
    folder : path
        Holds ``teachers.json`` with ``image_size``; ``widths``, the number of probabilities of each
        task in the order in which they stand side by side; ``files``, the names of ONNX networks
        that turn uint8 RGB pictures of shape (n, image_size, image_size, 3) into these; and
        ``folds``, the name of a CSV table with the columns ``hash`` and ``fold``, the pictures that
        only the teacher of that place in ``files`` did not learn from.
    task : {"age", "gender", "race"}
        What is asked.
    hashes : sequence of n str
        Hash of each picture, as `agr.datasets.faces.Faces` has it. Pictures without a fold are
        shared out among the teachers.
    """

    def __init__(self, folder: str | os.PathLike[str], task: str, hashes: Any) -> None:
        folder = Path(folder)
        try:
            listed = json.loads((folder / LIST).read_text())
            folds = pd.read_csv(folder / listed["folds"], dtype={"hash": str})
            ends = np.cumsum([0, *listed["widths"].values()])
            place = list(listed["widths"]).index(task)
            self._size = int(listed["image_size"])
            self._networks = [_open(folder / name) for name in listed["files"]]
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(
                f"{folder} holds no teachers of {task}: {error!r}. scripts/teachers/README.md says "
                "how they are made."
            ) from error
        self._columns = slice(ends[place], ends[place + 1])
        known = pd.Series(folds["fold"].to_numpy(), folds["hash"]).groupby(level=0).first()
        # Near copies have the same first bits, and so the same teacher.
        others = [int(word[:8], 16) % len(self._networks) for word in hashes]
        self._folds = known.reindex(hashes).fillna(pd.Series(others, hashes)).to_numpy(int)

    def __call__(self, pictures: Pixels, rows: npt.NDArray[np.intp]) -> Floats:
        """Give the probabilities of each picture.

        Parameters
        ----------
        pictures : array of shape (m, h, w, 3)
            uint8 RGB, changed copies.
        rows : array of shape (m,)
            Place of each picture in ``hashes``.

        Returns
        -------
        array of shape (m, k)
            As the task's ``predict_proba``.
        """
        if pictures.shape[1] != self._size:
            pictures = np.stack([resize(picture, self._size) for picture in pictures])
        folds = self._folds[rows]
        answers: dict[int, Floats] = {
            fold: self._networks[fold](np.ascontiguousarray(pictures[folds == fold]))
            for fold in np.unique(folds)
        }
        width = self._columns.stop - self._columns.start
        result = np.empty((len(rows), width), np.float32)
        for fold, answer in answers.items():
            result[folds == fold] = answer[:, self._columns]
        return result


def _open(path: Path) -> Any:
    if find_spec("openvino"):  # several times as fast with large networks
        from agr.engines.openvino_network import open_network

        return open_network(path, precision="bf16")
    session = open_session(path)
    (given,) = session.get_inputs()
    return lambda pictures: session.run(None, {given.name: pictures})[0]
