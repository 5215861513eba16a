"""Time each stage of a prediction on one core, beside what the core could do at most.

    python benchmarks/stages.py --crop CROP.jpg     # a face crop of 200 x 200 pixels

Every stage is repeated in turns; the least and the median milliseconds are told, and those that the
processor spent, which depend less on who else is busy. The limit of a network is its
multiplications over those per second of a product of int8 matrices (float ones for the detectors),
measured here too.
Writes ``results/stages.csv``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

import agr
from agr import Predictor
from agr.core.images import read_image, read_photo, resize
from agr.core.runtime import open_session
from agr.tasks import TASKS

HERE = Path(__file__).parent
ROOM = Path(agr.__file__).parent
ROUNDS, REPEATS = 15, 20
SIDES = (256, 512, 1024)  # of the matrices; the best counts


def multiplications(path: Path, shape: tuple[int, ...]) -> float:
    """Count those of a network's convolutions, in millions."""
    model = onnx.load(path)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model)
    sizes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output)
    }
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            name = node.input[1]
            while name not in weights:  # stored smaller, and widened first
                name = makers[name].input[0]
            total += int(np.prod(weights[name][1:])) * int(np.prod(sizes[node.output[0]]))
    return total / 1e6


def peak(kind: str, side: int) -> float:
    """Measure multiplications per second of one core, in thousand millions."""
    rng = np.random.default_rng(0)
    shape = [side, side]
    if kind == "int8":
        weights, images = rng.integers(-127, 127, shape, np.int8), rng.integers(0, 255, shape)
        images, types = images.astype(np.uint8), (TensorProto.UINT8, TensorProto.INT32)
    else:
        weights, images = (rng.random(shape, np.float32) for _ in range(2))
        types = (TensorProto.FLOAT, TensorProto.FLOAT)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger" if kind == "int8" else "MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", types[0], shape)],
        [helper.make_tensor_value_info("y", types[1], shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "product.onnx"
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8),
            path,
        )
        session = open_session(path)
    seconds = []
    for _ in range(100):
        started = time.perf_counter()
        session.run(None, {"x": images})
        seconds.append(time.perf_counter() - started)
    return side**3 / min(seconds) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--crop", type=Path, required=True)
    args = parser.parse_args()
    from detection import paste
    from PIL import Image

    crop = read_image(args.crop)
    engines = {"onnxruntime": Predictor(engine="onnxruntime", threads=1)}
    try:
        engines["openvino"] = Predictor(engine="openvino", threads=1)
    except ImportError:
        print("openvino is not installed; it is left out")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "photo.jpg"
        made, _ = paste(resize(crop, 200), 200, np.random.default_rng(1), (640, 480))
        Image.fromarray(made).save(file, quality=90)
        rows = measure(args.crop, crop, file, engines)
    peaks = {kind: max(peak(kind, side) for side in SIDES) for kind in ("int8", "float")}
    print({kind: f"{value:.0f} thousand million per second" for kind, value in peaks.items()})
    work = {f"three networks, {name}": ("int8", three_networks()) for name in engines}
    work["YuNet, 640x480"] = (
        "float",
        multiplications(ROOM / "photo/detectors/yunet.onnx", (1, 480, 640, 3)),
    )
    work["CenterFace, second look"] = (
        "float",
        multiplications(ROOM / "photo/detectors/centerface.onnx", (1, 128, 128, 3)),
    )
    for row in rows:
        kind, millions = work.get(row["stage"].removesuffix(", each of 32"), (None, None))
        row["millions"] = millions and round(millions)
        row["limit"] = millions and round(millions / peaks[kind], 3)
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "results/stages.csv", index=False)
    print(table.to_string(index=False))


def three_networks() -> float:
    paths = [ROOM / task / "pretrained/model.onnx" for task in TASKS]
    return sum(multiplications(path, (1, 112, 112, 3)) for path in paths)


def measure(
    path: Path, crop: np.ndarray, photo: Path, engines: dict[str, Predictor]
) -> list[dict[str, object]]:
    """Repeat every stage in turns."""
    from agr.photo import quality
    from agr.photo.alignment import align

    first = engines["onnxruntime"]
    detector = first._open_detector()
    pixels, _ = read_photo(photo)
    (face,) = detector(pixels)
    size = first._sizes[0]
    one = resize(crop, size)[None]
    many = np.repeat(one, 32, axis=0)
    stages: dict[str, tuple[int, Callable[[], object]]] = {
        "decode a crop, 200x200": (1, lambda: read_image(path)),
        "resize it": (1, lambda: resize(crop, size)),
        "decode a photo, 640x480": (1, lambda: read_photo(photo)),
        "YuNet, 640x480": (1, lambda: detector._session.run(None, {"images": pixels[None]})),
        "CenterFace, second look": (
            1,
            lambda: detector._centerface._run(np.zeros((1, 128, 128, 3), np.uint8)),
        ),
        "detector as a whole": (1, lambda: detector(pixels)),
        "align a face": (1, lambda: align(pixels, face.landmarks, size, detector.framing)),
        "quality of a face": (1, lambda: quality.measure(one[0], size, face.landmarks)),
    }
    for name, predictor in engines.items():
        networks = list(predictor._engines.values())
        stages |= {
            f"three networks, {name}": (1, lambda n=networks: [net(one) for net in n]),
            f"three networks, {name}, each of 32": (
                32,
                lambda n=networks: [net(many) for net in n],
            ),
            f"predict a crop, {name}": (1, lambda p=predictor: p.predict(crop, faces="crop")),
            f"predict a photo, {name}": (1, lambda p=predictor: p.predict_photo(photo)),
        }
    taken: dict[str, list[float]] = {name: [] for name in stages}
    spent: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(ROUNDS):
        for name, (n, work) in stages.items():
            work()
            repeats = max(2, REPEATS // n)
            before = time.process_time()
            for _ in range(repeats):
                started = time.perf_counter()
                work()
                taken[name].append(1000 * (time.perf_counter() - started) / n)
            spent[name].append(1000 * (time.process_time() - before) / repeats / n)
    return [
        {
            "stage": name,
            "least_ms": round(min(taken[name]), 3),
            "median_ms": round(float(np.median(taken[name])), 3),
            "processor_ms": round(float(np.median(spent[name])), 3),
        }
        for name in stages
    ]


if __name__ == "__main__":
    main()
