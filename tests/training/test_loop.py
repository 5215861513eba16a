"""The fit loop: schedules, the best epoch, and states that survive a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from agr.errors import ParameterError, TrainingError
from agr.training import loop as training
from agr.training.augmentation import NONE, make_augmentation
from agr.training.balancing import show_all
from agr.training.batches import ImageStore


def recipe(**changes):
    fields = {
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup": 0.0,
        "patience": None,
        "augmentation": NONE,
        "seed": 0,
    }
    return training.Settings(**{**fields, **changes})


def rates(estimator):
    return [epoch["learning_rate"] for epoch in estimator.history_]


@pytest.fixture(scope="module")
def few(faces_drawn):
    X, labels = faces_drawn(40, seed=6)
    return X, labels["gender"]


class TestBatches:
    def make(self, few, epoch=0, **changes):
        X, y = few
        targets = np.arange(len(y), dtype=np.float32)[:, None]
        store = ImageStore(X, 20)
        lessons = training.Lessons(store, targets, show_all(len(y), targets[:, 0] + 1.0))
        return training.Batches(lessons, 16, recipe(**changes), epoch)

    def rows(self, batches):
        return [int(t) for k in range(len(batches)) for t in batches[k][1][:, 0]]

    def test_every_picture_once_and_shuffled(self, few):
        rows = self.rows(self.make(few))
        assert sorted(rows) == list(range(40))
        assert rows != sorted(rows)

    def test_pictures_targets_and_weights_belong_together(self, few):
        batches = self.make(few)
        images, targets, weights = batches[1]
        assert images.shape == (8, 16, 16, 3)
        np.testing.assert_array_equal(weights, targets[:, 0] + 1)
        store = ImageStore(few[0], 20)
        expected = NONE.apply(store[targets[:1, 0].astype(int)][0], 16, np.random.default_rng(0))
        np.testing.assert_array_equal(images[0], expected)

    def test_last_incomplete_batch_is_left_out(self, few):
        assert len(self.make(few, batch_size=12)) == 3
        assert len(self.make(few, batch_size=64)) == 1
        assert len(self.rows(self.make(few, batch_size=64))) == 40

    def test_epochs_differ_and_repeat(self, few):
        first = self.make(few)
        second = self.make(few, epoch=1)
        assert self.rows(first) != self.rows(second)
        first.on_epoch_end()
        assert self.rows(first) == self.rows(second)
        strong = {"augmentation": make_augmentation("strong")}
        again = [self.make(few, epoch=3, **strong)[2][0] for _ in range(2)]
        np.testing.assert_array_equal(*again)
        assert (again[0] != self.make(few, epoch=3, seed=1, **strong)[2][0]).any()


class TestSchedule:
    def rate(self, step, **changes):
        made = training._learning_rate(recipe(**changes), steps=10)
        return float(made(step)) if callable(made) else made

    def test_cosine(self):
        options = {"schedule": "cosine", "warmup": 0.25}
        assert self.rate(0, **options) == pytest.approx(0.01 / 20)
        assert self.rate(10, **options) == pytest.approx(0.01)
        assert self.rate(25, **options) == pytest.approx(0.005)
        assert self.rate(40, **options) == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("schedule", ["constant", "plateau"])
    def test_plain(self, schedule):
        assert self.rate(0, schedule=schedule) == 0.01

    def test_unknown(self, few, new_estimator):
        with pytest.raises(ParameterError, match="Did you mean 'plateau'"):
            new_estimator("gender", schedule="plato").fit(*few)


class Worse(keras.callbacks.Callback):
    """Says a validation loss of its own choice, before agr's callback looks at it."""

    def __init__(self, losses):
        super().__init__()
        self.losses, self.weights = losses, []

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.losses[epoch]
        self.weights.append(self.model.get_weights())


class TestEpochs:
    def fit(self, new_estimator, few, losses, **parameters):
        says = Worse(losses)
        estimator = new_estimator("gender", **{"epochs": len(losses), **parameters})
        return estimator.fit(*few, callbacks=[says], validation_data=few), says

    def test_patience_stops_and_the_best_epoch_is_restored(self, new_estimator, few, monkeypatch):
        monkeypatch.setattr("agr.training.calibration.fit_temperature", lambda *a: 1.0)
        estimator, says = self.fit(
            new_estimator, few, [3, 2, 2.5, 2.1, 1, 0.5], patience=2, schedule="constant"
        )
        assert [epoch["val_loss"] for epoch in estimator.history_] == [3, 2, 2.5, 2.1]
        for found, expected in zip(estimator.model_.get_weights(), says.weights[1], strict=True):
            np.testing.assert_array_equal(found, expected)
        assert set(rates(estimator)) == {np.float32(0.01)}

    def test_normalizations_follow_in_a_short_training(self, new_estimator, few):
        estimator = new_estimator("gender", epochs=6, batch_size=8, augmentation="none")
        model = estimator.fit(*few, validation_data=few).model_
        first = keras.Model(model.inputs[0], model.get_layer("conv1").output)
        images = ImageStore(few[0], estimator.image_size_)[np.arange(len(few[0]))]
        real = first.predict(images, verbose=0).mean(axis=(0, 1, 2))
        followed = keras.ops.convert_to_numpy(model.get_layer("norm1").moving_mean)
        assert np.linalg.norm(followed - real) < 0.5 * np.linalg.norm(real)

    def test_plateau_lowers_the_rate(self, new_estimator, few):
        losses = [3, 2, 2.5, 2.1, 2.2, 2.3, 1.0]
        estimator, _ = self.fit(new_estimator, few, losses, schedule="plateau")
        assert rates(estimator) == pytest.approx(
            [0.01, 0.01, 0.01, 0.01, 0.003, 0.003, 0.0009], rel=1e-5
        )

    @pytest.mark.parametrize("bad", ["loss", "val_loss"])
    def test_loss_that_is_no_number(self, new_estimator, few, bad):
        def spoil(epoch, logs):
            logs[bad] = float("nan") if epoch else logs[bad]

        callback = keras.callbacks.LambdaCallback(on_epoch_end=spoil)
        with pytest.raises(TrainingError, match=r"became nan in epoch 2; lower .* \(now 0.01\)"):
            new_estimator("gender", epochs=3).fit(*few, callbacks=[callback])

    def test_huge_rate_is_named(self, new_estimator, few):
        estimator = new_estimator(
            "age", head="regression", epochs=3, learning_rate=1e30, schedule="constant"
        )
        with pytest.raises(TrainingError, match=r"loss became (nan|inf).*now 1e\+30"):
            estimator.fit(few[0], np.full(40, 30.0))


RUN = """
import sys, time, keras, numpy as np
from agr.gender import GenderEstimator

with np.load(sys.argv[1]) as data:
    X, y = data["X"], data["y"]
slow = float(sys.argv[3])
wait = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: time.sleep(slow * (e > 1)))
estimator = GenderEstimator(
    network="tiny", image_size=16, epochs=4, batch_size=8, schedule=sys.argv[4], dropout=0.3,
)
estimator.fit(X, y, checkpoint_dir=sys.argv[2], callbacks=[wait])
losses = [epoch["loss"] for epoch in estimator.history_]
estimator.model_.load_weights(sys.argv[2] + "/epoch-4.weights.h5")  # the best may be an older one
np.savez(sys.argv[5], losses, *estimator.model_.get_weights())
"""


class TestCheckpoint:
    def test_other_training_is_refused(self, new_estimator, few, tmp_path):
        estimator = new_estimator("gender", epochs=1)
        estimator.fit(*few, checkpoint_dir=tmp_path)
        first = estimator.predict_proba(few[0])
        X, y = few
        for change in (
            lambda: new_estimator("gender", epochs=1, dropout=0.5).fit(
                X, y, checkpoint_dir=tmp_path
            ),
            lambda: estimator.fit(X[::-1], y, checkpoint_dir=tmp_path),
            lambda: estimator.fit(X, y[::-1], checkpoint_dir=tmp_path),
            lambda: estimator.fit(X, y, sample_weight=y == "male", checkpoint_dir=tmp_path),
        ):
            with pytest.raises(ParameterError, match="holds another training.*Choose an empty"):
                change()
        again = new_estimator("gender", epochs=1).fit(X, y, checkpoint_dir=tmp_path)
        np.testing.assert_array_equal(again.predict_proba(X), first)

    def test_holds_one_epoch_the_best_and_no_part(self, new_estimator, few, tmp_path):
        new_estimator("gender", epochs=3).fit(*few, checkpoint_dir=tmp_path / "new" / "folder")
        names = sorted(p.name for p in (tmp_path / "new" / "folder").iterdir())
        assert names == ["best.weights.h5", "epoch-3.weights.h5", "state.json"]

    def test_finished_training_is_not_trained_again(self, new_estimator, few, tmp_path):
        seen = []
        callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda *a: seen.append(a))
        estimators = [
            new_estimator("gender", epochs=2).fit(
                *few, checkpoint_dir=tmp_path, callbacks=[callback]
            )
            for _ in range(2)
        ]
        assert len(seen) == 2
        assert estimators[0].history_ == estimators[1].history_
        assert estimators[0].calibration_ == estimators[1].calibration_

    def test_stopped_between_epochs_ends_as_if_it_was_not(self, new_estimator, few, tmp_path):
        """In one process: the same losses are said, so that the plateau's count matters."""
        losses = [3, 2, 2.5, 2.1, 2.2, 2.3]

        def fit(folder, stop=None):
            def crash(epoch, logs):
                if epoch == stop:
                    raise InterruptedError

            estimator = new_estimator(
                "gender", epochs=6, schedule="plateau", dropout=0.3, augmentation="light"
            )
            return estimator.fit(
                *few,
                checkpoint_dir=tmp_path / folder,
                validation_data=few,
                callbacks=[Worse(losses), keras.callbacks.LambdaCallback(on_epoch_begin=crash)],
            )

        whole = fit("whole")
        with pytest.raises(InterruptedError):
            fit("parts", stop=3)
        parts = fit("parts")
        assert rates(parts) == rates(whole)
        assert rates(whole)[-1] < rates(whole)[0] / 3
        assert [e["loss"] for e in parts.history_] == pytest.approx(
            [e["loss"] for e in whole.history_], abs=1e-6
        )
        for one, two in zip(parts.model_.get_weights(), whole.model_.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-6)

    def test_kill_9(self, few, tmp_path, environment, monkeypatch):
        np.savez(tmp_path / "data.npz", X=few[0], y=few[1])
        state = tmp_path / "killed" / "state.json"

        def arguments(folder, slow):
            output = tmp_path / f"{folder}.npz"
            return [*map(str, [tmp_path / "data.npz", tmp_path / folder, slow, "cosine", output])]

        command = [sys.executable, "-c", RUN, *arguments("killed", 60)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 300
            while not (state.is_file() and len(json.loads(state.read_text())["history"]) >= 2):
                assert process.poll() is None, "the training ended before it could be killed"
                assert time.monotonic() < deadline, "no epoch was written"
                time.sleep(0.05)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        n_before = len(json.loads(state.read_text())["history"])
        assert n_before < 4
        assert not (tmp_path / "killed.npz").exists()
        for folder in ("killed", "whole"):  # in this process, which is another too
            monkeypatch.setattr(sys, "argv", ["run", *arguments(folder, 0)])
            exec(RUN, {})
        assert len(json.loads(state.read_text())["history"]) == 4
        with np.load(tmp_path / "killed.npz") as one, np.load(tmp_path / "whole.npz") as two:
            assert one.files == two.files
            for name in one.files:
                np.testing.assert_allclose(one[name], two[name], atol=1e-6)
        assert not [n for n in os.listdir(tmp_path / "killed") if "part" in n]
