"""Measure what each candidate costs: milliseconds a picture, and pictures a second in training.

    python scripts/teachers/speed.py [--output speed.csv] [--networks mobile resnet ...]

One thread. The least of many calls counts, so that a busy machine disturbs little.
"""

import argparse
import io
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from engines import load_engine
from nets import to_engine
from students import STUDENTS


def least(call, seconds: float = 3.0, leave: int = 3) -> float:
    """Give the shortest of the calls that fit into some seconds."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < leave or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def count_gflop(net: torch.nn.Module, size: int) -> float:
    """Count two operations for every multiplication of the convolutions."""
    total = []

    def add(layer: torch.nn.Conv2d, _, out: torch.Tensor) -> None:
        total.append(2 * layer.weight[0].numel() * out[0].numel())

    hooks = [m.register_forward_hook(add) for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return sum(total) / 1e9


def measure(net: torch.nn.Module, size: int) -> dict[str, float]:
    """Measure one network."""
    row = {
        "GFLOP": count_gflop(net, size),
        "M weights": sum(p.numel() for p in net.parameters()) / 1e6,
    }
    one, many = (np.random.rand(n, 3, size, size).astype(np.float32) * 255 for n in (1, 32))
    model = to_engine(net, size)
    for precision in ("f32", "bf16"):
        engine = load_engine(model, precision=precision)
        row[f"OpenVINO {precision} 1"] = 1000 * least(partial(engine, one))
        row[f"OpenVINO {precision} 32"] = 1000 * least(partial(engine, many)) / 32
    session = _onnx_session(net, size)
    if session:
        row["ONNX Runtime 1"] = 1000 * least(lambda: session.run(None, {"x": one}))
        row["ONNX Runtime 32"] = 1000 * least(lambda: session.run(None, {"x": many})) / 32
    net = net.train().to(memory_format=torch.channels_last)
    x = torch.from_numpy(np.tile(many, (2, 1, 1, 1))).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            features = net(x)
        features.float().pow(2).mean().backward()
        net.zero_grad()

    return row | {"training pic/s": len(x) / least(step, 6.0)}


def _onnx_session(net: torch.nn.Module, size: int):
    import onnxruntime as ort

    buffer = io.BytesIO()
    try:
        torch.onnx.export(
            net,
            torch.zeros(1, 3, size, size),
            buffer,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    except Exception as error:  # the exporter is not part of every PyTorch
        print("not exported:", error)
        return None
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(buffer.getvalue(), options, ["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=list(STUDENTS), metavar="NAME[@SIZE]")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    table = {}
    for item in args.networks:
        name, _, size = item.partition("@")
        table[item] = measure(STUDENTS[name](), int(size or 112))
        print(pd.Series(table[item], name=item).round(3).to_string(), flush=True)
    frame = pd.DataFrame(table).T.round(3)
    print(frame.to_string())
    if args.output:
        frame.to_csv(args.output)


if __name__ == "__main__":
    main()
