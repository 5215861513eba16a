"""A whole training on a data set on disk, as the command line offers it."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from agr.datasets.faces import Faces, Split
from agr.errors import ParameterError, choice
from agr.evaluation.groups import Report
from agr.runs.evaluate import evaluate_faces
from agr.runs.selection import Work, read_parts
from agr.tasks import TASKS
from agr.training.balancing import joint_weight
from agr.training.parameters import check_parameters
from agr.training.recipes import Recipe

FIXED = ("network", "weights", "image_size", "color")  # by the first training


@dataclass(frozen=True, kw_only=True)
class Run(Work):
    """One training."""

    recipe: str | None = None
    teachers: Path | None = None
    start: Path | None = None
    checkpoint: Path | None = None
    tensorboard: Path | None = None

    @property
    def joint(self) -> bool:
        """Whether gender, race and age group are balanced together."""
        return self.parameters.get("balance") == "joint"


def train_run(run: Run, say: Callable[[str], None]) -> Report:
    """Read, split, train, score and save.

    Parameters
    ----------
    run : Run
        What to do.
    say : callable
        Takes a line about the progress.

    Returns
    -------
    Report
        Scores on the test part.
    """
    run.check_output()
    stages = _stages(run)
    for stage in stages:  # as fit does, but before every picture is read
        check_parameters(stage)
    train, parts = read_parts(run, say)
    X, y = train.labelled(run.task)
    sample_weight = joint_weight(train.having(run.task).groups()) if run.joint else None
    taught = {} if run.teachers is None else _ask_teachers(run.teachers, run.task, train)
    with tempfile.TemporaryDirectory() as scratch:
        # Stages are kept beside the state, so that a resumed training finds the same start.
        folder, start = run.checkpoint or Path(scratch), stages[0].weights
        for number, estimator in enumerate(stages, start=1):
            if number > 1:
                estimator.set_params(weights=str(folder / f"{run.task}-{number - 1}-model"))
                say(f"stage {number} of {len(stages)}")
            learn = estimator.fit if run.start is None else estimator.partial_fit
            learn(
                X,
                y,
                sample_weight=sample_weight,
                **taught,
                validation_data=parts.validation.labelled(run.task),
                checkpoint_dir=folder / f"{run.task}-{number}",
                callbacks=_callbacks(estimator, run, say),
                verbose=False,
            )
            if number < len(stages):
                estimator.save(folder / f"{run.task}-{number}-model")
    estimator.set_params(weights=start)  # for another fit; those of the stages may be gone by then
    return score_and_save(estimator, run, parts, len(y), say)


def score_and_save(
    estimator: Any, run: Work, parts: Split, n_train: int, say: Callable[[str], None]
) -> Report:
    """Score a fitted estimator on the test part, and save it with the scores.

    Parameters
    ----------
    estimator : ImageEstimator
        Fitted.
    run : Work
        Where to, and what is noted of the data.
    parts : Split
        From `read_parts`.
    n_train : int
        Pictures that it learned from.
    say : callable
        Takes a line.

    Returns
    -------
    Report
        Scores on the test part.
    """
    report = evaluate_faces(estimator, parts.test)
    notes = {
        "data": run.data.name,
        "pictures": f"{n_train} train, {len(parts.validation)} validation, {len(parts.test)} test",
        "split": run.split.name if run.split else f"seed {run.seed}",
    }
    if run.parameters.get("balance") == "joint":  # which is no parameter of the estimator
        notes["balance"] = "joint"
    estimator.save(run.output, notes=notes, report=report)
    say(f"saved to {run.output}")
    return report


def _ask_teachers(folder: Path, task: str, train: Faces) -> dict[str, Any]:
    from agr.training.teachers import Teachers

    labelled = train.table[task].notna()
    ordered = pd.concat([train.table[labelled], train.table[~labelled]])
    asked = Teachers(folder, task, ordered["hash"])
    return {"soft_labels": asked, "unlabelled": list(train.table["path"][~labelled])}


def _stages(run: Run) -> list[Any]:
    """Give an estimator for each stage of a recipe, with what the user gave."""
    kind = TASKS[run.task].load_estimator()
    parameters = {**run.parameters, "random_state": run.seed}
    if run.joint:  # instead of what a recipe or a saved model says
        parameters["balance"] = None
    if run.start is not None:
        fixed = [name for name in FIXED if name in parameters]
        if run.recipe is not None or fixed:
            raise ParameterError(
                f"--from goes on with the saved network, so {', '.join(fixed) or 'recipe'} cannot "
                "be chosen; leave it out, or train anew without --from."
            )
        return [kind.load(run.start).set_params(**parameters)]
    recipes = TASKS[run.task].load_recipes()
    if run.recipe is not None and run.recipe not in recipes:
        raise ParameterError(choice("recipe", run.recipe, recipes))
    recipe = recipes[run.recipe] if run.recipe else Recipe(({},))
    if recipe.taught and run.teachers is None:
        raise ParameterError(
            f"recipe {run.recipe!r} learns from teachers; give the folder that holds them: "
            "--teachers FOLDER. scripts/teachers/README.md says how they are made."
        )
    return [kind(**stage) for stage in recipe.having(**parameters).stages]


def _callbacks(estimator: Any, run: Run, say: Callable[[str], None]) -> list[Any]:
    import keras

    from agr.training.loop import say_epochs

    callbacks: list[Any] = [say_epochs(estimator.epochs, say)]
    if run.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(str(run.tensorboard)))
    return callbacks
