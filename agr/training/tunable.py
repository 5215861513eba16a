"""The search for good parameters, as every estimator has it."""

import os
from abc import abstractmethod
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Self

import numpy.typing as npt
from sklearn.base import BaseEstimator

from agr.training.batches import hold_out, take_rows
from agr.training.parameters import check_parameters, make_seed


class Tunable(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators that adds `tune`."""

    task: ClassVar[str]
    random_state: int | None

    @abstractmethod
    def _check_pair(self, X: Any, y: Any) -> tuple[Any, npt.NDArray[Any]]: ...

    @abstractmethod
    def fit(self, X: Any, y: Any, *, validation_data: tuple[Any, Any] | None = None) -> Self:
        """Train on pictures and labels."""

    def tune(
        self,
        X: Any,
        y: Any,
        *,
        trials: int = 10,
        algorithm: str = "random",
        parameters: Collection[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        resume: bool = False,
        workers: int = 1,
        refit: bool = True,
        validation_data: tuple[Any, Any] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Self:
        """Search this task's space of parameters with KerasTuner.

        Parameters
        ----------
        X, y
            As in `fit`.
        trials : int, default=10
            How many settings are tried; ``"hyperband"`` makes this number from ``epochs``.
        algorithm : {"random", "bayesian", "hyperband", "grid"}, default="random"
            How they are chosen.
        parameters : collection of str, optional
            What is searched, for example ``("dropout", "learning_rate")``; the rest stays as this
            estimator has it. Default: everything in the task's ``space.py``.
        directory : path, optional
            Where trials are kept, with a table ``trials.csv`` of them; default: a folder that is
            deleted at the end.
        resume : bool, default=False
            Whether to go on with the search in ``directory``; otherwise it is deleted.
        workers : int, default=1
            Processes that fit trials side by side on this machine. A script must then start its
            work under ``if __name__ == "__main__":``, because each imports it.
        refit : bool, default=True
            Whether to fit with the best setting at the end.
        validation_data : tuple (X, y), optional
            Scores the trials; default: a tenth of the pictures.
        say : callable, optional
            Takes a line after each trial, for example ``print``.

        Returns
        -------
        self
            With ``best_params_``, which are set as parameters, and ``trials_``. Where KerasTuner's
            environment variables make this process a worker of a chief elsewhere, ``trials_`` is
            empty and nothing is set or fitted.
        """
        from agr.training import tuning

        check_parameters(self)
        X, y = self._check_pair(X, y)
        if validation_data is None:
            kept, held = hold_out(len(y), make_seed(self.random_state))
            validation_data = take_rows(X, held), y[held]
            X, y = take_rows(X, kept), y[kept]
        else:
            validation_data = self._check_pair(*validation_data)
        self.trials_ = tuning.search(
            self,
            (X, y, validation_data),
            trials=trials,
            algorithm=algorithm,
            directory=directory,
            resume=resume,
            parameters=parameters,
            workers=workers,
            say=say,
        )
        completed = [trial for trial in self.trials_ if trial["status"] == "completed"]
        if not completed:
            return self
        self.best_params_ = min(completed, key=lambda trial: trial["val_loss"])["params"]
        self.set_params(**self.best_params_)
        return self.fit(X, y, validation_data=validation_data) if refit else self
