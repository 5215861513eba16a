"""``agr tune``: from a folder of pictures to a table, a plot and a saved model."""

import csv
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.gender import GenderEstimator
from agr.runs.tune import TuneRun, _searched
from agr.training.tuning import workers

TINY = ("--network", "tiny", "--image-size", "16", "--batch-size", "16", "--epochs", "2")
TINY = (*TINY, "--augmentation", "none", "--color", "rgb", "--trainable", "all")


VALUES = ("chief", "192.0.2.1", "8123")  # an address for examples, which no machine has
ONGOING = "ongoing_trials"  # in KerasTuner's file


def table(folder):
    with (folder / "trials.csv").open() as stream:
        return list(csv.DictReader(stream))


def words(data, output, *more):
    found = ["tune", "gender", "--data", data, "--output", output, *TINY, *more]
    return [str(word) for word in found]


def run(*arguments):
    return CliRunner().invoke(app, words(*arguments))


@pytest.fixture(scope="module")
def done(drawn_utkface, tmp_path_factory):
    """Search once on the drawn folder; --only leaves two parameters."""
    output = tmp_path_factory.mktemp("tuned") / "model"
    only = ("--only", "dropout", "--only", "balance")
    return output, run(drawn_utkface, output, "--trials", "2", "--test", "0.25", *only)


class TestTune:
    def test_model_is_saved_with_the_best(self, done):
        output, found = done
        assert found.exit_code == 0, found.output
        rows = table(output.parent / "model-trials")
        best = min(rows, key=lambda row: float(row["val_loss"]))
        model = GenderEstimator.load(output)
        assert model.dropout == float(best["dropout"])
        assert (model.balance or "") == best["balance"]
        assert model.network == "tiny"
        assert found.stdout.split()[:3] == ["group", "n", "accuracy"]

    def test_table(self, done):
        output, _ = done
        rows = table(output.parent / "model-trials")
        assert list(rows[0]) == [
            "trial", "status", "val_loss", "epochs", "seconds", "error", "dropout", "balance",
        ]  # fmt: skip
        assert [(row["trial"], row["status"], row["epochs"], row["error"]) for row in rows] == [
            ("1", "completed", "2", ""),
            ("2", "completed", "2", ""),
        ]
        assert all(float(row["seconds"]) > 0 for row in rows)

    def test_plot(self, done):
        pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
        with Image.open(done[0].parent / "model-trials/trials.png") as picture:
            assert picture.size == (800, 450)

    def test_lines(self, done):
        lines = done[1].stderr.splitlines()
        first = next(k for k, line in enumerate(lines) if line == "searching dropout, balance")
        assert lines[first + 1].startswith("trial 1 (1 of 2 ended): val_loss ")
        assert lines[first + 1].endswith(" left")
        assert lines[first + 2].endswith("; about 0 s left")
        assert lines[first + 3].startswith("training with dropout ")

    def test_without_matplotlib_and_resumed(self, done, drawn_utkface, monkeypatch):
        """A finished search is gone on with at once, and the plot is left out."""
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        trials = done[0].parent / "model-trials" / "trials.csv"
        rows = table(trials.parent)
        trials.unlink()  # as if the stop had come before it was written
        only = ("--only", "dropout", "--only", "balance")
        found = run(
            drawn_utkface, done[0], "--trials", "2", "--test", "0.25", "--resume", "--overwrite",
            *only,
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        assert 'trials.png was left out. Plots need matplotlib: pip install "agr-faces[plots]"' in (
            found.stderr
        )
        assert "going on: 2 of 2 trials have ended" in found.stderr
        assert "trial 1 (" not in found.stderr
        assert table(trials.parent) == rows

    def test_every_setting_that_a_small_network_is_given_can_be_fitted(
        self, drawn_utkface, tmp_path
    ):
        """With the options of docs/how-to/tune.md, of which none but these is set."""
        options = ("--network", "tiny", "--image-size", "64", "--trials", "4", "--epochs", "1")
        command = ("tune", "gender", "--data", drawn_utkface, "--output", tmp_path / "model")
        found = CliRunner().invoke(app, [str(word) for word in (*command, *options)])
        assert found.exit_code == 0, found.output
        rows = table(tmp_path / "model-trials")
        assert [row["error"] for row in rows] == [""] * 4
        assert list(rows[0])[6:] == [
            "color", "dropout", "learning_rate", "weight_decay", "batch_size", "augmentation",
            "balance",
        ]  # fmt: skip

    def test_layers_that_learn_are_those_of_one_network(self, tmp_path):
        given = {"trainable": "last:80"}
        search = TuneRun(
            task="gender",
            data=tmp_path,
            output=tmp_path / "model",
            parameters=given,
            trials=2,
            algorithm="random",
            only=None,
            directory=tmp_path / "trials",
            resume=False,
            workers=1,
        )
        searched = _searched(search, GenderEstimator(**given))
        assert "dropout" in searched
        assert not {"network", "trainable"} & set(searched)

    def test_what_is_set_is_not_searched(self, drawn_utkface, tmp_path):
        more = ("--trials", "1", "--epochs", "1", "--balance", "weights")
        settings = ("--set", "dropout=0.5", "--set", "weight_decay=0", "--set", "warmup=0.2")
        found = run(drawn_utkface, tmp_path / "model", *more, *settings)
        assert found.exit_code == 0, found.output
        assert "searching learning_rate\n" in found.stderr
        model = GenderEstimator.load(tmp_path / "model")
        assert (model.dropout, model.weight_decay, model.warmup) == (0.5, 0, 0.2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--only", "color"], "color is to be searched, so give it no value."),
            (["--only", "dropout", "--set", "dropout=0.5"], "dropout is to be searched, so give"),
            (["--only", "droput"], "got 'droput'. Did you mean 'dropout'?"),
            (["--trials", "0"], "trials must be at least 1, got 0."),
            (["--workers", "0"], "workers must be at least 1, got 0."),
            (["--algorithm", "best"], "'best' is not one of"),
        ],
        ids=["value", "set", "only", "trials", "workers", "algorithm"],
    )
    def test_wrong(self, drawn_utkface, tmp_path, options, message):
        found = run(drawn_utkface, tmp_path / "model", *options)
        assert found.exit_code == 2
        assert message in " ".join(found.stderr.replace("│", " ").split())
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize(
        ("output", "options", "message"),
        [
            ("taken", [], "taken exists and holds no saved model"),
            ("model", [], "model holds a saved model already"),
            ("/proc/x", [], "No model can be saved in /proc/x"),
            ("m", ["--network", "tinny"], "Did you mean 'tiny'"),
        ],
        ids=["taken", "saved", "unwritable", "network"],
    )
    def test_wrong_before_anything_is_read(self, tmp_path, monkeypatch, output, options, message):
        monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
        (tmp_path / "taken").touch()
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "agr.json").touch()
        found = run(tmp_path, tmp_path / output, *options)
        assert found.exit_code == 2
        assert message in found.stderr

    def test_a_worker_needs_no_output(self, tmp_path, monkeypatch):
        """Its chief saves the model, perhaps on a disk that this machine has not."""
        for name in (workers.NAME, workers.HOST, workers.PORT):
            monkeypatch.setenv(name, "1")
        found = run(tmp_path / "gone", "/proc/x")
        assert "gone is not there" in found.stderr


class TestSeveralMachines:
    """KerasTuner's environment variables, as docs/how-to/tune.md sets them."""

    def test_a_worker_that_falls_silent_is_given_up(
        self, drawn_utkface, tmp_path, environment, monkeypatch
    ):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = {workers.HOST: "127.0.0.1", workers.PORT: str(probe.getsockname()[1])}
        monkeypatch.setattr(workers, "SILENCE", 15.0)
        for name, value in {**address, workers.NAME: "chief"}.items():
            monkeypatch.setenv(name, value)
        more = ("--trials", "3", "--only", "dropout", "--epochs", "8")
        chief, found = words(drawn_utkface, tmp_path / "model", *more), []
        search = threading.Thread(target=lambda: found.append(CliRunner().invoke(app, chief)))
        started = []
        try:
            search.start()
            for name in ("worker1", "worker2"):
                variables = {**environment, **address, workers.NAME: name}
                command = [sys.executable, "-m", "agr", *chief]
                started.append(
                    subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
                )
            state = tmp_path / "model-trials/gender-trials/oracle.json"
            while not (state.is_file() and "worker1" in json.loads(state.read_text())[ONGOING]):
                assert search.is_alive()
                time.sleep(0.02)
            started[0].send_signal(signal.SIGSTOP)
            search.join(180)
            assert not search.is_alive()
            said = started[1].communicate(timeout=60)[1]
        finally:
            for process in started:
                process.kill()
                process.communicate()
        assert found[0].exit_code == 0, found[0].output
        assert re.search(r"worker1 was killed or cut off; trial \d goes to", found[0].stderr)
        assert "worker2 was" not in found[0].stderr
        assert "the search is over; its chief has the results" in said
        rows = table(tmp_path / "model-trials")
        assert [row["status"] for row in rows] == ["completed"] * 3
        assert (tmp_path / "model" / "agr.json").is_file()

    def test_an_address_of_another_machine(self, drawn_utkface, tmp_path, monkeypatch):
        for name, value in zip((workers.NAME, workers.HOST, workers.PORT), VALUES, strict=True):
            monkeypatch.setenv(name, value)
        found = run(drawn_utkface, tmp_path / "model")
        assert found.exit_code == 2
        assert "Error: No chief can listen on 192.0.2.1:8123: " in found.stderr

    def test_a_missing_variable_is_named(self, drawn_utkface, tmp_path, monkeypatch):
        monkeypatch.setenv(workers.HOST, "127.0.0.1")
        found = run(drawn_utkface, tmp_path / "model")
        assert found.exit_code == 2
        assert "set KERASTUNER_TUNER_ID and KERASTUNER_ORACLE_PORT too" in found.stderr

    def test_workers_are_not_started_by_a_worker(self, drawn_utkface, tmp_path, monkeypatch):
        for name in (workers.NAME, workers.HOST, workers.PORT):
            monkeypatch.setenv(name, "1")
        found = run(drawn_utkface, tmp_path / "model", "--workers", "2")
        assert found.exit_code == 2
        assert "start each of them by itself" in found.stderr
