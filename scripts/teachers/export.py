"""Convert trained networks for OpenVINO.

    python scripts/teachers/export.py --encoder FILE.onnx RUN/teacher.pt ... [--size 112]
    python scripts/teachers/export.py --network mobile RUN/student-all.pt

Writes ``NAME.xml`` and ``.bin`` beside each file: pixels (n, 3, size, size) from 0 to 255, RGB,
to the logits of all tasks. A converted encoder is no part of a distribution.
"""

import argparse
from pathlib import Path

import openvino as ov
import torch
from converted import load_trunk
from nets import Joint, to_engine
from students import STUDENTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, nargs="+")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--encoder", type=Path)
    start.add_argument("--network", choices=list(STUDENTS))
    parser.add_argument("--size", type=int, default=112)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for path in args.file:
        net = Joint(STUDENTS[args.network]() if args.network else load_trunk(args.encoder))
        state = torch.load(path, weights_only=True)
        net.load_state_dict(state)
        ov.save_model(to_engine(net, args.size), path.with_suffix(".xml"), compress_to_fp16=False)
        print(path.with_suffix(".xml"))


if __name__ == "__main__":
    main()
