r"""Write trained teachers as ``agr train --teachers`` takes them.

    python scripts/teachers/write_teachers.py --data DIR --output FOLDER \
        --encoder face_reid_0095.onnx --linear faceres_deep.onnx --share 0.2 \
        RUN0/teacher.pt,LINEAR/linear-0.pt RUN1/teacher.pt,LINEAR/linear-1.pt ...

Each argument is a teacher: a fine-tuned encoder, and heads fitted on another one whose share in the
answer is ``--share``. The place of an argument is the fold that neither learned from. Writes
``teachers.json``, an ONNX network for each, and ``folds.csv``. The folder is no part of a
distribution.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from converted import load_trunk
from nets import GENDERS, RACES, WIDTHS, Joint, cut
from torch import nn

SIZE, LINEAR_SIZE = 112, 128
COLUMNS = {"gender": np.argsort(GENDERS), "race": np.argsort(RACES), "age": np.arange(121)}


class Teacher(nn.Module):
    """A fine-tuned encoder and a frozen one with fitted heads, averaged.

    Parameters
    ----------
    tuned, frozen : Joint
        The two.
    share : float
        Of the frozen one in the answer.
    """

    def __init__(self, tuned: Joint, frozen: Joint, share: float) -> None:
        super().__init__()
        self.tuned, self.frozen, self.share = tuned, frozen, share

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Turn uint8 RGB pictures (n, h, w, 3) into probabilities, labels in alphabetical order."""
        x = image.permute(0, 3, 1, 2).float()
        size = (LINEAR_SIZE, LINEAR_SIZE)
        larger = nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
        parts = []
        for task in WIDTHS:
            tuned = torch.softmax(cut(self.tuned(x))[task], 1)
            frozen = torch.softmax(cut(self.frozen(larger))[task], 1)
            mixed = (1 - self.share) * tuned + self.share * frozen
            parts.append(mixed[:, torch.from_numpy(COLUMNS[task])])
        return torch.cat(parts, 1)


def load(encoder: Path, state: str) -> Joint:
    """Load an encoder with its heads."""
    net = Joint(load_trunk(encoder))
    net.load_state_dict(torch.load(state, weights_only=True))
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("teacher", nargs="+", metavar="TUNED,LINEAR")
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--linear", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    names = [f"teacher-{k}.onnx" for k in range(len(args.teacher))]
    for pair, name in zip(args.teacher, names, strict=True):
        tuned, linear = pair.split(",")
        net = Teacher(load(args.encoder, tuned), load(args.linear, linear), args.share).eval()
        torch.onnx.export(
            net,
            (torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8),),
            args.output / name,
            input_names=["image"],
            dynamic_axes={"image": {0: "n"}},
            dynamo=False,
        )
        print(args.output / name)
    faces = pd.read_csv(args.data / "faces.csv", low_memory=False)
    folds = faces.loc[(faces["part"] == "train") & (faces["fold"] >= 0), ["hash", "fold"]]
    folds.to_csv(args.output / "folds.csv", index=False)
    widths = {task: len(columns) for task, columns in COLUMNS.items()}
    listed = {"image_size": SIZE, "widths": widths, "files": names, "folds": "folds.csv"}
    (args.output / "teachers.json").write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    main()
