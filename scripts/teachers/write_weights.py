"""Write a MobileNet student as arrays that Keras takes.

    python scripts/teachers/write_weights.py RUN/student-gender.pt --task gender --output FILE.npz

The names are those of the layers in the order of the network: ``stem``, ``depthwise1``,
``pointwise1`` and so on, each with ``kernel`` and ``bias``, and ``logits`` of the one task; what
the heads do to the features before is part of ``logits``. Labels are in alphabetical order.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from nets import GENDERS, RACES, WIDTHS, Joint
from students import STUDENTS
from torch import nn


def trunk_arrays(trunk: nn.Module) -> dict[str, np.ndarray]:
    """Kernels and biases of the convolutions, as Keras lays them out."""
    arrays = {}
    convolutions = [m for m in trunk.modules() if isinstance(m, nn.Conv2d)]
    for place, layer in enumerate(convolutions):
        kernel = layer.weight.detach().numpy()
        if place == 0:
            name, order = "stem", (2, 3, 1, 0)
        elif layer.groups > 1:  # Keras: (h, w, channels, 1)
            name, order = f"depthwise{(place + 1) // 2}", (2, 3, 0, 1)
        else:
            name, order = f"pointwise{place // 2}", (2, 3, 1, 0)
        arrays[f"{name}/kernel"] = np.ascontiguousarray(kernel.transpose(order))
        arrays[f"{name}/bias"] = layer.bias.detach().numpy()
    return arrays


def head_arrays(net: Joint, task: str) -> dict[str, np.ndarray]:
    """One task's layer on the trunk's plain features."""
    start = sum(list(WIDTHS.values())[: list(WIDTHS).index(task)])
    rows = np.arange(start, start + WIDTHS[task])
    labels = {"gender": GENDERS, "race": RACES}.get(task)
    if labels:
        rows = rows[np.argsort(labels)]
    kernel = (net.heads.weight / net.spread)[rows].detach()
    bias = net.heads.bias[rows].detach() - kernel @ net.centre
    return {"logits/kernel": kernel.numpy().T.copy(), "logits/bias": bias.numpy()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", choices=list(WIDTHS), required=True)
    parser.add_argument("--network", choices=["mobile", "mobile_half"], default="mobile")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    net = Joint(STUDENTS[args.network]()).eval()
    net.load_state_dict(torch.load(args.file, weights_only=True))
    arrays = trunk_arrays(net.trunk) | head_arrays(net, args.task)
    np.savez(args.output, **arrays)
    print(args.output, sum(a.size for a in arrays.values()), "numbers")


if __name__ == "__main__":
    main()
