"""Searches a task's space of parameters with KerasTuner."""

import importlib
import os
import tempfile
from contextlib import suppress
from typing import Any

import keras_tuner
from sklearn.base import clone

from agr.errors import AgrError, ParameterError, choice

ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
    "grid": keras_tuner.oracles.GridSearchOracle,
}


class EstimatorTuner(keras_tuner.Tuner):  # type: ignore[misc]
    """Fits a clone of the estimator in every trial."""

    def __init__(self, estimator: Any, space: Any, data: Any, **options: Any) -> None:
        self._estimator, self._space, self._data = estimator, space, data
        super().__init__(hypermodel=_Nothing(), **options)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Fit with the trial's parameters, and give its best validation loss."""
        params = self._space(trial.hyperparameters)
        X, y, validation_data = self._data
        estimator = clone(self._estimator).set_params(**params)
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        if epochs:
            estimator.set_params(epochs=epochs)
        try:
            estimator.fit(X, y, validation_data=validation_data)
        except AgrError as error:  # a wrong parameter or picture fails in every trial
            raise keras_tuner.errors.FatalTypeError(str(error)) from error
        return {"val_loss": min(epoch["val_loss"] for epoch in estimator.history_)}


class _Nothing(keras_tuner.HyperModel):  # type: ignore[misc]
    """KerasTuner asks for a model to build; the estimator builds its own."""

    def build(self, hp: Any) -> Any:
        return None


def search(
    estimator: Any,
    X: Any,
    y: Any,
    validation_data: tuple[Any, Any],
    trials: int,
    algorithm: str,
    directory: str | os.PathLike[str] | None,
    resume: bool,
) -> list[dict[str, Any]]:
    """Try settings from the space of the estimator's task.

    Parameters
    ----------
    estimator : ImageEstimator
        Cloned for every trial.
    X, y, validation_data
        As `ImageEstimator.fit` takes them.
    trials : int
        How many settings.
    algorithm : {"random", "bayesian", "hyperband", "grid"}
        How they are chosen.
    directory : path or None
        Where trials are kept.
    resume : bool
        Whether to go on with the trials in ``directory``.

    Returns
    -------
    list of dict
        ``trial``, ``status``, ``val_loss`` (NaN unless completed) and ``params``.

    Raises
    ------
    ParameterError
        An unknown algorithm, too few trials, or no trial that finished.
    """
    if algorithm not in ORACLES:
        raise ParameterError(choice("algorithm", algorithm, ORACLES))
    if trials < 1:
        raise ParameterError(f"trials must be at least 1, got {trials}.")
    module = importlib.import_module(f"agr.{estimator.task}.space")
    options: dict[str, Any] = {
        # The direction is always named: KerasTuner guesses some wrong.
        "objective": keras_tuner.Objective("val_loss", "min"),
        # KerasTuner takes 0 for no seed.
        "seed": None if estimator.random_state is None else estimator.random_state + 1,
        "max_consecutive_failed_trials": trials,
    }
    if algorithm == "hyperband":
        options["max_epochs"] = estimator.epochs
    else:
        options["max_trials"] = trials
    with tempfile.TemporaryDirectory() as scratch:
        try:
            tuner = EstimatorTuner(
                estimator,
                module.search_space,
                (X, y, validation_data),
                oracle=ORACLES[algorithm](**options),
                directory=os.fspath(directory or scratch),
                project_name=estimator.task,
                overwrite=not resume,
            )
            # The space is declared once up front, so that its first trial is the default.
            module.search_space(tuner.oracle.hyperparameters)
            # KerasTuner raises after many failures in a row; what was tried is told below.
            with suppress(RuntimeError):
                tuner.search(verbose=0)
        except keras_tuner.errors.FatalError as error:
            raise ParameterError(f"The search stopped: {error}") from error
        found = sorted(tuner.oracle.trials.values(), key=lambda trial: int(trial.trial_id))
        results = [_row(trial, module.search_space) for trial in found]
    if not any(row["status"] == "completed" for row in results):
        said = [trial.message.strip().splitlines()[-1] for trial in found if trial.message]
        raise ParameterError(f"No trial finished; the last said: {(said or ['nothing'])[-1]}")
    return results


def _row(trial: Any, space: Any) -> dict[str, Any]:
    completed = trial.status == "COMPLETED"
    return {
        "trial": trial.trial_id,
        "status": trial.status.lower(),
        "val_loss": float(trial.score) if completed else float("nan"),
        "params": space(trial.hyperparameters),
    }
