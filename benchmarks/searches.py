"""Search good parameters for each task with KerasTuner, on real pictures at a small budget.

    python benchmarks/searches.py --data UTKFace --directory state
    python benchmarks/searches.py --data UTKFace --directory state --resume    # after a stop

The split is that of the other benchmarks (seed 0, 8 % validation, 16 % test); the test part stays
untouched. From the train part 1,500 pictures are drawn (seed 0), and every trial learns them for 2
epochs; half of the validation part gives its loss. The network stays ``face_resnet`` in colour at
its native size, which other experiments chose; the rest of a task's space is searched. Writes
``benchmarks/results/search_TASK.csv``.

So short a search favours a network that is hardly changed. So the best setting and the default are
then compared at five times the budget, 3,000 pictures and 5 epochs, by the loss of the whole
validation part, in ``benchmarks/results/search_check.csv``.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from agr.datasets import utkface
from agr.datasets.faces import Faces
from agr.tasks import TASKS
from agr.training.tuning.space import names_of

RESULTS = Path(__file__).parent / "results"
CHECK_PICTURES, CHECK_EPOCHS = 3000, 5
SEED = 0
KEPT = ("network", "image_size", "color")  # as the constructor has them


def compare(task: str, best: dict[str, Any], train: Faces, held_out: Faces) -> dict[str, Any]:
    """Train with the best setting and with the default, at the larger budget."""
    row: dict[str, Any] = {"task": task, "pictures": len(train), "epochs": CHECK_EPOCHS}
    for name, parameters in (("default", {}), ("best", best)):
        keras.backend.clear_session()
        estimator = (
            TASKS[task]
            .load_estimator()(epochs=CHECK_EPOCHS, random_state=SEED, **parameters)
            .fit(*train.labelled(task), validation_data=held_out.labelled(task))
        )
        scores = estimator.evaluate(*held_out.labelled(task)).overall
        row[f"{name}_val_loss"] = round(min(e["val_loss"] for e in estimator.history_), 4)
        row[f"{name}_score"] = round(scores["mae" if task == "age" else "accuracy"], 4)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace pictures")
    parser.add_argument("--directory", type=Path, required=True, help="keeps the trials")
    parser.add_argument("--resume", action="store_true", help="go on with them")
    parser.add_argument("--task", choices=TASKS, action="append", help="default: all")
    parser.add_argument("--pictures", type=int, default=1500, help="to learn from")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--algorithm", default="bayesian")
    args = parser.parse_args()
    faces = utkface.read(args.data)
    parts = faces.split()
    train = parts.train.merge_duplicates()
    order = np.random.default_rng(SEED).permutation(len(train))
    more = train.take(np.sort(order[:CHECK_PICTURES]))
    train = train.take(np.sort(order[: args.pictures]))
    held_out = parts.validation.take(np.arange(0, len(parts.validation), 2))
    rows: list[dict[str, Any]] = []
    for task in args.task or TASKS:
        space = TASKS[task].load_space()
        estimator = TASKS[task].load_estimator()(epochs=args.epochs, random_state=SEED)
        estimator.tune(
            *train.labelled(task),
            trials=args.trials,
            algorithm=args.algorithm,
            parameters=[name for name in names_of(space) if name not in KEPT],
            directory=args.directory / task,
            resume=args.resume,
            refit=False,
            validation_data=held_out.labelled(task),
            say=lambda line: print(line, flush=True),
        )
        shutil.copy(args.directory / task / "trials.csv", RESULTS / f"search_{task}.csv")
        print(task, "best:", estimator.best_params_, flush=True)
        rows.append(compare(task, estimator.best_params_, more, parts.validation))
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(RESULTS / "search_check.csv", index=False)


if __name__ == "__main__":
    main()
