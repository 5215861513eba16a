"""Searches and workers that are killed, with trainings that really happen."""

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agr.errors import TrainingError
from agr.training.tuning import workers

SEARCHED = ("dropout", "learning_rate")
TRIALS = 4


@pytest.fixture(scope="module")
def few(faces_drawn):
    X, labels = faces_drawn(40, seed=6)
    return X, labels["gender"]


def wait_until(ready, process=None, seconds=120):
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "waited too long"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def status(folder, number):
    path = folder / "gender-trials" / f"trial_{number}" / "trial.json"
    return json.loads(path.read_text())["status"] if path.is_file() else None


def ongoing(folder):
    path = folder / "gender-trials" / "oracle.json"
    return json.loads(path.read_text())["ongoing_trials"] if path.is_file() else {}


def table(folder):
    with (folder / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("algorithm", ["random", pytest.param("grid", marks=pytest.mark.slow)])
def test_killed_search_goes_on(environment, new_estimator, few, tmp_path, algorithm):
    code = (
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "from conftest import draw_faces, make_estimator\n"
        "X, labels = draw_faces(40, seed=6)\n"
        "make_estimator('gender', epochs=3).tune(X, labels['gender'], trials=4, "
        "parameters=('dropout', 'learning_rate'), directory=sys.argv[2], algorithm=sys.argv[3])"
    )
    words = [sys.executable, "-c", code, Path(__file__).parents[2], tmp_path, algorithm]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: status(tmp_path, 1) == "RUNNING", process)
    finally:
        process.kill()
        process.communicate()
    (before,) = table(tmp_path)
    estimator, lines = new_estimator("gender", epochs=3), []
    estimator.tune(
        *few,
        trials=TRIALS,
        algorithm=algorithm,
        parameters=SEARCHED,
        directory=tmp_path,
        resume=True,
        refit=False,
        say=lines.append,
    )
    assert [trial["status"] for trial in estimator.trials_] == ["completed"] * TRIALS
    rows = table(tmp_path)
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0] == before
    assert len({(row["dropout"], row["learning_rate"]) for row in rows}) == TRIALS
    assert lines[0] == "going on: 1 of 4 trials have ended"
    assert [line.split(" (")[0] for line in lines[1:]] == ["trial 2", "trial 3", "trial 4"]


class Search(threading.Thread):
    """A search with two workers, beside the test."""

    def __init__(self, estimator, few, folder):
        super().__init__()
        self.estimator, self.few, self.folder = estimator, few, folder
        self.lines, self.error = [], None

    def run(self):
        options = {"trials": TRIALS, "parameters": SEARCHED, "refit": False, "workers": 2}
        try:
            self.estimator.tune(*self.few, **options, directory=self.folder, say=self.lines.append)
        except TrainingError as error:
            self.error = str(error)

    def kill(self, *names):
        """Kill workers in the middle of their trials; gives the numbers of these."""
        wait_until(lambda: len(ongoing(self.folder)) == 2)
        held = ongoing(self.folder)
        for process in multiprocessing.active_children():
            if process.name in names:
                os.kill(process.pid, signal.SIGKILL)
        self.join(240)
        assert not self.is_alive()
        return [int(held[name]) + 1 for name in names]


@pytest.fixture
def search(new_estimator, few, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "SILENCE", 1e9)  # so that only the process tells
    search = Search(new_estimator("gender", epochs=5), few, tmp_path)
    search.start()
    return search


def test_killed_worker_leaves_its_trial_to_another(search, tmp_path):
    (lost,) = search.kill("worker1")
    assert [trial["status"] for trial in search.estimator.trials_] == ["completed"] * TRIALS
    assert f"worker1 was killed or cut off; trial {lost} goes to another" in search.lines
    assert multiprocessing.active_children() == []
    assert not [name for name in os.environ if name.startswith("KERASTUNER")]
    assert [row["status"] for row in table(tmp_path)] == ["completed"] * TRIALS


def test_without_any_worker_the_search_stops(search):
    search.kill("worker1", "worker2")
    assert search.error.startswith("All workers have ended before the search")
