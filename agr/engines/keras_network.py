"""Opens networks in Keras, on whichever backend it runs."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.errors import ParameterError, choice, require


def open_network(path: Path, *, device: str = "cpu") -> Callable[[Pixels], npt.NDArray[np.float32]]:
    """Open a ``.keras`` file, running no code from it; calls wait for each other."""
    with require("train"):
        import keras
    try:
        found = [
            n.lower() for k in ("cpu", "gpu", "tpu") for n in keras.distribution.list_devices(k)
        ]
    except AttributeError:  # Keras cannot ask PyTorch
        found = ["cpu:0"]
    place = device if ":" in device else f"{device}:0"
    if place not in found:
        raise ParameterError(choice("device", device, found))
    with keras.device(place):
        model = keras.models.load_model(path, safe_mode=True, compile=False)
    alone = Lock()

    def run(images: Pixels) -> npt.NDArray[np.float32]:
        with alone, keras.device(place):
            return np.asarray(model.predict_on_batch(images))

    return run
