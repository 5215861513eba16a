"""Time every network that agr can train, as float32 ONNX on one thread.

    python benchmarks/networks.py

Writes ``benchmarks/results/networks.csv``: the median milliseconds of one picture at the network's
own size, in ONNX Runtime and OpenVINO. Weights are random; they do not change the time.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from agr.core.runtime import open_session
from agr.engines import openvino_network
from agr.training.networks.build import build
from agr.training.networks.export import export_onnx
from agr.training.networks.registry import BACKBONES

RESULTS = Path(__file__).parent / "results"
ANSWERS, WARM = 50, 5


def milliseconds(answer: Callable[[np.ndarray], object], size: int) -> float:
    """Give the median of some answers to one picture."""
    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    taken = []
    for _ in range(WARM + ANSWERS):
        start = time.perf_counter()
        answer(picture)
        taken.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(taken[WARM:]), 2)


def main() -> None:
    rows = []
    for name, backbone in BACKBONES.items():
        size = backbone.native_size
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "network.onnx"
            last = ("years", 1)
            model = build(name, size, weights=None, dropout=0.0, last_layer=last, task="age")
            export_onnx(model, path)
            session = open_session(path)
            name_in = session.get_inputs()[0].name
            rows.append(
                {
                    "network": name,
                    "image_size": size,
                    "parameters": backbone.n_parameters,
                    "onnxruntime_ms": milliseconds(
                        lambda x, session=session, name_in=name_in: session.run(None, {name_in: x}),
                        size,
                    ),
                    "openvino_ms": milliseconds(openvino_network.open_network(path), size),
                }
            )
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(RESULTS / "networks.csv", index=False)


if __name__ == "__main__":
    main()
