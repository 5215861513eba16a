r"""Score networks on the validation part, on the pictures as they are and spoiled.

    python scripts/teachers/evaluate.py --data DIR --model NAME=FILE.xml[*WEIGHT],FILE.xml ... \
        [--shipped agr] [--output scores.csv]

A model is one file or several whose probabilities are averaged; a file is what ``export.py`` wrote.
Pictures for a network of another size are scaled from 112 pixels. ``--shipped`` names the
package's folder, whose ``TASK/pretrained/model.onnx`` are scored beside.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import camera
import cv2
import numpy as np
import openvino as ov
import pandas as pd
from engines import load_engine
from nets import GENDERS, RACES, WIDTHS, probabilities
from scores import SHORT, score

SPOILED = {  # strength of each way
    "noise": 0.6,
    "low light": 0.8,
    "bright": 0.7,
    "blur": 0.6,
    "motion": 0.6,
    "jpeg": 0.8,
    "small": 0.7,
    "flat": 0.8,
    "haze": 0.75,
    "cast": 0.9,
    "gray": 1.0,
    "mask": 1.0,
    "band": 1.0,
}
N_SPOILED = 500

Answer = Callable[[np.ndarray], np.ndarray]


def load_answers(text: str, mirror: bool) -> Answer:
    """Load ``FILE[*WEIGHT],...`` as a function from pictures to probabilities."""
    engines = []
    for item in text.split(","):
        path, _, weight = item.partition("*")
        model = ov.Core().read_model(path)
        size = model.inputs[0].partial_shape[2].get_length()
        engines.append((float(weight or 1), size, load_engine(model)))
    total = sum(weight for weight, _, _ in engines)

    def answer(pictures: np.ndarray) -> np.ndarray:
        both = [pictures, pictures[:, :, ::-1]] if mirror else [pictures]
        parts = []
        for weight, size, engine in engines:
            for version in both:
                logits = np.concatenate(
                    [
                        engine(to_input(version[i : i + 32], size))
                        for i in range(0, len(version), 32)
                    ]
                )
                parts.append(weight / total / len(both) * probabilities(logits))
        return np.sum(parts, 0)

    return answer


def load_shipped(folder: Path) -> Answer:
    """Load the three models of the package as one function."""
    # The package sorts its labels by the alphabet.
    order = np.concatenate(
        [
            [sorted(GENDERS).index(label) for label in GENDERS],
            [len(GENDERS) + sorted(RACES).index(label) for label in RACES],
            np.arange(len(GENDERS) + len(RACES), sum(WIDTHS.values())),
        ]
    )
    engines = [load_engine(folder / task / "pretrained" / "model.onnx") for task in WIDTHS]

    def answer(pictures: np.ndarray) -> np.ndarray:
        batches = [np.ascontiguousarray(pictures[i : i + 32]) for i in range(0, len(pictures), 32)]
        answers = np.concatenate(
            [np.concatenate([engine(b) for b in batches]) for engine in engines], 1
        )
        return answers[:, order]

    return answer


def to_input(pictures: np.ndarray, size: int) -> np.ndarray:
    """Turn uint8 pictures (n, h, w, 3) into channels-first floats of a size."""
    if pictures.shape[1] != size:
        pictures = np.stack([cv2.resize(np.ascontiguousarray(p), (size, size)) for p in pictures])
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)


def score_all(answer: Answer, pictures: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Score every source, and UTKFace spoiled in every way."""
    result = {}
    answers = answer(pictures)
    for source, rows in faces.groupby("source").indices.items():
        for name, value in score(answers[rows], faces.iloc[rows]).items():
            result[f"{source} {name}"] = value
    own = np.flatnonzero(faces["source"] == "utkface")
    chosen = np.random.default_rng(0).choice(own, N_SPOILED, replace=False)
    sums: dict[str, list[float]] = {}
    for way, strength in SPOILED.items():
        rng = np.random.default_rng(len(way))
        spoiled = np.stack([camera.spoil(pictures[row], way, strength, rng) for row in chosen])
        scores = score(answer(spoiled), faces.iloc[chosen])
        for name in ("age MAE", "gender", "race"):
            result[f"{way}: {name}"] = scores[name]
            sums.setdefault(name, []).append(scores[name])
    return result | {f"spoiled {name}": float(np.mean(v)) for name, v in sums.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FILES")
    parser.add_argument("--shipped", type=Path)
    parser.add_argument("--mirror", choices=["no", "yes", "both"], default="both")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    faces = pd.read_csv(args.data / "faces.csv", low_memory=False)
    faces = faces[faces["part"] == "validation"].reset_index(drop=True)
    pictures = np.load(args.data / "held112.npy")
    table = {}
    if args.shipped:
        table["shipped"] = score_all(load_shipped(args.shipped), pictures, faces)
    for item in args.model:
        name, _, files = item.partition("=")
        for mirror in {"no": [False], "yes": [True], "both": [False, True]}[args.mirror]:
            answer = load_answers(files, mirror)
            table[name + " mirrored" * mirror] = score_all(answer, pictures, faces)
    frame = pd.DataFrame(table)
    if args.output:
        frame.round(4).to_csv(args.output)
    keys = [f"{source} {name}" for source, name in SHORT]
    keys += [
        k for k in frame.index if k not in keys and ("bias" in k or "spoiled" in k or ": age" in k)
    ]
    print(frame.loc[keys].round(3).to_string())


if __name__ == "__main__":
    main()
