"""Fit linear heads on the frozen features of an encoder, one set a fold and one for all.

    python scripts/teachers/fit_linear.py --data DIR --encoder faceres_deep.onnx --output DIR

The features of every training picture and its mirror image are computed once, in OpenVINO, and kept
in the output folder; ``linear-FOLD.pt`` there can be exported as a teacher's file is.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from converted import load_trunk
from engines import load_engine
from nets import Joint, fit_heads, make_targets, to_engine
from numpy.lib.format import open_memmap
from train_teacher import choose_rows

BATCH = 32


def write_features(trunk: torch.nn.Module, pictures: np.ndarray, path: Path) -> None:
    """Write the features of pictures and of their mirror images, shape (2, n, width)."""
    engine = load_engine(to_engine(trunk, pictures.shape[1]))
    beside = path.with_suffix(".part")
    features = open_memmap(beside, "w+", np.float16, (2, len(pictures), trunk.width))
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH].transpose(0, 3, 1, 2).astype(np.float32)
        for side, version in enumerate((batch, batch[..., ::-1])):
            features[side, start : start + BATCH] = engine(np.ascontiguousarray(version))
    features.flush()
    beside.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    faces = pd.read_csv(args.data / "faces.csv", low_memory=False)
    pictures = np.load(args.data / "pictures.npy", mmap_mode="r")
    targets = torch.from_numpy(make_targets(faces))
    net = Joint(load_trunk(args.encoder))
    file = args.output / "features.npy"
    if not file.exists():
        write_features(net.trunk, pictures, file)
    features = np.load(file, mmap_mode="r")
    for fold in ("0", "1", "2", "none"):
        always, some = choose_rows(faces, fold)
        rows = np.concatenate([always, some])
        shown = np.concatenate([features[0, rows], features[1, rows]]).astype(np.float32)
        torch.manual_seed(0)
        fit_heads(net, torch.from_numpy(shown), targets[np.tile(rows, 2)], args.steps)
        torch.save(net.state_dict(), args.output / f"linear-{fold}.pt")
        print("fold", fold, len(rows), "pictures", flush=True)


if __name__ == "__main__":
    main()
