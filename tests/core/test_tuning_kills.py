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


@pytest.mark.parametrize("algorithm", ["random", "grid"])
def test_killed_search_goes_on(environment, new_estimator, few, tmp_path, algorithm):
    code = (
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "from conftest import draw_faces, make_estimator\n"
        "X, labels = draw_faces(40, seed=6)\n"
        "make_estimator('gender', epochs=3).tune(X, labels['gender'], trials=4, "
        "parameters=('dropout', 'learning_rate'), directory=sys.argv[2], algorithm=sys.argv[3])"
    )
    words = [sys.executable, "-c", code, Path(__file__).parents[1], tmp_path, algorithm]
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
    assert lines[0] == "going on after 1 trials"
    assert [line.split(" (")[0] for line in lines[1:]] == ["trial 2", "trial 3", "trial 4"]


def test_killed_worker_leaves_its_trial_to_another(new_estimator, few, tmp_path):
    estimator, lines = new_estimator("gender", epochs=10), []
    options = {"trials": TRIALS, "parameters": SEARCHED, "directory": tmp_path, "refit": False}
    search = threading.Thread(
        target=estimator.tune, args=few, kwargs={**options, "workers": 2, "say": lines.append}
    )
    search.start()
    wait_until(lambda: len(ongoing(tmp_path)) == 2)
    lost = int(ongoing(tmp_path)["worker1"]) + 1
    (first,) = [p for p in multiprocessing.active_children() if p.name == "worker1"]
    os.kill(first.pid, signal.SIGKILL)
    search.join(240)
    assert not search.is_alive()
    assert [trial["status"] for trial in estimator.trials_] == ["completed"] * TRIALS
    assert f"worker1 was killed or cut off; trial {lost} goes to another" in lines
    assert multiprocessing.active_children() == []
    assert not [name for name in os.environ if name.startswith("KERASTUNER")]
    assert [row["status"] for row in table(tmp_path)] == ["completed"] * TRIALS
