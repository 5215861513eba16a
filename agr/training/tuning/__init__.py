"""Searches a task's space of parameters with KerasTuner."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import keras_tuner

from agr.errors import ParameterError, TrainingError, choice
from agr.training.batches import raw_bytes
from agr.training.parameters import plain
from agr.training.tuning.oracles import ORACLES, write_json
from agr.training.tuning.progress import Progress
from agr.training.tuning.space import Space, narrowed, own_space
from agr.training.tuning.tuner import EstimatorTuner
from agr.training.tuning.workers import follow, lead, local_workers, role

TABLE = "trials.csv"


def search(
    estimator: Any,
    data: tuple[Any, Any, tuple[Any, Any]],
    *,
    trials: int,
    algorithm: str,
    directory: str | os.PathLike[str] | None,
    resume: bool,
    parameters: Collection[str] | None,
    workers: int,
    say: Callable[[str], None] | None,
) -> list[dict[str, Any]]:
    """Try settings from the space of the estimator's task."""
    if algorithm not in ORACLES:
        raise ParameterError(choice("algorithm", algorithm, ORACLES))
    for name, value in (("trials", trials), ("workers", workers)):
        if value < 1:
            raise ParameterError(f"{name} must be at least 1, got {value}.")
    if workers > 1 and role() != "alone":
        raise ParameterError(
            "workers starts them on this machine; with KerasTuner's environment variables set, "
            "start each of them by itself."
        )
    space = _space(estimator, parameters)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(directory or scratch)
        if role() == "worker":  # its files are of no use to anybody
            follow(_tuner(estimator, space, data, algorithm, trials, Path(scratch)))
            return []
        _prepare(folder, estimator, space, data, algorithm, resume)
        with contextlib.ExitStack() as stack:
            processes = {}
            if workers > 1:
                work = (estimator, parameters, data, algorithm, trials)
                processes = stack.enter_context(local_workers(workers, _work, *work))
            tuner = _tuner(estimator, space, data, algorithm, trials, folder)
            progress = Progress(
                tuner.oracle,
                space,
                tuner.oracle.planned()
                if algorithm == "hyperband"
                else (trials, trials * estimator.epochs),
                epochs=estimator.epochs,
                workers=workers,
                table=folder / TABLE if directory else None,
                say=say or (lambda line: None),
            )
            if role() == "chief":
                lead(tuner, progress, processes)
            else:
                tuner.on_end = progress.update
                tuner.search(verbose=0)
        results = progress.rows()
    if not any(row["status"] == "completed" for row in results):
        said = [row["error"] for row in results if row["error"]]
        raise TrainingError(f"No trial finished; the last said: {(said or ['nothing'])[-1]}")
    return results


def _work(
    estimator: Any, parameters: Collection[str] | None, data: Any, algorithm: str, trials: int
) -> None:
    space = _space(estimator, parameters)
    with tempfile.TemporaryDirectory() as scratch:
        follow(_tuner(estimator, space, data, algorithm, trials, Path(scratch)))


def _space(estimator: Any, parameters: Collection[str] | None) -> Space:
    fixed = parameters is not None and "network" not in parameters
    return narrowed(own_space(estimator, fixed=fixed), parameters)


def _tuner(
    estimator: Any, space: Space, data: Any, algorithm: str, trials: int, folder: Path
) -> EstimatorTuner:
    hyperparameters = keras_tuner.HyperParameters()
    space(hyperparameters)
    options: dict[str, Any] = {
        # The direction is always named: KerasTuner guesses some wrong.
        "objective": keras_tuner.Objective("val_loss", "min"),
        # KerasTuner takes 0 for no seed.
        "seed": None if estimator.random_state is None else estimator.random_state + 1,
        "hyperparameters": hyperparameters,
    }
    if algorithm == "hyperband":
        options["max_epochs"] = estimator.epochs
    else:
        options["max_trials"] = trials
    tuner = EstimatorTuner(
        estimator,
        space,
        data,
        oracle=ORACLES[algorithm](**options),
        directory=os.fspath(folder),
        project_name=_project(estimator.task),
    )
    if (folder / _project(estimator.task) / "oracle.json").is_file():
        tuner.oracle.reload()
    return tuner


def _project(task: str) -> str:
    return f"{task}-trials"


def _prepare(
    folder: Path, estimator: Any, space: Space, data: Any, algorithm: str, resume: bool
) -> None:
    """Empty the folder of an old search, or see that it can be gone on with."""
    project = folder / _project(estimator.task)
    about = project / "search.json"
    searched = keras_tuner.HyperParameters()
    names = space(searched)
    fixed = {k: v for k, v in estimator.get_params(deep=False).items() if k not in names}
    wanted = {"algorithm": algorithm, "searched": sorted(names), "fixed": plain(fixed)}
    wanted["data"] = _about(data)
    if project.exists() and not about.is_file():
        raise ParameterError(f"{project} holds no search; choose another directory.")
    if project.exists() and not resume:
        shutil.rmtree(project)
    found = json.loads(about.read_text()) if about.is_file() else wanted
    if {**found, "data": wanted["data"]} != wanted:
        raise ParameterError(
            f"{project} holds another search (other algorithm or parameters). Choose another "
            "directory, or start anew without resume."
        )
    began = found.get("data", "data of which an older agr kept nothing")
    if began != wanted["data"]:
        raise ParameterError(
            f"{project} holds a search on other data: expected {began}, got {wanted['data']}. Give "
            "the data that it began with, choose another directory, or start anew without resume."
        )
    project.mkdir(parents=True, exist_ok=True)
    write_json(about, wanted)


def _about(data: Any) -> str:
    """Count the pictures, and name them and their labels by a checksum."""
    X, y, held_out = data
    digest = hashlib.sha256()
    for part in (X, y, *held_out):
        digest.update(raw_bytes(part))
    return (
        f"{len(y)} pictures to learn from and {len(held_out[1])} to compare trials by, "
        f"of checksum {digest.hexdigest()[:16]}"
    )
