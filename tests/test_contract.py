"""What the three estimators promise alike."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError

from agr.core.answers import both_columns
from agr.engines.engine import Engine
from agr.errors import ImageError, LabelError, ParameterError
from agr.tasks import TASKS
from agr.training.augmentation import Augmentation
from agr.training.batches import hold_out


@pytest.fixture(params=list(TASKS))
def task(request):
    return request.param


@pytest.fixture
def model(trained, task):
    return trained[task]


@pytest.fixture(scope="module")
def few(faces_drawn):
    """48 faces and all their labels."""
    return faces_drawn(48, seed=5)


@pytest.fixture(scope="module")
def first(new_estimator, few):
    """Every task fitted once on a part of the few; no test refits these."""
    X, labels = few
    return {task: new_estimator(task).fit(X[:40], labels[task][:40]) for task in TASKS}


class TestParameters:
    def test_clone_keeps_them_and_forgets_the_fit(self, model):
        copy = clone(model.estimator)
        assert copy.get_params() == model.estimator.get_params()
        assert not hasattr(copy, "model_")

    def test_set_and_get(self, new_estimator, task):
        estimator = new_estimator(task)
        assert estimator.set_params(epochs=7) is estimator
        assert estimator.get_params()["epochs"] == 7

    def test_unknown_name(self, new_estimator, task):
        with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
            new_estimator(task).set_params(epoch=7)

    def test_constructor_only_stores(self, new_estimator, task):
        odd = {name: object() for name in new_estimator(task).get_params()}
        estimator = new_estimator(task, **odd)
        assert vars(estimator) == odd

    def test_kind(self, new_estimator, task):
        estimator = new_estimator(task)
        assert (is_regressor if task == "age" else is_classifier)(estimator)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("epochs", 0, "epochs must be a whole number of at least 1, got 0"),
            ("epochs", "3", "epochs must be a whole number of at least 1, got '3'"),
            ("batch_size", 0.5, "batch_size must be a whole number of at least 1, got 0.5"),
            ("learning_rate", 0, "learning_rate must be above 0, got 0"),
            ("learning_rate", float("nan"), "learning_rate must be above 0, got nan"),
            ("weight_decay", -1, "weight_decay must be at least 0, got -1"),
            ("dropout", 1, "dropout must be from 0 to below 1, got 1"),
            ("warmup", -0.1, "warmup must be from 0 to below 1, got -0.1"),
            ("image_size", 8, "image_size must be None or a whole number of at least 16, got 8"),
            ("patience", 0, "patience must be None or a whole number of at least 1, got 0"),
            ("random_state", -1, r"random_state must be None or from 0 to 2\*\*32 - 1, got -1"),
            ("augmentation", "lihgt", "Did you mean 'light'"),
            ("balance", "weight", "balance must be one of None, 'weights'.*Did you mean 'weights'"),
            ("network", "face_mobilenit", "Did you mean 'face_mobilenet'"),
            ("schedule", "cosin", "Did you mean 'cosine'"),
            ("weights", "no/such.npz", "there is no 'no/such.npz'"),
        ],
        ids=lambda v: str(v)[:14],
    )
    def test_bad_ones_are_found_in_fit(self, new_estimator, few, task, name, value, message):
        X, labels = few
        estimator = new_estimator(task, **{name: value})
        with pytest.raises(ParameterError, match=message):
            estimator.fit(X, labels[task])
        assert not hasattr(estimator, "model_")


class TestFit:
    def test_refit_forgets_and_repeats_exactly(self, new_estimator, few, first, task):
        X, y = few[0], few[1][task]
        estimator = new_estimator(task)
        before = estimator.get_params()
        kept = X.copy()
        np.random.seed(3)
        random.seed(3)
        states = np.random.get_state()[1].copy(), random.getstate()
        estimator.trials_ = ["of tune"]
        estimator.stale_ = "of an earlier fit"
        assert estimator.fit(X[20:], y[20:]) is estimator
        assert not hasattr(estimator, "stale_")
        assert estimator.trials_ == ["of tune"]
        estimator.fit(X[:40], y[:40])
        np.testing.assert_array_equal(
            estimator.predict_proba(X), first[task].predict_proba(X), strict=True
        )
        assert estimator.calibration_ == first[task].calibration_
        assert estimator.get_params() == before
        np.testing.assert_array_equal(X, kept)
        np.testing.assert_array_equal(np.random.get_state()[1], states[0])
        assert random.getstate() == states[1]

    def test_another_random_state_differs(self, new_estimator, few, first):
        X, y = few[0][:40], few[1]["gender"][:40]
        other = new_estimator("gender", random_state=1).fit(X, y)
        assert not np.allclose(other.predict_proba(X), first["gender"].predict_proba(X))

    def test_learned_attributes(self, first, task):
        estimator = first[task]
        assert estimator.image_size_ == 16
        assert len(estimator.history_) == 2
        assert {"loss", "val_loss", "learning_rate", "seconds"} <= set(estimator.history_[0])
        assert estimator.model_.name == task
        if task != "age":
            assert list(estimator.classes_) == sorted(estimator.classes_)

    def test_weight_zero_is_not_learned(self, new_estimator, model, task):
        wrong = np.random.default_rng(0).random(len(model.y)) < 0.6
        if task == "age":
            others = 90 - model.y
        else:
            names, codes = np.unique(model.y, return_inverse=True)
            others = names[codes - 1]
        y = np.where(wrong, others, model.y)
        estimator = new_estimator(task, epochs=14 if task == "age" else 8)
        estimator.fit(
            model.X, y, sample_weight=~wrong * 2.0, validation_data=(model.X_test, model.y_test)
        )
        score = estimator.evaluate(model.X_test, model.y_test).overall
        assert score["mae"] < 12 if task == "age" else score["accuracy"] > 0.9

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            (np.ones(3), r"must hold 48 numbers, got shape \(3,\)"),
            (np.where(np.arange(48) < 5, np.nan, 1), "5 of 48 are not, first nan"),
            (-np.ones(48), "at least 0; 48 of 48 are not, first -1"),
            (np.zeros(48), "must not be 0 for every picture"),
            (["heavy"] * 48, "must hold 48 numbers"),
        ],
        ids=["length", "nan", "negative", "zeros", "words"],
    )
    def test_bad_weights(self, new_estimator, few, task, weights, message):
        with pytest.raises(ParameterError, match=message):
            new_estimator(task).fit(few[0], few[1][task], sample_weight=weights)

    def test_weights_of_held_out_pictures_alone(self, new_estimator, few):
        weights = np.zeros(48)
        weights[hold_out(48, 0)[1]] = 1.0
        with pytest.raises(ParameterError, match="0 for every picture that is left to learn from"):
            new_estimator("gender").fit(few[0], few[1]["gender"], sample_weight=weights)

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((99, 2), r"a row for each of 48 pictures, got shape \(99, 2\)"),
            ((20, 2), r"a row for each of 48 pictures, got shape \(20, 2\)"),
            ((48, 3), r"must have shape \(43, 2\), got \(43, 3\)"),
        ],
        ids=["more", "fewer", "wide"],
    )
    def test_bad_soft_labels(self, new_estimator, few, shape, message):
        soft = np.full(shape, 1 / shape[1])
        with pytest.raises(ParameterError, match=message):
            new_estimator("gender").fit(few[0], few[1]["gender"], soft_labels=soft)

    def test_validation_data_and_callbacks(self, new_estimator, trained):
        import keras

        model = trained["gender"]
        seen = []
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(logs)
        )
        male = model.y == "male"
        gender = new_estimator("gender", epochs=3)
        X, y = model.X, np.array(["female", "male"])[male.astype(int)]
        swapped = np.array(["male", "female"])[male.astype(int)]
        gender.fit(X, y, validation_data=(X[:32], swapped[:32]), callbacks=[callback])
        assert gender.history_[-1]["accuracy"] > 0.9
        assert gender.history_[-1]["val_accuracy"] < 0.1
        assert gender.calibration_["temperature"] == pytest.approx(4, rel=1e-3)  # sure and wrong
        assert [logs["val_loss"] for logs in seen] == [e["val_loss"] for e in gender.history_]

    def test_augmentation_may_be_an_object(self, new_estimator, few, tmp_path):
        X, labels = few
        estimator = new_estimator(
            "gender", epochs=np.int64(1), augmentation=Augmentation(zoom=np.float32(0.5))
        )
        estimator.fit(X, labels["gender"]).save(tmp_path / "m")
        loaded = type(estimator).load(tmp_path / "m")
        assert loaded.get_params()["augmentation"]["zoom"] == 0.5


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda X, y: (X, y[:-1]), LabelError, "X holds 160 pictures and y 159 labels"),
            (lambda X, y: (X[:0], y[:0]), LabelError, "empty"),
            (lambda X, y: (X, y[:, None]), LabelError, r"y must have shape \(n,\), got \(160, 1\)"),
            (lambda X, y: (X.astype(float), y), ImageError, "X must be uint8.*got float64"),
            (
                lambda X, y: (X[0], y),
                ImageError,
                r"X must have shape \(n, h, w, 3\), got \(24, 24, 3\).*image\[None\] or use Pred",
            ),
            (lambda X, y: (X[..., :1], y), ImageError, r"got \(160, 24, 24, 1\)"),
            (lambda X, y: ("a.jpg", y), ImageError, r"got str. .*pass \[path\]"),
            (lambda X, y: (list(X), y), ImageError, "must hold paths, got ndarray.*np.stack"),
            (
                lambda X, y: (["no/such.png"] * len(y), y),
                ImageError,
                "no/such.png does not exist",
            ),
        ],
        ids=[
            "length",
            "empty",
            "y 2d",
            "float",
            "one",
            "gray",
            "path",
            "list of arrays",
            "missing",
        ],
    )
    def test_bad_data(self, new_estimator, model, task, make, error, message):
        X, y = make(model.X, model.y)
        for use in (new_estimator(task).fit, model.estimator.evaluate):
            with pytest.raises(error, match=message):
                use(X, y)

    @pytest.mark.parametrize("method", ["predict", "predict_proba"])
    def test_predict_refuses_what_fit_refuses(self, model, method):
        predict = getattr(model.estimator, method)
        with pytest.raises(ImageError, match="use Predictor"):
            predict(model.X[0])
        with pytest.raises(ImageError, match="uint8"):
            predict(model.X / 255)
        with pytest.raises(ImageError, match=r"pass \[path\]"):
            predict("face.jpg")

    def test_wrong_labels(self, new_estimator, model, task):
        y = model.y.astype(object)
        y[3] = 130 if task == "age" else "wite" if task == "race" else "femal"
        message = {"age": "1 do not, first 130", "gender": "mean 'female'", "race": "mean 'white'"}
        with pytest.raises(LabelError, match=message[task]):
            new_estimator(task).fit(model.X, y)
        with pytest.raises(LabelError, match=message[task]):
            new_estimator(task).fit(model.X, model.y, validation_data=(model.X, y))

    def test_words_for_ages(self, new_estimator, few):
        with pytest.raises(LabelError, match="y must hold ages in years, got 'female'"):
            new_estimator("age").fit(few[0], few[1]["gender"])

    @pytest.mark.parametrize("name", ["gender", "race"])
    def test_a_class_is_missing(self, new_estimator, trained, name):
        model = trained[name]
        kept = model.y != model.estimator.classes_[0]
        with pytest.raises(LabelError, match=f"no picture labelled {model.estimator.classes_[0]};"):
            new_estimator(name).fit(model.X[kept], model.y[kept])

    def test_one_picture_cannot_be_held_out(self, new_estimator, model, task):
        with pytest.raises(LabelError, match="give validation_data"):
            new_estimator(task).fit(model.X[:1], model.y[:1])

    def test_unreadable_pictures_are_named(self, new_estimator, few, task, tmp_path):
        X, labels = few
        paths = [tmp_path / f"{i:02d}.png" for i in range(len(X))]
        for path, pixels in zip(paths, X, strict=True):
            Image.fromarray(pixels).save(path)
        paths[7].write_bytes(b"no picture")
        data = paths, labels[task]
        with pytest.raises(ImageError, match=r"1 of 4\d pictures cannot be read, first.*07.png"):
            new_estimator(task).fit(*data, validation_data=(paths[:7], labels[task][:7]))

    @pytest.mark.parametrize("use", ["predict", "evaluate", "save"])
    def test_unfitted(self, new_estimator, few, task, use, tmp_path):
        arguments = {"predict": few[:1], "evaluate": (few[0], few[1][task]), "save": (tmp_path,)}
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(new_estimator(task), use)(*arguments[use])


class TestPredict:
    def test_learned_the_drawn_faces(self, model, task):
        score = model.estimator.evaluate(model.X_test, model.y_test).overall
        assert score["mae"] < 8 if task == "age" else score["accuracy"] > 0.95
        assert model.estimator.score(model.X_test, model.y_test) > 0.8

    def test_shapes_and_kinds(self, model, task):
        answers = model.estimator.predict(model.X_test)
        assert answers.shape == (60,)
        assert answers.dtype.kind == ("f" if task == "age" else "U")
        assert model.estimator.predict_proba(model.X_test).shape[0] == 60

    def test_probabilities(self, model, task):
        proba = model.estimator.predict_proba(model.X_test)
        assert proba.shape == (60, {"age": 121, "gender": 2, "race": 5}[task])
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
        assert (proba >= 0).all()
        if task != "age":
            chosen = model.estimator.classes_[proba.argmax(axis=1)]
            np.testing.assert_array_equal(chosen, model.estimator.predict(model.X_test))

    def test_one_picture_answers_as_among_many(self, model):
        many = model.estimator.predict(model.X_test[:5])
        for i in range(5):
            one = model.estimator.predict(model.X_test[i : i + 1])
            assert one.shape == (1,)
            if one.dtype.kind == "f":
                assert one[0] == pytest.approx(many[i], abs=1e-3)
            else:
                assert one[0] == many[i]
        np.testing.assert_allclose(
            model.estimator.predict_proba(model.X_test[:1])[0],
            model.estimator.predict_proba(model.X_test)[0],
            atol=1e-5,
        )

    def test_no_picture(self, model):
        assert model.estimator.predict(model.X_test[:0]).shape == (0,)
        assert model.estimator.predict_proba([]).shape[0] == 0

    def test_more_than_a_batch(self, model):
        X = np.concatenate([model.X_test] * 3)
        answers = model.estimator.predict_proba(X)
        np.testing.assert_allclose(answers[120:], answers[:60], atol=1e-5)

    @pytest.mark.parametrize("kind", [list, np.array], ids=["list", "array"])
    def test_paths_answer_as_arrays(self, model, tmp_path, kind):
        paths = [tmp_path / f"{i}.png" for i in range(4)]
        for path, pixels in zip(paths, model.X_test, strict=False):
            Image.fromarray(pixels).save(path)
        np.testing.assert_array_equal(
            model.estimator.predict_proba(kind([str(p) for p in paths])),
            model.estimator.predict_proba(model.X_test[:4]),
        )

    def test_missing_path(self, model):
        with pytest.raises(ImageError, match="no/such.png does not exist"):
            model.estimator.predict(["no/such.png"])


class TestEvaluate:
    def test_groups_as_array(self, model):
        groups = np.array(["a", "b", "b"] * 20)
        report = model.estimator.evaluate(model.X_test, model.y_test, groups)
        assert report.n == 60
        assert list(report.by_group) == ["a", "b"]
        assert [report.by_group[g]["n"] for g in "ab"] == [20, 40]
        alone = model.estimator.evaluate(model.X_test[groups == "a"], model.y_test[groups == "a"])
        for name, value in alone.overall.items():
            assert report.by_group["a"][name] == pytest.approx(value, abs=1e-4, nan_ok=True)

    def test_groups_as_mapping(self, model):
        groups = {"half": [0, 1] * 30, "all": ["x"] * 60}
        report = model.estimator.evaluate(model.X_test, model.y_test, groups)
        assert list(report.by_group) == ["half=0", "half=1", "all=x"]
        whole = dict(report.by_group["all=x"])
        assert whole.pop("n") == 60
        assert whole == report.overall
        json.dumps(report.to_dict(), allow_nan=False)

    def test_groups_of_another_length(self, model):
        with pytest.raises(LabelError, match=r"each of the 60 pictures, got shape \(3,\)"):
            model.estimator.evaluate(model.X_test, model.y_test, ["a", "b", "c"])


class TestSaved:
    def test_fresh_process_predicts_the_same(self, trained, tmp_path, environment):
        np.save(tmp_path / "X.npy", trained["age"].X_test)
        code = (
            "import sys, importlib, numpy as np\n"
            "X = np.load(sys.argv[1])\n"
            "for task, folder in zip(('age', 'gender', 'race'), sys.argv[2:5]):\n"
            "    kind = getattr(importlib.import_module('agr'), task.title() + 'Estimator')\n"
            "    np.save(f'{sys.argv[5]}/{task}.npy', kind.load(folder).predict_proba(X))\n"
        )
        folders = [str(trained[task].folder) for task in TASKS]
        command = [sys.executable, "-c", code, str(tmp_path / "X.npy"), *folders, str(tmp_path)]
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=120)
        for name in TASKS:
            np.testing.assert_allclose(
                np.load(tmp_path / f"{name}.npy"),
                trained[name].estimator.predict_proba(trained[name].X_test),
                atol=1e-6,
            )

    def test_load_gives_everything_back(self, model, task):
        loaded = type(model.estimator).load(model.folder)
        assert loaded.get_params() == model.estimator.get_params()
        for name in ("image_size_", "history_", "calibration_"):
            assert getattr(loaded, name) == getattr(model.estimator, name)
        learned = "age_bins_" if task == "age" else "classes_"
        np.testing.assert_array_equal(
            getattr(loaded, learned), getattr(model.estimator, learned), strict=True
        )
        np.testing.assert_array_equal(
            loaded.predict(model.X_test), model.estimator.predict(model.X_test)
        )

    def test_onnx_answers_as_keras(self, model, task):
        engine = Engine(model.folder, task)
        images = model.X_test[:, :16, :16]
        for n in (1, 7, 60):
            np.testing.assert_allclose(
                both_columns(engine(images[:n])) if task == "gender" else engine(images[:n]),
                model.estimator.predict_proba(images[:n]),
                atol=1e-5,
            )

    def test_card_names_task_and_notes(self, model, task, tmp_path):
        model.estimator.save(tmp_path / "m", notes={"data": "drawn faces"})
        card = (tmp_path / "m" / "README.md").read_text()
        assert f"# {task} model" in card
        assert "| data | drawn faces |" in card
        assert json.loads((tmp_path / "m" / "agr.json").read_text())["notes"] == {
            "data": "drawn faces"
        }
        assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
            "README.md",
            "agr.json",
            "model.keras",
            "model.onnx",
        ]

    def test_shipped_model_is_loaded_from_the_room(self, monkeypatch, model, task):
        loaded = []
        kind = type(model.estimator)
        monkeypatch.setattr(kind, "load", classmethod(lambda cls, path: loaded.append(path)))
        kind.from_pretrained()
        assert loaded[0].parts[-3:] == ("agr", task, "pretrained")


class TestCalibration:
    def test_calibrate_again(self, model, task):
        """On pictures twice as hard, a copy is less sure and keeps its order of answers."""
        copy = type(model.estimator).load(model.folder)
        rng = np.random.default_rng(0)
        shuffled = rng.permutation(model.y_test)
        before = copy.outputs(model.X_test)
        assert copy.calibrate(model.X_test, shuffled) is copy
        after = copy.outputs(model.X_test)
        if task == "age":
            np.testing.assert_array_equal(after, before)
            widths = [np.diff(e.predict_interval(model.X_test)) for e in (copy, model.estimator)]
            assert widths[0].mean() > widths[1].mean()
        else:
            np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
            assert after.max(axis=1).mean() < before.max(axis=1).mean()

    @pytest.mark.parametrize("name", ["gender", "race"])
    def test_temperature_takes_the_place_of_an_earlier_one(self, trained, name):
        """What is said of the calibration is what is built into the network."""
        model = trained[name]
        copy = type(model.estimator).load(model.folder)
        first, logits = copy.calibration_["temperature"], copy.model_.get_layer("logits")
        kernel = logits.get_weights()[0] * first
        copy.calibrate(model.X_test, np.random.default_rng(0).permutation(model.y_test))
        assert copy.calibration_["temperature"] > first
        np.testing.assert_allclose(
            logits.get_weights()[0] * copy.calibration_["temperature"], kernel, rtol=1e-4
        )
        copy.calibrate(model.X_test, model.y_test)
        again = copy.calibration_["temperature"]
        copy.calibrate(model.X_test, model.y_test)
        assert copy.calibration_["temperature"] == pytest.approx(again, rel=0.01)

    @pytest.mark.parametrize("name", ["gender", "race"])
    def test_temperature_is_folded_into_the_network(
        self, new_estimator, few, first, name, monkeypatch
    ):
        """Fitted again with another temperature, the same network answers that much less surely."""
        X, y = few[0][:40], few[1][name][:40]
        before = first[name].calibration_["temperature"]
        monkeypatch.setattr("agr.training.calibration.fit_temperature", lambda *_: 3 * before)
        estimator = new_estimator(name).fit(X, y)
        assert estimator.calibration_ == {"temperature": 3 * before}
        root = first[name].predict_proba(X) ** (1 / 3)
        expected = root / root.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-5)
