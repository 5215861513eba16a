"""Search good parameters for each task with KerasTuner, on real pictures at a small budget.

    python benchmarks/searches.py --data UTKFace --directory state
    python benchmarks/searches.py --data UTKFace --directory state --resume    # after a stop

The split is that of the other benchmarks (seed 0, 8 % validation, 16 % test); the test part stays
untouched. From the train part 1,500 pictures are drawn (seed 0), and every trial learns them for 2
epochs; half of the validation part gives its loss. The first trial is the default. The network
stays ``face_resnet`` in colour at its native size, which other experiments chose; the rest of a
task's space is searched. Writes ``benchmarks/results/search_TASK.csv``.
"""

import argparse
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np

from agr.core.space import names_of
from agr.datasets import utkface
from agr.tasks import TASKS
from agr.training_run import estimator_class

RESULTS = Path(__file__).parent / "results"
SEED, VALIDATION, TEST = 0, 0.08, 0.16
KEPT = ("network", "image_size", "color")  # as the constructor has them


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
    parts = faces.split(validation=VALIDATION, test=TEST, random_state=SEED)
    train = parts.train.merge_duplicates()
    drawn = np.random.default_rng(SEED).permutation(len(train))[: args.pictures]
    train = train.take(np.sort(drawn))
    held_out = parts.validation.take(np.arange(0, len(parts.validation), 2))
    for task in args.task or TASKS:
        space = import_module(f"agr.{task}.space").search_space
        estimator = estimator_class(task)(epochs=args.epochs, random_state=SEED)
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


if __name__ == "__main__":
    main()
