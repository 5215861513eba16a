"""What the oracles add to KerasTuner's; no training."""

import json
import threading
import time

import keras_tuner
import pytest

from agr.training.tuning.oracles import ORACLES, RESULT
from agr.training.tuning.progress import duration
from agr.training.tuning.space import balance_of, names_of, narrowed, shared_space


def make(folder, algorithm="random", trials=3):
    hp = keras_tuner.HyperParameters()
    hp.Float("dropout", 0.0, 0.5, step=0.1, default=0.2)
    oracle = ORACLES[algorithm](
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=trials,
        hyperparameters=hp,
        seed=1,
    )
    oracle.verbose = 0
    oracle._set_project_dir(str(folder), "search")
    return oracle


def end(oracle, trial, status="COMPLETED", loss=1.0):
    oracle.update_trial(trial.trial_id, {"val_loss": loss})
    trial.status = status
    oracle.end_trial(trial)


def through_grpc(trial):
    return keras_tuner.engine.trial.Trial.from_proto(trial.to_proto())


def run_all(oracle, n=100):
    """Run up to n trials; gives what they drew."""
    drawn = []
    while len(drawn) < n and (trial := oracle.create_trial("a")).status != "STOPPED":
        drawn.append(trial.hyperparameters.values["dropout"])
        end(oracle, trial)
    return drawn


def statuses(oracle):
    return [trial.status for _, trial in sorted(oracle.trials.items())]


class TestWorkers:
    def test_a_lost_trial_goes_to_another_worker(self, tmp_path):
        oracle = make(tmp_path, trials=1)
        trial = oracle.create_trial("a")
        assert oracle.lose("a") is trial
        again = oracle.create_trial("b")
        assert again.trial_id == trial.trial_id
        end(oracle, again)
        assert statuses(oracle) == ["COMPLETED"]

    def test_a_trial_that_loses_two_workers_has_failed(self, tmp_path, capsys):
        oracle = make(tmp_path, trials=1)
        for name in "ab":
            oracle.create_trial(name)
            oracle.lose(name)
        assert statuses(oracle) == ["FAILED"]
        assert "its worker b was killed" in oracle.trials["0"].message
        assert oracle.create_trial("c").status == "STOPPED"
        assert capsys.readouterr().out == ""

    def test_no_worker_leaves_while_another_works(self, tmp_path):
        oracle = make(tmp_path, trials=1)
        trial = oracle.create_trial("a")
        assert oracle.create_trial("b").status == "IDLE"
        assert not oracle.finished
        end(oracle, trial)
        assert oracle.create_trial("b").status == "STOPPED"
        assert oracle.finished

    def test_an_answer_that_comes_too_late_is_dropped(self, tmp_path):
        oracle = make(tmp_path, trials=1)
        late = through_grpc(oracle.create_trial("a"))
        oracle.lose("a")
        end(oracle, oracle.create_trial("b"), loss=1.0)
        end(oracle, late, "FAILED")
        assert statuses(oracle) == ["COMPLETED"]
        assert oracle.end_order == ["0"]

    def test_signs_of_life(self, tmp_path):
        oracle = make(tmp_path)
        trial = oracle.create_trial("a")
        time.sleep(0.05)
        assert oracle.silent(0.04) == ["a"]
        oracle.get_trial(trial.trial_id)
        assert oracle.silent(0.04) == []

    def test_a_trial_that_is_just_being_given_is_not_silent(self, tmp_path, monkeypatch):
        oracle, looked = make(tmp_path), threading.Event()
        monkeypatch.setattr(oracle, "_save_trial", lambda trial: looked.wait(0.5))
        giving = threading.Thread(target=oracle.create_trial, args=("a",), name="giving")
        giving.start()
        while not oracle.ongoing_trials:
            time.sleep(0.001)
        assert oracle.silent(60.0) == []
        looked.set()
        giving.join()

    def test_results_pass_and_rounded_numbers_do_not(self, tmp_path):
        oracle = make(tmp_path)
        trial = through_grpc(oracle.create_trial("a"))
        exact = oracle.trials["0"].hyperparameters.values["dropout"]
        trial.hyperparameters.values["dropout"] = exact + 1e-8
        trial.hyperparameters.values[RESULT] = "what was found"
        end(oracle, trial)
        assert oracle.trials["0"].message == "what was found"
        assert oracle.trials["0"].hyperparameters.values == {"dropout": exact}


class TestReload:
    def test_a_trial_that_the_state_does_not_know_yet(self, tmp_path):
        """A kill between the trial's file and the state's."""
        oracle = make(tmp_path)
        end(oracle, oracle.create_trial("a"))
        state = (tmp_path / "search" / "oracle.json").read_text()
        oracle.create_trial("a")
        (tmp_path / "search" / "oracle.json").write_text(state)
        again = make(tmp_path)
        again.reload()
        assert again.create_trial("a").trial_id == "1"
        assert len(again.trials) == 2

    def test_a_trial_that_has_ended_is_not_repeated(self, tmp_path):
        """KerasTuner's state calls it ongoing, for it is written before."""
        oracle = make(tmp_path)
        end(oracle, oracle.create_trial("a"))
        assert json.loads((tmp_path / "search" / "oracle.json").read_text())["ongoing_trials"]
        again = make(tmp_path)
        again.reload()
        assert again.create_trial("a").trial_id == "1"

    def test_half_written_files_are_not_read(self, tmp_path):
        oracle = make(tmp_path)
        oracle.create_trial("a")
        for name in ("oracle.json.part", "trial_0/trial.json.part"):
            (tmp_path / "search" / name).write_text("{half")
        again = make(tmp_path)
        again.reload()
        assert again.create_trial("a").trial_id == "0"

    @pytest.mark.parametrize("n", [1, 3])
    def test_a_grid_finds_its_place(self, tmp_path, n):
        whole = run_all(make(tmp_path / "whole", "grid", trials=9))
        drawn = run_all(make(tmp_path, "grid", trials=9), n)
        again = make(tmp_path, "grid", trials=9)
        again.reload()
        assert drawn + run_all(again) == whole
        assert len(whole) == 5


class TestPlan:
    @pytest.mark.parametrize("epochs", [1, 4, 9])
    def test_hyperband(self, tmp_path, epochs):
        hp = keras_tuner.HyperParameters()
        hp.Float("dropout", 0.0, 0.5)
        oracle = ORACLES["hyperband"](
            objective=keras_tuner.Objective("val_loss", "min"),
            max_epochs=epochs,
            hyperparameters=hp,
        )
        oracle.verbose = 0
        oracle._set_project_dir(str(tmp_path), "search")
        given = []
        while (trial := oracle.create_trial("a")).status != "STOPPED":
            given.append(trial.hyperparameters.values["tuner/epochs"])
            end(oracle, trial)
        assert oracle.planned() == (len(given), sum(given))

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.4, "0 s"), (89, "89 s"), (100, "2 min"), (5340, "89 min"), (12000, "3 h 20 min")],
    )
    def test_duration(self, seconds, text):
        assert duration(seconds) == text


class TestSpace:
    @pytest.mark.parametrize(
        ("network", "expected"),
        [("face_mobilenet", "head"), ("tiny", "all")],
        ids=["start", "none"],
    )
    def test_layers_with_random_weights_learn(self, network, expected):
        hp = keras_tuner.HyperParameters()
        hp.values = {"network": network, "trainable": "head"}
        assert shared_space(hp)["trainable"] == expected

    def test_a_named_depth_is_kept_for_a_network_that_is_not_searched(self):
        hp = keras_tuner.HyperParameters()
        hp.values = {"trainable": "last:40"}
        assert narrowed(shared_space, ["trainable"])(hp) == {"trainable": "last:40"}

    def test_only_the_named_are_in_the_search(self):
        hp = keras_tuner.HyperParameters()
        narrowed(shared_space, ["color", "dropout"])(hp)
        assert [parameter.name for parameter in hp.space] == ["color", "dropout"]

    def test_names(self):
        assert names_of(shared_space)[:3] == ["network", "trainable", "image_size"]

    @pytest.mark.parametrize(("drawn", "expected"), [("none", None), ("weights", "weights")])
    def test_balance(self, drawn, expected):
        hp = keras_tuner.HyperParameters()
        hp.values = {"balance": drawn}
        assert balance_of(hp, ["weights"]) == expected
