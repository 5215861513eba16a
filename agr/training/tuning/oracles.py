"""KerasTuner's oracles, which choose settings, made to outlive kills of searches and workers."""

import contextlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

RESULT = "tuner/result"  # gRPC passes on a trial's values, but not its message
WAITING = (TrialStatus.RUNNING, TrialStatus.INVALID)


class _Lasting:
    """Mixin of every oracle.

    ``finished`` turns true when all trials have ended and a tuner was told so.
    """

    def __init__(self, **options: Any) -> None:
        # A trial whose worker was killed is tried once more; one that failed is not. KerasTuner
        # would end the search after some failures by an error, with its lock held.
        options.update(max_retries_per_trial=1, max_consecutive_failed_trials=10**9)
        super().__init__(**options)
        self.finished = False
        self._heard: dict[str, float] = {}  # trial by id: when its worker was last heard of

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def create_trial(self, tuner_id: str) -> Any:
        """Give a trial, or tell the tuner to wait or to stop."""
        trial = super().create_trial(tuner_id)  # type: ignore[misc]
        self._heard[trial.trial_id] = time.monotonic()
        if trial.status == TrialStatus.STOPPED:
            # A worker is kept while others work: should one of them be killed, who else is there?
            self.finished = not self.ongoing_trials
            if not self.finished:
                trial.status = TrialStatus.IDLE
                self.tuner_ids.add(tuner_id)
        return trial

    def get_trial(self, trial_id: str) -> Any:
        """Give a trial; a worker that asks for it is alive."""
        self._heard[trial_id] = time.monotonic()
        return super().get_trial(trial_id)  # type: ignore[misc]

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def end_trial(self, trial: Any) -> None:
        """Note how a trial ended, unless it was given to nobody or has ended already."""
        if trial.trial_id not in {held.trial_id for held in self.ongoing_trials.values()}:
            return
        known = self.trials[trial.trial_id]
        trial.message = trial.hyperparameters.values.pop(RESULT, trial.message)
        # gRPC rounds numbers to 32 bits, and a grid would not know them again.
        trial.hyperparameters = known.hyperparameters
        super().end_trial(trial)  # type: ignore[misc]

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def lose(self, tuner_id: str) -> Any:
        """Take the trial from a worker that has gone; gives it, or None if there was none."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.get(tuner_id)
        if trial is not None:
            trial.status = TrialStatus.INVALID
            trial.message = json.dumps({"error": f"its worker {tuner_id} was killed or cut off"})
            with contextlib.redirect_stdout(io.StringIO()):  # KerasTuner prints
                super().end_trial(trial)  # type: ignore[misc]
        return trial

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def silent(self, seconds: float) -> list[str]:
        """Name the workers that have a trial and were not heard of for so long."""
        # Synchronized, as a trial that is just being given has no time yet, or that of a worker
        # that lost it.
        now = time.monotonic()
        return [
            tuner_id
            for tuner_id, trial in self.ongoing_trials.items()
            if now - self._heard[trial.trial_id] > seconds
        ]

    def reload(self) -> None:
        """Go on from the files of a search that was stopped anywhere."""
        super().reload()  # type: ignore[misc]
        # A kill can fall between KerasTuner's writes; the files of the trials are right.
        waiting = [key for key, trial in self.trials.items() if trial.status in WAITING]
        self._retry_queue = sorted(waiting, reverse=True)

    def save(self) -> None:
        """Write the state, so that a kill leaves the last one whole."""
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        folder = self._get_trial_dir(trial.trial_id)
        write_json(os.path.join(folder, "trial.json"), trial.get_state())

    # What KerasTuner's oracles have.
    ongoing_trials: dict[str, Any]
    trials: dict[str, Any]
    tuner_ids: set[str]
    get_state: Any
    _get_oracle_fname: Any
    _get_trial_dir: Any


def write_json(path: str | os.PathLike[str], state: Any) -> None:
    """Write a file beside the old one, and rename it over that at the end."""
    part = Path(f"{path}.part")
    part.write_text(json.dumps(state))
    os.replace(part, path)


class Random(_Lasting, keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """Draws every setting by chance."""


class Bayesian(_Lasting, keras_tuner.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Looks where a Gaussian process expects low losses, after some settings by chance."""


class Hyperband(_Lasting, keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """Gives many settings few epochs, and the best of them more."""

    def planned(self) -> tuple[int, int]:
        """Count the trials, and the epochs of all of them together."""
        rounds = [
            (self._get_size(bracket, k), self._get_epochs(bracket, k))
            for bracket in range(self._get_num_brackets())
            for k in range(self._get_num_rounds(bracket))
        ]
        return sum(n for n, _ in rounds), sum(n * epochs for n, epochs in rounds)


class Grid(_Lasting, keras_tuner.oracles.GridSearchOracle):  # type: ignore[misc]
    """Goes through all settings in order; the first are the defaults."""

    def reload(self) -> None:
        """Find the place in the grid again, which KerasTuner does not keep."""
        super().reload()
        for trial_id in sorted(self.trials):
            self._ordered_ids.insert(trial_id)
        self._populate_next = sorted(self.trials)[-1:]


ORACLES = {"random": Random, "bayesian": Bayesian, "hyperband": Hyperband, "grid": Grid}
