"""A whole search for parameters on a data set on disk, as the command line offers it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agr.errors import MissingExtraError, ParameterError
from agr.evaluation.groups import Report
from agr.runs.selection import Work, read_parts
from agr.runs.train import score_and_save
from agr.tasks import TASKS
from agr.training.parameters import check_parameters
from agr.training.tuning.space import names_of, own_space

PLOT = "trials.png"


@dataclass(frozen=True, kw_only=True)
class TuneRun(Work):
    """One search; see ``agr tune --help``."""

    trials: int
    algorithm: str
    only: list[str] | None
    directory: Path
    resume: bool
    workers: int


def tune_run(run: TuneRun, say: Callable[[str], None]) -> Report | None:
    """Read, split, search, train with the best parameters, score and save.

    Parameters
    ----------
    run : TuneRun
        What to do.
    say : callable
        Takes a line about the progress.

    Returns
    -------
    Report or None
        Scores on the test part; None from a worker, whose chief does the rest.
    """
    from agr.training.tuning.workers import role

    if role() != "worker":  # whose chief saves the model
        run.check_output()
    estimator = TASKS[run.task].load_estimator()(**run.parameters, random_state=run.seed)
    check_parameters(estimator)  # before every picture is read
    searched = _searched(run, estimator)
    train, parts = read_parts(run, say)
    X, y = train.labelled(run.task)
    validation_data = parts.validation.labelled(run.task)
    say(f"searching {', '.join(searched)}")
    estimator.tune(
        X,
        y,
        trials=run.trials,
        algorithm=run.algorithm,
        parameters=searched,
        directory=run.directory,
        resume=run.resume,
        workers=run.workers,
        refit=False,
        validation_data=validation_data,
        say=say,
    )
    if not estimator.trials_:
        say("the search is over; its chief has the results")
        return None
    _draw(estimator.trials_, run.directory / PLOT, say)
    best = ", ".join(f"{name} {value}" for name, value in estimator.best_params_.items())
    say(f"training with {best}")
    estimator.fit(X, y, validation_data=validation_data)
    return score_and_save(estimator, run, parts, len(y), say)


def _searched(run: TuneRun, estimator: Any) -> list[str]:
    if run.only is None:
        given = set(run.parameters)
        if estimator.trainable != "all":  # it counts the layers of the estimator's own network
            given.add("network")
        space = own_space(estimator, fixed="network" in given)
        return [name for name in names_of(space) if name not in given]
    both = [name for name in run.only if name in run.parameters]
    if both:
        raise ParameterError(f"{both[0]} is to be searched, so give it no value.")
    return run.only


def _draw(trials: list[dict[str, Any]], path: Path, say: Callable[[str], None]) -> None:
    from agr.plots import trial_losses
    from agr.plots.canvas import new_figure

    try:
        figure = new_figure()
    except MissingExtraError as error:
        say(f"{path.name} was left out. {error}")
        return
    trial_losses(trials, ax=figure.subplots())
    figure.savefig(path)
