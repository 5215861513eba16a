"""Compare ways of balancing: what each does to the scores of all, and of the worst group.

    python benchmarks/balancing.py --data UTKFace
    python benchmarks/balancing.py --data UTKFace --pictures 200 --epochs 1 --output /tmp/quick.csv

The split is that of the other benchmarks (seed 0, 8 % validation, 16 % test); the test part stays
untouched. From the train part 2,000 pictures are drawn (seed 0); the default network learns them
for 3 epochs at 64 x 64 pixels, the largest that SMOTE on pixels takes, and the validation part is
scored. So short a training compares the ways with each other, not with a whole training. Groups are
those of ``agr evaluate``: the worst of them counts with at least 30 pictures. ``joint`` weighs the
cells of gender, race and age group alike. Writes ``benchmarks/results/balancing.csv``.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from agr.datasets import utkface
from agr.datasets.faces import Faces
from agr.evaluation.groups import Report
from agr.tasks import TASKS
from agr.training.balancing import joint_weight

RESULTS = Path(__file__).parent / "results" / "balancing.csv"
SEED = 0
IMAGE_SIZE = 64
LEAST = 30  # pictures of a group whose score counts
LABEL_BALANCES = (
    *(None, "joint", "weights", "sqrt_weights", "undersample", "oversample"),
    *("augment", "batches", "smote", "smote_pixels"),
)
# What differs from the default, by task.
WAYS: dict[str, list[dict[str, Any]]] = {
    "gender": [{"balance": b} for b in (*LABEL_BALANCES, {"male": 0.5})],
    "race": [{"balance": b} for b in (*LABEL_BALANCES, {"white": 0.5})],
    "age": [
        *({"balance": b} for b in (None, "joint", "weights", "smoothed_weights")),
        {"bins": "balanced"},
    ],
}
SCORES = {
    "age": ("mae", "rmse"),
    "gender": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"),
    "race": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"),
}


def worst(report: Report, counts: dict[str, int], score: str) -> tuple[str, float]:
    """Find the group with the lowest accuracy, or the largest error."""
    scores = {g: s[score] for g, s in report.by_group.items() if counts[g] >= LEAST}
    name = (max if score == "mae" else min)(scores, key=lambda group: scores[group])
    return name, scores[name]


def try_way(
    task: str, way: dict[str, Any], train: Faces, held_out: Faces, epochs: int
) -> dict[str, Any]:
    """Train in one way of balancing, and score."""
    keras.backend.clear_session()
    X, y = train.labelled(task)
    parameters = dict(way)
    weights = None
    if parameters.get("balance") == "joint":
        del parameters["balance"]
        labelled = train.having(task)
        weights = joint_weight(labelled.groups())
    estimator = TASKS[task].load_estimator()(
        epochs=epochs, image_size=IMAGE_SIZE, random_state=SEED, **parameters
    )
    started = time.monotonic()
    estimator.fit(X, y, sample_weight=weights, validation_data=held_out.labelled(task))
    seconds = time.monotonic() - started
    labelled = held_out.having(task)
    columns = labelled.groups()
    columns["gender x race"] = columns["gender"] + " " + columns["race"]
    report = estimator.evaluate(*labelled.labelled(task), groups=columns)
    counts = {
        f"{name}={value}": int(n)
        for name in columns
        for value, n in columns[name].value_counts().items()
    }
    score = SCORES[task][0]
    group, value = worst(report, counts, score)
    return {
        **{name: round(report.overall[name], 4) for name in SCORES[task]},
        f"worst_{score}": round(value, 4),
        "worst_group": group,
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace pictures")
    parser.add_argument("--pictures", type=int, default=2000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--task", choices=WAYS, action="append", help="default: all")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    faces = utkface.read(args.data)
    parts = faces.split()
    train = parts.train.merge_duplicates()
    drawn = np.random.default_rng(SEED).permutation(len(train))[: args.pictures]
    train = train.take(np.sort(drawn))
    rows = []
    for task in args.task or WAYS:
        for way in WAYS[task]:
            result = try_way(task, way, train, parts.validation, args.epochs)
            name = ", ".join(f"{k} {v}" for k, v in way.items() if v is not None)
            rows.append({"task": task, "way": name or "none", **result})
            print(rows[-1], flush=True)
            pd.DataFrame(rows).to_csv(args.output, index=False)  # a stop loses one row


if __name__ == "__main__":
    main()
