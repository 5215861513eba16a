"""Turn an ONNX trunk of convolutions into a PyTorch module that can learn.

    python scripts/teachers/converted.py FILE.onnx      # compares it with ONNX Runtime

Constants that are added to or multiplied with a convolution's output become its bias and weights;
what TensorFlow's layout left behind (transposes, ``relu`` cut at six in three steps) becomes what
it means. Nodes after the first output of shape (n, features) are left out.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from depthwise import depthwise
from onnx import numpy_helper
from torch import nn


class SamePad(nn.Module):
    """Pad as TensorFlow does for a kernel of three: one more pixel below and to the right.

    Parameters
    ----------
    kernel, stride : int
        Of the convolution that follows.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pad."""
        sides = []
        for n in (int(x.shape[-1]), int(x.shape[-2])):
            missing = max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0)
            sides += [missing // 2, missing - missing // 2]
        return nn.functional.pad(x, sides)


class Slope(nn.Module):
    """PReLU with one slope for all channels.

    Parameters
    ----------
    slope : float
        Where the learning starts.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([slope]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give x, or the slope times x below zero."""
        return nn.functional.prelu(x, self.weight.to(x.dtype))


class Trunk(nn.Module):
    """Replay the graph of an ONNX file from RGB pixels (0 to 255, channels first) to features.

    Parameters
    ----------
    path : path
        The ONNX file; it takes BGR.
    mean : sequence of three floats, default=(0, 0, 0)
        Subtracted from blue, green and red.

    Attributes
    ----------
    width : int
        Number of features.
    """

    def __init__(self, path: str | Path, mean: tuple[float, ...] = (0.0, 0.0, 0.0)) -> None:
        super().__init__()
        graph = onnx.load(path).graph
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.layers = nn.ModuleDict()
        self.steps: list[tuple[str, str, list[str]]] = []  # output, kind or layer, inputs
        same = {graph.input[0].name: "x"}  # what a skipped node's output is
        made_by: dict[str, str] = {"x": ""}  # the convolution that may still take constants
        for node in graph.node:
            inputs = [same.get(i, i) for i in node.input if i not in constants]
            values = [constants[i] for i in node.input if i in constants]
            settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            out = node.output[0]
            if node.op_type in ("Transpose", "Identity", "Min", "Max"):
                same[out] = inputs[0]
                continue
            if node.op_type in ("Add", "Mul") and values:
                if self._fold(node.op_type, made_by.get(inputs[0], ""), values[0]):
                    same[out] = inputs[0]
                    continue
                self._add_scale(node.op_type, out, values[0], inputs)
            elif node.op_type == "Conv":
                inputs = self._add_conv(out, values[0], settings, inputs)
                made_by[out] = out
            elif node.op_type == "PRelu":
                self.layers[out] = Slope(float(values[0].ravel()[0]))
                self.steps.append((out, out, inputs))
            elif node.op_type == "Relu":
                self.layers[out] = nn.ReLU6(inplace=True)
                self.steps.append((out, out, inputs))
            else:
                self.steps.append((out, node.op_type, inputs))
            if node.op_type == "ReduceMean":
                break
        self.width = self.layers[[s[1] for s in self.steps if s[1] in made_by][-1]].out_channels

    def _add_conv(self, out: str, kernel: np.ndarray, settings: dict, inputs: list) -> list:
        stride, size, groups = settings["strides"][0], kernel.shape[-1], settings["group"]
        padding = 0
        if settings.get("auto_pad") == b"SAME_UPPER" and size > 1:
            if stride == 1:
                padding = size // 2
            else:
                self.layers[f"{out}_pad"] = SamePad(size, stride)
                self.steps.append((f"{out}_pad", f"{out}_pad", inputs))
                inputs = [f"{out}_pad"]
        elif "pads" in settings:
            padding = settings["pads"][0]
        if groups == kernel.shape[0]:
            layer = depthwise(groups, size, stride, padding)
        else:
            layer = nn.Conv2d(
                kernel.shape[1] * groups, kernel.shape[0], size, stride, padding, groups=groups
            )
        layer.weight.data = torch.tensor(kernel)
        layer.bias.data.zero_()
        self.layers[out] = layer
        self.steps.append((out, out, inputs))
        return inputs

    def _fold(self, kind: str, conv: str, value: np.ndarray) -> bool:
        """Put a constant into the convolution before it, if there is one."""
        if not conv:
            return False
        layer, vector = self.layers[conv], torch.tensor(value.reshape(-1))
        if kind == "Add":
            layer.bias.data += vector
        else:
            layer.weight.data *= vector.view(-1, 1, 1, 1)
            layer.bias.data *= vector
        return True

    def _add_scale(self, kind: str, out: str, value: np.ndarray, inputs: list) -> None:
        self.register_buffer(f"constant_{out}", torch.tensor(value.reshape(1, -1, 1, 1)))
        self.steps.append((out, f"{kind} constant", inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Replay the graph."""
        values = {"x": x.flip(1) - self.mean}
        last = {name: i for i, step in enumerate(self.steps) for name in step[2]}
        for i, (out, kind, inputs) in enumerate(self.steps):
            arguments = [values[name] for name in inputs]
            for name in inputs:
                if last[name] == i:
                    values.pop(name, None)
            if kind in self.layers:
                y = self.layers[kind](*arguments)
            elif kind == "Add constant":
                y = arguments[0] + getattr(self, f"constant_{out}")
            elif kind == "Mul constant":
                y = arguments[0] * getattr(self, f"constant_{out}")
            elif kind == "Add":
                y = arguments[0] + arguments[1]
            elif kind == "Mul":
                y = arguments[0] * arguments[1]
            elif kind == "Sigmoid":
                y = arguments[0].sigmoid()
            elif kind == "GlobalAveragePool":
                y = arguments[0].mean((2, 3), keepdim=True)
            else:  # ReduceMean
                y = arguments[0].mean((2, 3))
            values[out] = y
        return y


MEANS = {"faceres_deep": (103.939, 116.779, 123.68)}


def load_trunk(path: str | Path) -> Trunk:
    """Convert one of the two encoders, with the means that it subtracts."""
    return Trunk(path, MEANS.get(Path(path).stem, (0.0, 0.0, 0.0)))


def main() -> None:
    import onnxruntime as ort

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, nargs="+")
    for path in parser.parse_args().file:
        trunk = load_trunk(path).eval()
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        pixels = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3)).astype(np.float32)
        given = pixels[..., ::-1] - np.array(trunk.mean.view(3), np.float32)
        if session.get_inputs()[0].shape[1] == 3:
            given = given.transpose(0, 3, 1, 2)
        expected = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(given)})[0]
        with torch.no_grad():
            got = trunk(torch.tensor(pixels.transpose(0, 3, 1, 2))).numpy()
        error, scale = np.abs(got - expected).max(), np.abs(expected).max()
        print(f"{path.stem}: {trunk.width} features, differs by {error:.2g} of {scale:.2g}")
        if error > 1e-3 * max(1, scale):
            sys.exit("too far")


if __name__ == "__main__":
    main()
