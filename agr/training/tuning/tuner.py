"""A trial: fits a clone of the estimator, and notes how that went."""

import json
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from sklearn.base import clone

from agr.training.tuning.oracles import RESULT
from agr.training.tuning.space import Space

PAUSE = 0.2  # seconds before a worker asks for a trial
BEAT = 5.0  # seconds between a worker's signs of life


class EstimatorTuner(keras_tuner.Tuner):  # type: ignore[misc]
    """Fits a clone of the estimator in every trial."""

    def __init__(self, estimator: Any, space: Space, data: Any, **options: Any) -> None:
        self._estimator, self._space, self._data = estimator, space, data
        self.on_end: Any = lambda: None
        self._result: dict[str, Any] = {}
        super().__init__(**options)
        self._far = not isinstance(self.oracle, keras_tuner.Oracle)  # in another process

    def pre_create_trial(self) -> None:
        """Give the chief a rest: KerasTuner's workers ask without a pause while they wait."""
        if self._far:
            time.sleep(PAUSE)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Fit with the trial's parameters, and give its best validation loss."""
        params = self._space(trial.hyperparameters)
        X, y, validation_data = self._data
        estimator = clone(self._estimator).set_params(**params)
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        if epochs:
            estimator.set_params(epochs=epochs)
        estimator.fit(X, y, validation_data=validation_data, verbose=False)
        self._result["epochs"] = len(estimator.history_)
        return {"val_loss": min(epoch["val_loss"] for epoch in estimator.history_)}

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        # KerasTuner's own prints a traceback, and tries some failures again.
        began = time.monotonic()
        self._result = {}
        try:
            with self._beating(trial.trial_id):
                self._run_and_update_trial(trial)
            trial.status = TrialStatus.COMPLETED
        except Exception as error:
            trial.status = TrialStatus.FAILED
            self._result["error"] = " ".join(f"{type(error).__name__}: {error}".split())
            self._result["traceback"] = traceback.format_exc()
        self._result["seconds"] = round(time.monotonic() - began, 2)
        trial.hyperparameters.values[RESULT] = json.dumps(self._result)

    def save(self) -> None:
        """Keep the oracle's state; a tuner has none of its own."""
        if not self._far:
            self.oracle.save()

    def on_trial_end(self, trial: Any) -> None:
        """Tell the oracle, and whoever watches."""
        super().on_trial_end(trial)
        self.on_end()

    @contextmanager
    def _beating(self, trial_id: str) -> Iterator[None]:
        """Let the chief know, from time to time, that this worker is alive."""
        if not self._far:
            yield
            return
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT):
                with suppress(Exception):  # the chief may be gone for a while
                    self.oracle.get_trial(trial_id)

        threading.Thread(target=beat, daemon=True).start()
        try:
            yield
        finally:
            done.set()
