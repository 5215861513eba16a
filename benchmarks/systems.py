"""Train every configuration of the four published systems on the same small budget, in one table.

    python benchmarks/systems.py --data UTKFace
    python benchmarks/systems.py --data UTKFace --pictures 100 --epochs 1 --output /tmp/quick

The split is that of the other benchmarks (seed 0, 8 % validation, 16 % test). By default 1,000
pictures of its train part are learned, another 200 of it choose the best epoch, and the whole
validation part is scored; the test part stays untouched. Each row is what ``agr train`` does with
the row's ``configuration``, for 4 epochs in all (2 in each stage of a training in two), so the
scores compare small budgets and are far from what a whole training reaches. Trunks of
``keras.applications`` see smaller pictures than they were made for, and start from random weights
unless ``--imagenet`` is given.

Every row has a process of its own and is written when it is done; another run adds the rows that
are missing or failed. ``seconds_per_epoch`` is the mean over all epochs, the first with its
compilation; ``memory_mib`` is the most that the process held until its last epoch ended. Then three
networks for one task each are timed beside one network with three heads. Writes ``systems.csv`` and
``multi_output.csv`` to ``benchmarks/results/``.
"""

import argparse
import csv
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Budget, Configuration, time_networks, train_configuration

from agr.datasets import utkface
from agr.datasets.faces import Faces, Split

RESULTS = Path(__file__).parent / "results"
SEED = 0
TIMED = ("face_resnet", "mobilenet_v3_small")

CYCLES, PLAIN, TRANSFER, GROUPS = "conv_cycles", "imdb_wiki", "transfer", "groups"
CONFIGURATIONS = (
    Configuration(CYCLES, "age", "conv_cycles_regression"),
    Configuration(CYCLES, "age", "conv_cycles_decade"),
    Configuration(CYCLES, "age", "conv_cycles_balanced"),
    *(
        Configuration(CYCLES, "gender", f"conv_cycles{which}")
        for which in ("", "_3", "_5", "_6", "_leaky")
    ),
    Configuration(CYCLES, "gender", "conv_cycles", {"color": "grayscale"}),
    Configuration(CYCLES, "race", "conv_cycles"),
    Configuration(PLAIN, "age", "imdb_wiki"),
    Configuration(PLAIN, "gender", "imdb_wiki"),
    *(Configuration(TRANSFER, task, "inception") for task in ("age", "gender", "race")),
    *(Configuration(TRANSFER, task, "fine_tune") for task in ("age", "gender", "race")),
    *(
        Configuration(TRANSFER, "gender", "fine_tune", {"network": network})
        for network in ("vgg16", "resnet50", "xception", "mobilenet_v3_small")
    ),
    Configuration(
        TRANSFER,
        "gender",
        None,
        {"network": "mobilenet_v3_small", "weights": "imagenet", "trainable": "last:20"},
    ),
    Configuration(GROUPS, "age", "life_stages"),
    Configuration(GROUPS, "age", "ad_groups", min_age=7),
    Configuration(GROUPS, "gender", None),
    Configuration(GROUPS, "race", None),
)
KEY = ("system", "task", "configuration")
COLUMNS = (
    *KEY,
    *("network", "image_size", "start", "parameters", "epochs", "pictures"),
    *("seconds_per_epoch", "memory_mib"),
    *("age_mae", "age_bin_accuracy", "age_one_off_accuracy"),
    *("gender_accuracy", "gender_precision", "gender_recall", "gender_f1", "gender_auc"),
    *("race_accuracy", "race_macro_f1", "note"),
)
TIMED_KEY = ("network", "networks")
TIMED_COLUMNS = (
    *TIMED_KEY,
    *("image_size", "parameters", "pictures", "seconds_per_epoch", "epoch_ratio"),
    *("seconds_per_1000_predictions", "prediction_ratio", "memory_mib", "note"),
)


class Table:
    """A CSV file that grows row by row; rows that failed count as missing.

    Parameters
    ----------
    path : Path
        File to write, or to go on with.
    key : tuple of str
        Columns that name a row.
    columns : tuple of str
        All columns.
    again : bool
        Whether to begin anew.
    """

    def __init__(
        self, path: Path, key: tuple[str, ...], columns: tuple[str, ...], again: bool
    ) -> None:
        self._path, self._key, self._columns = path, key, columns
        self.rows: list[dict[str, Any]] = []
        if path.exists() and not again:
            with path.open(newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if row["parameters"]]

    def __contains__(self, named: dict[str, Any]) -> bool:
        return any(all(row[k] == named[k] for k in self._key) for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Append a row, and write the file."""
        self.rows.append(row)
        part = self._path.with_suffix(".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        os.replace(part, self._path)


def draw_budget(data: Path, folder: Path, pictures: int) -> None:
    """Put links to the pictures of the budget into a folder, and their parts into a split file.

    The file's part ``test``, which ``agr train`` scores, is the real split's validation part.
    """
    parts = utkface.read(data).split()
    train = parts.train.merge_duplicates()
    order = np.random.default_rng(SEED).permutation(len(train))
    n_used = pictures + max(1, pictures // 5)
    chosen = train.take(order[:pictures]), train.take(order[pictures:n_used]), parts.validation
    pool = folder / "pictures"
    pool.mkdir()
    linked = []
    for part in chosen:
        table = part.table.copy()
        links = [pool / Path(path).name for path in part.paths]
        for link, path in zip(links, part.paths, strict=True):
            link.symlink_to(Path(path).resolve())
        table["path"] = [str(link) for link in links]
        linked.append(Faces(table))
    Split(*linked).write_csv(folder / "split.csv", pool)


def in_own_process(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Do work in a fresh process, so that its memory is its own; an error becomes a note."""
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(work, *arguments).result()
    except Exception as error:  # whatever it is, the other rows go on
        return {"note": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def compare(budget: Budget, table: Table) -> None:
    """Train what the table lacks."""
    for configuration in CONFIGURATIONS:
        named = {
            "system": configuration.system,
            "task": configuration.task,
            "configuration": configuration.words,
        }
        if named not in table:
            started = time.monotonic()
            row = named | in_own_process(train_configuration, configuration, budget)
            table.add(row)
            print(f"{time.monotonic() - started:6.0f} s ", *row.values(), flush=True)


def compare_outputs(budget: Budget, table: Table) -> None:
    """Time three networks beside one with three heads, where the table lacks it."""
    for network in TIMED:
        one = {"network": network, "networks": "one with three heads"}
        three = {"network": network, "networks": "three"}
        if one in table and three in table:
            continue
        table.rows = [row for row in table.rows if row["network"] != network]
        one |= in_own_process(time_networks, network, True, budget)
        three |= in_own_process(time_networks, network, False, budget)
        for ratio, seconds in (
            ("epoch_ratio", "seconds_per_epoch"),
            ("prediction_ratio", "seconds_per_1000_predictions"),
        ):
            if seconds in one and seconds in three:
                three[ratio] = round(three[seconds] / one[seconds], 2)
        for row in (one, three):
            table.add(row)
            print(*row.values(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace pictures")
    parser.add_argument("--pictures", type=int, default=1000, help="pictures to learn from")
    parser.add_argument("--epochs", type=int, default=4, help="passes over them, in all stages")
    parser.add_argument("--imagenet", action="store_true", help="start trunks as published")
    parser.add_argument("--again", action="store_true", help="measure every row anew")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the two tables")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        draw_budget(args.data, Path(scratch), args.pictures)
        budget = Budget(Path(scratch), args.pictures, args.epochs, args.imagenet)
        compare(budget, Table(args.output / "systems.csv", KEY, COLUMNS, args.again))
        timed = Table(args.output / "multi_output.csv", TIMED_KEY, TIMED_COLUMNS, args.again)
        compare_outputs(budget, timed)


if __name__ == "__main__":
    main()
