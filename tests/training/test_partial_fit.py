"""Going on with more pictures."""

import numpy as np
import pytest

from agr.errors import ImageError, LabelError, ParameterError
from agr.tasks import TASKS
from agr.training import loop as training


@pytest.fixture(params=list(TASKS))
def task(request):
    return request.param


@pytest.fixture
def fitted(trained, task):
    """Give a loaded copy, so that the fitted estimator that tests share stays as it is."""
    return type(trained[task].estimator).load(trained[task].folder)


@pytest.fixture(scope="module")
def more(faces_drawn):
    return faces_drawn(120, seed=11)


def weights(estimator):
    return [w.copy() for w in estimator.model_.get_weights()]


def test_unfitted_is_fitted(new_estimator, faces_drawn, task):
    X, labels = faces_drawn(40, seed=5)
    both = [
        getattr(new_estimator(task, epochs=1), name)(X, labels[task])
        for name in ("fit", "partial_fit")
    ]
    for a, b in zip(*map(weights, both), strict=True):
        np.testing.assert_array_equal(a, b)


def test_goes_on_and_keeps_what_it_knew(fitted, trained, more, task):
    """Parts of other pictures leave the scores at least as good as they were, nearly."""
    X, labels = more
    before = fitted.evaluate(trained[task].X_test, trained[task].y_test).overall
    old, history, calibration = weights(fitted), len(fitted.history_), fitted.calibration_
    fitted.set_params(epochs=1, learning_rate=1e-3)
    for part in (slice(0, 60), slice(60, 120)):
        assert fitted.partial_fit(X[part], labels[task][part]) is fitted
    assert len(fitted.history_) == history + 2
    assert fitted.calibration_ == calibration
    assert any((a != b).any() for a, b in zip(old, weights(fitted), strict=True))
    after = fitted.evaluate(trained[task].X_test, trained[task].y_test).overall
    if task == "age":
        assert after["mae"] < before["mae"] * 1.15
    else:
        assert after["accuracy"] >= before["accuracy"] - 0.05


@pytest.mark.parametrize(
    "change",
    [{"network": "conv_cycles"}, {"image_size": 64}, {"color": "grayscale"}, {"dropout": 0.4}],
    ids=str,
)
def test_another_network_is_refused(fitted, more, task, change):
    X, labels = more
    (name,) = change
    with pytest.raises(ParameterError, match=f"was fitted with {name}=.* but {name} is now"):
        fitted.set_params(**change).partial_fit(X, labels[task])


@pytest.mark.parametrize("change", [{"head": "regression"}, {"bins": "life_stages"}], ids=str)
def test_ages_stay_what_they_were(trained, more, tmp_path, change):
    kind, folder = type(trained["age"].estimator), trained["age"].folder
    changed = kind.load(folder).set_params(**change)
    with pytest.raises(ParameterError, match="use fit to begin anew"):
        changed.partial_fit(more[0], more[1]["age"])
    X = trained["age"].X_test
    np.testing.assert_array_equal(changed.predict(X), kind.load(folder).predict(X))
    changed.save(tmp_path / "model")  # says what the network is, not what it might have been
    assert kind.load(tmp_path / "model").get_params() == kind.load(folder).get_params()


def test_what_learns_can_be_changed(fitted, more, task):
    """Two stages: the head alone, then everything."""
    X, labels = more
    moved = []
    for trainable in ("head", "all"):
        before = fitted.model_.get_layer("conv1").get_weights()[0]
        fitted.set_params(trainable=trainable, epochs=1).partial_fit(X, labels[task])
        moved.append((before != fitted.model_.get_layer("conv1").get_weights()[0]).any())
    assert moved == [False, True]


def test_learning_goes_on_from_the_network_before_its_calibration(trained, more, monkeypatch):
    """A step too small to move anything leaves the calibrated answers."""
    model = trained["gender"]
    estimator = type(model.estimator).load(model.folder)
    temperature = estimator.calibration_["temperature"]
    assert temperature != 1
    estimator.set_params(epochs=1, learning_rate=1e-12, weight_decay=0.0)
    before = estimator.predict_proba(model.X_test)
    logits = [w.copy() for w in estimator.model_.get_layer("logits").get_weights()]
    seen, real = [], training.train

    def spy(network, *args, **kwargs):
        seen.extend(w.copy() for w in network.get_layer("logits").get_weights())
        return real(network, *args, **kwargs)

    monkeypatch.setattr(training, "train", spy)
    estimator.partial_fit(more[0], more[1]["gender"])
    for a, b in zip(logits, seen, strict=True):
        np.testing.assert_allclose(a * temperature, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(logits, estimator.model_.get_layer("logits").get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    # Only the running means of the normalizations have moved.
    assert np.abs(estimator.predict_proba(model.X_test) - before).max() < 0.2


def test_validation_pictures_calibrate_anew(trained, more):
    model = trained["age"]
    estimator = type(model.estimator).load(model.folder).set_params(epochs=1)
    X, labels = more
    held_out = X[20:], labels["age"][20:]
    estimator.partial_fit(X[:20], labels["age"][:20], validation_data=held_out)
    assert estimator.calibration_ != model.estimator.calibration_
    assert "val_loss" in estimator.history_[-1]


def test_a_part_need_not_hold_every_label(trained, more):
    model = trained["race"]
    estimator = type(model.estimator).load(model.folder).set_params(epochs=1)
    rows = more[1]["race"] == "black"
    estimator.partial_fit(more[0][rows], more[1]["race"][rows])
    assert list(estimator.classes_) == list(model.estimator.classes_)
    assert estimator.predict_proba(more[0]).shape == (120, 5)


def test_age_keeps_its_bins(new_estimator, faces_drawn):
    X, labels = faces_drawn(60, seed=4)
    estimator = new_estimator("age", bins="balanced", epochs=1).fit(X, labels["age"])
    bins, centers = estimator.age_bins_.copy(), estimator._centers.copy()
    estimator.partial_fit(X[:20], np.full(20, 70.0))
    np.testing.assert_array_equal(estimator.age_bins_, bins)
    np.testing.assert_array_equal(estimator._centers, centers)


class TestRefused:
    def test_ages_below_the_first_bin(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(60, seed=4)
        ages = np.clip(labels["age"], 21, None)
        estimator = new_estimator("age", bins=[21, 40, 60], epochs=1).fit(X, ages)
        before = weights(estimator)
        with pytest.raises(LabelError, match="The bins begin at 21 years, 1 of 5 ages are below"):
            estimator.partial_fit(X[:5], [20, 30, 40, 50, 60])
        for a, b in zip(before, weights(estimator), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_unknown_labels(self, trained, more):
        with pytest.raises(LabelError, match="every race label must be one of"):
            trained["race"].estimator.partial_fit(more[0][:2], ["black", "martian"])

    def test_smote(self, trained, more):
        model = trained["gender"]
        estimator = type(model.estimator).load(model.folder).set_params(balance="smote")
        with pytest.raises(ParameterError, match="would forget the earlier pictures"):
            estimator.partial_fit(more[0], more[1]["gender"])

    def test_an_error_leaves_it_as_it_was(self, fitted, more, task, tmp_path):
        before, answers = weights(fitted), fitted.predict(more[0][:5])
        (tmp_path / "broken.png").write_bytes(b"no picture")
        with pytest.raises(ImageError, match="broken.png"):
            fitted.partial_fit([str(tmp_path / "broken.png")], more[1][task][:1])
        for a, b in zip(before, weights(fitted), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(fitted.predict(more[0][:5]), answers)

    def test_a_stop_in_the_middle_too(self, trained, more):
        import keras

        model = trained["gender"]
        estimator = type(model.estimator).load(model.folder).set_params(epochs=2)
        before = weights(estimator)

        def stop(epoch, logs):
            raise KeyboardInterrupt

        callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
        with pytest.raises(KeyboardInterrupt):
            estimator.partial_fit(more[0], more[1]["gender"], callbacks=[callback])
        for a, b in zip(before, weights(estimator), strict=True):
            np.testing.assert_array_equal(a, b)
        assert getattr(estimator.model_, "optimizer", None) is None  # it would be saved too


class TestState:
    """What ``checkpoint_dir`` keeps."""

    def test_goes_on_after_a_stop(self, trained, more, tmp_path):
        import keras

        model = trained["gender"]
        load = type(model.estimator).load
        straight = load(model.folder).set_params(epochs=3).partial_fit(more[0], more[1]["gender"])
        stopped = load(model.folder).set_params(epochs=3)

        def stop(epoch, logs):
            if epoch == 2:
                raise KeyboardInterrupt

        callback = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
        with pytest.raises(KeyboardInterrupt):
            stopped.partial_fit(
                more[0], more[1]["gender"], checkpoint_dir=tmp_path, callbacks=[callback]
            )
        begun = []
        counter = keras.callbacks.LambdaCallback(on_epoch_begin=lambda k, logs: begun.append(k))
        stopped.partial_fit(
            more[0], more[1]["gender"], checkpoint_dir=tmp_path, callbacks=[counter]
        )
        assert begun == [2]
        for a, b in zip(weights(straight), weights(stopped), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    def test_is_not_taken_for_that_of_another_network(self, fitted, more, task, tmp_path):
        """The same pictures once more are another training, not one that is done."""
        fitted.set_params(epochs=1).partial_fit(more[0], more[1][task], checkpoint_dir=tmp_path)
        with pytest.raises(ParameterError, match="holds another training"):
            fitted.partial_fit(more[0], more[1][task], checkpoint_dir=tmp_path)


def test_card_says_no_loss_that_was_not_measured(trained, more, tmp_path):
    model = trained["gender"]
    estimator = type(model.estimator).load(model.folder).set_params(epochs=1)
    for name, options, line in (
        ("without", {}, "not measured; the last training had no validation pictures"),
        ("with", {"validation_data": (more[0], more[1]["gender"])}, None),
    ):
        estimator.partial_fit(more[0], more[1]["gender"], **options).save(tmp_path / name)
        losses = [epoch["val_loss"] for epoch in estimator.history_ if "val_loss" in epoch]
        card = (tmp_path / name / "README.md").read_text()
        assert f"| validation loss | {line or f'{min(losses):.4f}'} |" in card


def test_saved_and_loaded_in_between(fitted, more, task, tmp_path):
    fitted.set_params(epochs=1).partial_fit(more[0][:60], more[1][task][:60])
    fitted.save(tmp_path / "one")
    again = type(fitted).load(tmp_path / "one")
    again.partial_fit(more[0][60:], more[1][task][60:])
    fitted.partial_fit(more[0][60:], more[1][task][60:])
    for a, b in zip(weights(again), weights(fitted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
