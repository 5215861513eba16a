"""Models of gender that were saved with two outputs, up to format 1."""

import keras
import numpy as np
import pytest

from agr.core import artifact
from agr.gender import GenderEstimator
from agr.training.networks import build as networks


@pytest.fixture
def saved(new_estimator, faces_drawn, tmp_path):
    """Give a saved model as an older agr wrote it, and its answers to some pictures."""
    X, labels = faces_drawn(40, seed=3)
    estimator = new_estimator("gender", epochs=1).fit(X, labels["gender"])
    old = networks.build(
        "tiny", 16, weights=None, dropout=0.0, last_layer=("softmax", 2), task="gender"
    )
    estimator.save(tmp_path / "new")

    def change(folder, manifest):
        old.save(folder / artifact.KERAS)
        manifest["parameters"]["loss"] = "categorical_focal_crossentropy"

    artifact.rewrite(tmp_path / "new", tmp_path / "old", change, "gender")
    return tmp_path / "old", X[:, :16, :16], old.predict_on_batch(X[:, :16, :16])


def test_loads_and_answers_the_same(saved):
    folder, X, expected = saved
    estimator = GenderEstimator.load(folder)
    assert estimator.model_.output_shape == (None, 1)
    np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)
    assert estimator.loss == "binary_focal_crossentropy"


def test_goes_on_learning(saved, faces_drawn):
    folder, _, _ = saved
    X, labels = faces_drawn(40, seed=4)
    estimator = GenderEstimator.load(folder).set_params(epochs=1, network="tiny")
    estimator.partial_fit(X, labels["gender"])
    assert estimator.model_.output_shape == (None, 1)


def test_is_a_start(saved, new_estimator, faces_drawn):
    folder, _, _ = saved
    X, labels = faces_drawn(40, seed=4)
    start = keras.models.load_model(folder / artifact.KERAS, compile=False)
    estimator = new_estimator(
        "gender", epochs=1, learning_rate=1e-12, weights=str(folder), schedule="constant"
    ).fit(X, labels["gender"])
    np.testing.assert_allclose(
        estimator.model_.get_layer("conv1").get_weights()[0],
        start.get_layer("conv1").get_weights()[0],
        atol=1e-6,
    )
