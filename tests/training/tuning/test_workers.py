"""A chief and a worker that talk over gRPC, in one process."""

import os
import socket
import threading
import time

import keras_tuner
import pytest

from agr.training.tuning import tuner as tuning_tuner
from agr.training.tuning import workers
from agr.training.tuning.oracles import ORACLES
from agr.training.tuning.tuner import EstimatorTuner


@pytest.fixture
def make(monkeypatch, tmp_path, new_estimator):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv(workers.PORT, str(probe.getsockname()[1]))
    monkeypatch.setenv(workers.HOST, "127.0.0.1")

    def make(name):
        monkeypatch.setenv(workers.NAME, name)
        hp = keras_tuner.HyperParameters()
        hp.Float("dropout", 0.0, 0.5)
        objective = keras_tuner.Objective("val_loss", "min")
        oracle = ORACLES["random"](objective=objective, max_trials=1, hyperparameters=hp)
        folder = os.fspath(tmp_path / name)
        return EstimatorTuner(new_estimator("gender"), dict, None, oracle=oracle, directory=folder)

    return make


def test_a_worker_gives_signs_of_life_while_it_works(make, monkeypatch):
    monkeypatch.setattr(tuning_tuner, "BEAT", 0.1)
    chief = make("chief")
    server = threading.Thread(target=chief.search, kwargs={"verbose": 0}, daemon=True)
    server.start()
    time.sleep(0.5)  # it looks at the variables
    worker = make("worker1")
    trial = worker.oracle.create_trial("worker1")
    with worker._beating(trial.trial_id):
        time.sleep(3)
        assert chief.oracle.silent(2.0) == []
    time.sleep(3)
    assert chief.oracle.silent(2.0) == ["worker1"]
    trial.status = "FAILED"
    worker.oracle.end_trial(trial)
    assert worker.oracle.create_trial("worker1").status == "STOPPED"
    server.join(30)
    assert not server.is_alive()


def test_roles(monkeypatch):
    assert workers.role() == "alone"
    for name in (workers.HOST, workers.PORT):
        monkeypatch.setenv(name, "1")
    for name, role in (("chief", "chief"), ("worker7", "worker")):
        monkeypatch.setenv(workers.NAME, name)
        assert workers.role() == role
