"""Run an ONNX file or an OpenVINO model in OpenVINO."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov


def load_engine(
    model: Path | Any, *, threads: int = 1, precision: str = "f32"
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network and give a function from one batch to its first output.

    Parameters
    ----------
    model : path or openvino.Model
        The network.
    threads : int, default=1
        Threads of the processor.
    precision : {"f32", "bf16"}, default="f32"
        What OpenVINO computes in.

    Returns
    -------
    callable
        Takes and gives a numpy array.
    """
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = ov.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()

    def run(batch: np.ndarray) -> np.ndarray:
        return np.array(request.infer({0: batch})[0])

    return run
