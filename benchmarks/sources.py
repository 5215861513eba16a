"""Score the models in agr on the untouched test part of each source of pictures.

    python benchmarks/sources.py --data DIR

DIR holds the pictures of ``benchmarks/results/split_sources.csv.gz``: those of UTKFace, and of LFW,
CelebA and MEBeauty, which are cut into parts by person. Writes ``benchmarks/results/sources.csv``,
a row per source, task and score, with a 95 % bootstrap interval.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from agr import Predictor
from agr.datasets.faces import Faces, Split
from agr.tasks import TASKS

RESULTS = Path(__file__).parent / "results"
COLUMNS = ("source", "task", "group", "metric", "n", "value", "low", "high")
RESAMPLES = 1000


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Give a mean with its bootstrap interval."""
    draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return round(float(values.mean()), 4), round(float(low), 4), round(float(high), 4)


def rows_of(source: str, faces: Faces, task: str, answers: pd.Series) -> list[tuple]:
    """Score one task on one source, overall and by gender."""
    truth = faces.table[task]
    if task == "age":
        metric, each = "mae", (answers.astype(float) - truth.astype(float)).abs()
    else:
        metric, each = "accuracy", (answers == truth).astype(float)
    gender = faces.table["gender"]
    groups = {"all": truth.notna()}
    groups |= {f"gender={word}": truth.notna() & (gender == word) for word in ("female", "male")}
    return [
        (source, task, name, metric, int(mask.sum()), *interval(each[mask].to_numpy()))
        for name, mask in groups.items()
        if mask.any()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    test = Split.read_csv(RESULTS / "split_sources.csv.gz", args.data).test
    answers = pd.DataFrame(
        [
            {task: getattr(answer, task) for task in TASKS}
            for answer in Predictor(faces="crop").stream(test.paths)
        ]
    )
    rows = []
    for source in test.table["source"].unique():
        mask = (test.table["source"] == source).to_numpy()
        faces, given = test.take(mask), answers[mask].reset_index(drop=True)
        for task in TASKS:
            if len(faces.having(task)):
                rows += rows_of(source, faces, task, given[task])
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(RESULTS / "sources.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
