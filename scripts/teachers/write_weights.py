r"""Write the trunk of a MobileNet student as agr's ``face_mobilenet`` takes it.

    python scripts/teachers/write_weights.py RUN/student-all.pt \
        --output agr/training/networks/face_mobilenet.npz

The names are those of the layers in the order of the network: ``stem``, ``depthwise1``,
``pointwise1`` and so on, each with ``kernel`` and ``bias``. Large arrays are kept as float16.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from nets import Joint
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    net = Joint(STUDENTS["mobile"]()).eval()
    net.load_state_dict(torch.load(args.file, weights_only=True))
    arrays = trunk_arrays(net.trunk)
    halved = {k: a.astype(np.float16) if a.ndim > 1 else a for k, a in arrays.items()}
    np.savez_compressed(args.output, **halved)
    print(args.output, sum(a.size for a in arrays.values()), "numbers")


if __name__ == "__main__":
    main()
