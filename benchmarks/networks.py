"""Time every network that agr can train, as float32 ONNX on one thread.

    python benchmarks/networks.py

Writes ``benchmarks/results/networks.csv``: operations (two per multiplication) and the median
milliseconds of one picture at the network's own size, in ONNX Runtime and OpenVINO. Weights are
random; they do not change the time.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd

from agr.core.runtime import open_session
from agr.engines import openvino_network
from agr.training.networks.build import build
from agr.training.networks.export import export_onnx
from agr.training.networks.registry import BACKBONES

RESULTS = Path(__file__).parent / "results"
ANSWERS, WARM = 50, 5


def operations(path: Path) -> int:
    """Count those of convolutions and matrix products for one picture."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
    shapes |= {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.output}
    weights = {one.name: list(one.dims) for one in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm") and node.input[1] in weights:
            kernel = weights[node.input[1]]
            each = np.prod(kernel[1:]) if node.op_type == "Conv" else kernel[0]
            total += 2 * int(np.prod(shapes[node.output[0]][1:])) * int(each)
    return total


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
            (given,) = session.get_inputs()
            rows.append(
                {
                    "network": name,
                    "image_size": size,
                    "parameters": backbone.n_parameters,
                    "gflop": round(operations(path) / 1e9, 3),
                    "onnxruntime_ms": milliseconds(
                        lambda x, session=session, given=given: session.run(None, {given.name: x}),
                        size,
                    ),
                    "openvino_ms": milliseconds(openvino_network.open_network(path), size),
                }
            )
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(RESULTS / "networks.csv", index=False)


if __name__ == "__main__":
    main()
