import json
import math

import keras_tuner
import pytest

from agr.errors import LabelError, ParameterError, TrainingError
from agr.gender.estimator import GenderEstimator
from agr.gender.space import search_space
from agr.training import tuning


@pytest.fixture(scope="module")
def few(faces_drawn):
    X, labels = faces_drawn(40, seed=6)
    return X, labels["gender"]


@pytest.fixture
def quick(monkeypatch):
    """Replace the training by a formula of the parameters; notes what was tried."""
    tried = []

    def fit(self, X, y, *, validation_data, verbose):
        tried.append(self.get_params())
        self.history_ = [{"val_loss": 5.0}, {"val_loss": abs(self.dropout - 0.3)}]
        return self

    monkeypatch.setattr(GenderEstimator, "fit", fit)
    return tried


def tune(new_estimator, few, **options):
    return new_estimator("gender", epochs=1).tune(*few, **{"trials": 2, "refit": False, **options})


class TestReal:
    """With trainings that really happen."""

    def test_two_trials_and_refit(self, new_estimator, few):
        estimator = new_estimator("gender", epochs=1)
        assert estimator.tune(*few, trials=2) is estimator
        assert [trial["status"] for trial in estimator.trials_] == ["completed"] * 2
        losses = [trial["val_loss"] for trial in estimator.trials_]
        best = estimator.trials_[losses.index(min(losses))]
        assert estimator.best_params_ == best["params"]
        assert best["params"].items() <= estimator.get_params().items()
        assert estimator.predict(few[0]).shape == (40,)
        json.dumps(estimator.trials_)

    def test_a_wrong_parameter_is_refused_before_any_trial(self, new_estimator, few):
        estimator = new_estimator("gender", epochs=1, weights="gone.npz")
        lines = []
        with pytest.raises(ParameterError, match="weights must be .*there is no 'gone.npz'"):
            estimator.tune(*few, trials=2, say=lines.append)
        assert lines == []

    def test_what_only_a_fit_can_see_fails_in_every_trial(self, new_estimator, few, tmp_path):
        (tmp_path / "no.npz").write_bytes(b"")
        estimator = new_estimator("gender", epochs=1, weights=str(tmp_path / "no.npz"))
        lines = []
        with pytest.raises(TrainingError, match="No trial finished; .*no.npz holds no weights"):
            estimator.tune(*few, trials=2, say=lines.append)
        assert lines[1].startswith("trial 2 (2 of 2 ended) failed: ParameterError: ")


@pytest.mark.parametrize("algorithm", tuning.ORACLES)
class TestAlgorithms:
    def test_trials(self, new_estimator, few, quick, algorithm):
        estimator = tune(new_estimator, few, algorithm=algorithm)
        assert len(estimator.trials_) >= 2 if algorithm != "hyperband" else estimator.trials_
        for trial in estimator.trials_:
            assert trial["status"] == "completed"
            assert trial["val_loss"] == pytest.approx(abs(trial["params"]["dropout"] - 0.3))
            assert set(trial["params"]) == set(search_space(keras_tuner.HyperParameters()))
        assert not hasattr(estimator, "model_")

    def test_repeats(self, new_estimator, few, quick, algorithm):
        first, second = (tune(new_estimator, few, algorithm=algorithm).trials_ for _ in range(2))
        assert [t["params"] for t in first] == [t["params"] for t in second]


class TestSearch:
    def test_number_of_trials(self, new_estimator, few, quick):
        assert len(tune(new_estimator, few, trials=5).trials_) == 5
        assert len(quick) == 5

    def test_hyperband_gives_more_epochs_to_the_better(self, new_estimator, few, quick):
        estimator = new_estimator("gender", epochs=9)
        estimator.tune(*few, algorithm="hyperband", refit=False)
        assert {p["epochs"] for p in quick} == {1, 3, 9}
        assert estimator.epochs == 9

    def test_best_is_set(self, new_estimator, few, quick):
        estimator = tune(new_estimator, few, trials=6)
        best = min(estimator.trials_, key=lambda t: t["val_loss"])
        assert estimator.dropout == best["params"]["dropout"] == estimator.best_params_["dropout"]

    def test_resume_keeps_trials(self, new_estimator, few, quick, tmp_path):
        first = tune(new_estimator, few, directory=tmp_path).trials_
        more = tune(new_estimator, few, directory=tmp_path, trials=3, resume=True).trials_
        assert len(quick) == 3
        assert more[:2] == first

    def test_without_resume_old_trials_are_dropped(self, new_estimator, few, quick, tmp_path):
        tune(new_estimator, few, directory=tmp_path, trials=3)
        assert len(tune(new_estimator, few, directory=tmp_path).trials_) == 2
        assert len(quick) == 5

    def test_another_search_in_the_directory(self, new_estimator, few, quick, tmp_path):
        tune(new_estimator, few, directory=tmp_path)
        for other in ({"algorithm": "grid"}, {"parameters": ["dropout"]}):
            with pytest.raises(ParameterError, match="gender-trials holds another search"):
                tune(new_estimator, few, directory=tmp_path, resume=True, **other)
        assert len(quick) == 2

    @pytest.mark.parametrize("other", ["X", "y", "validation X", "validation y"])
    @pytest.mark.parametrize("kind", ["pixels", "paths"])
    def test_other_data(self, new_estimator, few, quick, tmp_path, other, kind):
        """Trials on other pictures or labels cannot be compared."""
        X, y = few if kind == "pixels" else ([f"{i}.png" for i in range(40)], few[1])
        parts = {"X": X[:30], "y": y[:30], "validation X": X[30:], "validation y": y[30:]}

        def go(**changed):
            X, y, *held_out = {**parts, **changed}.values()
            return tune(
                new_estimator,
                (X, y),
                validation_data=tuple(held_out),
                directory=tmp_path,
                resume=True,
            )

        go()
        go()
        message = "on other data: expected 30 pictures .* 10 .*, got 30 .* Give the data that it"
        with pytest.raises(ParameterError, match=message):
            go(**{other: parts[other][::-1]})
        assert len(quick) == 2

    def test_a_folder_of_something_else_is_left_alone(self, new_estimator, few, quick, tmp_path):
        (tmp_path / "gender-trials").mkdir()
        (tmp_path / "gender-trials" / "mine.txt").write_text("mine")
        with pytest.raises(ParameterError, match="gender-trials holds no search"):
            tune(new_estimator, few, directory=tmp_path)
        assert (tmp_path / "gender-trials" / "mine.txt").read_text() == "mine"

    def test_only_named_parameters_are_searched(self, new_estimator, few, quick):
        estimator = new_estimator("gender", epochs=1, learning_rate=0.03, color="grayscale")
        estimator.tune(*few, trials=4, parameters=("dropout", "image_size"), refit=False)
        assert {(p["learning_rate"], p["color"], p["network"]) for p in quick} == {
            (0.03, "grayscale", "tiny")
        }
        assert len({(p["dropout"], p["image_size"]) for p in quick}) == 4
        assert set(estimator.best_params_) == {"dropout", "image_size"}

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["droput"], "Did you mean 'dropout'"),
            (["trainable"], "for this network and its weights, .*; got 'trainable'"),
            ([], "at least one parameter"),
        ],
        ids=["unknown", "random", "none"],
    )
    def test_wrong_names(self, new_estimator, few, names, message):
        with pytest.raises(ParameterError, match=message):
            tune(new_estimator, few, parameters=names)

    def test_lines_and_table(self, new_estimator, few, quick, tmp_path):
        lines = []
        estimator = tune(new_estimator, few, directory=tmp_path, say=lines.append)
        first, second = (trial["val_loss"] for trial in estimator.trials_)
        assert lines[0].startswith(f"trial 1 (1 of 2 ended): val_loss {first:.4f} in 0 s, best ")
        assert f"best {min(first, second):.4f} of trial {1 + (second < first)};" in lines[1]
        assert [line.split("; ")[1] for line in lines] == ["about 0 s left"] * 2
        header, one, two = (tmp_path / "trials.csv").read_text().splitlines()
        assert header.startswith("trial,status,val_loss,epochs,seconds,error,network,trainable")
        assert one.startswith(f"1,completed,{first},2,")
        assert two.startswith(f"2,completed,{second},2,")

    def test_a_loss_that_is_no_number_fails_one_trial(self, new_estimator, few, quick, monkeypatch):
        fit = GenderEstimator.fit

        def diverge(self, *args, **kwargs):
            fit(self, *args, **kwargs)
            if len(quick) == 2:
                raise ParameterError("The loss became nan\nin epoch 1")
            return self

        monkeypatch.setattr(GenderEstimator, "fit", diverge)
        lines = []
        estimator = tune(new_estimator, few, trials=3, say=lines.append)
        assert [t["status"] for t in estimator.trials_] == ["completed", "failed", "completed"]
        assert estimator.trials_[1]["error"] == "ParameterError: The loss became nan in epoch 1"
        assert lines[1].startswith("trial 2 (2 of 3 ended) failed: ParameterError: The loss became")

    def test_failing_trial_is_reported(self, new_estimator, few, quick, monkeypatch, capfd):
        fit = GenderEstimator.fit

        def fail_first(self, *args, **kwargs):
            fit(self, *args, **kwargs)
            if len(quick) == 1:
                raise MemoryError("too wide")
            return self

        monkeypatch.setattr(GenderEstimator, "fit", fail_first)
        estimator = tune(new_estimator, few, trials=3)
        statuses = [trial["status"] for trial in estimator.trials_]
        assert statuses == ["failed", "completed", "completed"]
        assert math.isnan(estimator.trials_[0]["val_loss"])
        assert estimator.best_params_ in [t["params"] for t in estimator.trials_[1:]]

    @pytest.mark.parametrize("algorithm", ["random", "hyperband"])
    def test_no_trial_finished(self, new_estimator, few, monkeypatch, algorithm):
        def fail(self, *args, **kwargs):
            raise MemoryError("too wide")

        monkeypatch.setattr(GenderEstimator, "fit", fail)
        with pytest.raises(
            TrainingError, match="No trial finished; the last said: MemoryError: too wide$"
        ):
            tune(new_estimator, few, algorithm=algorithm)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"algorithm": "bayes"}, "Did you mean 'bayesian'"),
            ({"trials": 0}, "trials must be at least 1, got 0"),
        ],
        ids=["algorithm", "trials"],
    )
    def test_bad_options(self, new_estimator, few, options, message):
        with pytest.raises(ParameterError, match=message):
            tune(new_estimator, few, **options)

    def test_bad_parameters_are_found_before_the_first_trial(self, new_estimator, few, quick):
        with pytest.raises(ParameterError, match="epochs must be"):
            new_estimator("gender", epochs=0).tune(*few, trials=2)
        with pytest.raises(LabelError, match="got 'boy'"):
            held_out = few[0], ["boy"] * len(few[0])
            new_estimator("gender").tune(*few, trials=2, validation_data=held_out)
        assert quick == []
