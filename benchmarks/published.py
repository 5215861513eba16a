"""Train and score age by a published list of UTKFace pictures, for ages from 21 to 60.

    python benchmarks/published.py --data UTKFace --list coral_21-60.csv --checkpoint state

The list says which pictures are for training and which for the test (columns ``split`` and
``file``); it was published with the CORAL work on ordinal regression. It names no validation part:
an eighth of the training pictures is drawn (seed 0), and with it those that are identical to a test
picture are left out. The network is the default with the settings below, from its packaged start,
which has seen none of these labels. Writes ``benchmarks/results/published.csv``.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from agr.datasets import utkface
from agr.datasets.faces import Faces, Split
from agr.runs.train import Run, train_run

RESULTS = Path(__file__).parent / "results" / "published.csv"
SEED, VALIDATION = 0, 1 / 8
SETTINGS = {"epochs": 12, "learning_rate": 1e-3, "augmentation": "medium"}


def published_split(faces: Faces, listed: pd.DataFrame) -> Split:
    """Part the pictures as the list says, without training pictures that are in the test part."""
    part_of = dict(zip(listed["file"], listed["split"], strict=True))
    parts = np.array([part_of.get(Path(path).name, "") for path in faces.paths])
    faces = faces.take(parts != "")
    parts = parts[parts != ""]
    groups = faces.duplicate_groups()
    learnable = (parts == "train") & ~np.isin(groups, groups[parts == "test"])
    rest = faces.take(learnable).split(validation=VALIDATION, test=0, random_state=SEED)
    return Split(rest.train, rest.validation, faces.take(parts == "test"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace pictures")
    parser.add_argument("--list", type=Path, required=True, help="CSV of the published list")
    parser.add_argument("--checkpoint", type=Path, help="state of the training, to go on from")
    args = parser.parse_args()
    parts = published_split(utkface.read(args.data), pd.read_csv(args.list))
    print(*(f"{name} {len(part)}" for name, part in zip(Split._fields, parts, strict=True)))
    with tempfile.TemporaryDirectory() as scratch:
        split = Path(scratch) / "published.csv"
        parts.write_csv(split, args.data)
        run = Run(
            task="age",
            data=args.data,
            output=Path(scratch) / "model",
            parameters=SETTINGS,
            split=split,
            checkpoint=args.checkpoint,
        )
        report = train_run(run, print)
    table = pd.DataFrame(
        {"measure": report.overall.keys(), "n": report.n, "value": report.overall.values()}
    )
    table.round(4).to_csv(RESULTS, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
