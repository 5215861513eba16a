"""SMOTE with the real imbalanced-learn."""

import sys

import numpy as np
import pytest

from agr.errors import LabelError, MissingExtraError, ParameterError
from agr.training import loop as training
from agr.training import smote

pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")


@pytest.fixture(scope="module")
def uneven():
    """60 points of a, 12 of b, far from each other."""
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (60, 4)), rng.normal(9, 1, (12, 4))])
    return features.astype(np.float32), np.repeat(["a", "b"], [60, 12])


def test_made_up_ones_lie_among_their_own(uneven):
    features, y = smote.smote_features(*uneven, seed=0)
    assert np.unique(y, return_counts=True)[1].tolist() == [60, 60]
    np.testing.assert_array_equal(features[:72], uneven[0])
    made = features[72:]
    own = uneven[0][60:]
    assert (made >= own.min(axis=0) - 1e-5).all()
    assert (made <= own.max(axis=0) + 1e-5).all()
    assert len(np.unique(made, axis=0)) == 48


def test_too_few_for_neighbours(uneven):
    with pytest.raises(LabelError, match="at least 6 training pictures of every label; b has 5"):
        smote.smote_features(uneven[0][:65], uneven[1][:65], seed=0)


def test_labels_that_nothing_is_made_of_may_be_few(uneven):
    """As in a part of the pictures for partial_fit."""
    for rows in (slice(60, 64), np.r_[0:3, 60:63]):
        features, y = smote.smote_features(uneven[0][rows], uneven[1][rows], seed=0)
        np.testing.assert_array_equal(features, uneven[0][rows])
        assert list(y) == list(uneven[1][rows])


def test_pictures(faces_drawn):
    X, labels = faces_drawn(40, seed=3)
    y = np.where(np.arange(40) < 8, "rare", "common")
    images, more = smote.smote_images(X, y, seed=0)
    assert images.dtype == np.uint8
    assert images.shape == (64, *X.shape[1:])
    np.testing.assert_array_equal(images[:40], X)
    assert set(more[40:]) == {"rare"}


def test_missing_package(uneven, monkeypatch):
    monkeypatch.setitem(sys.modules, "imblearn", None)
    with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[balance\]"'):
        smote.smote_features(*uneven, seed=0)


@pytest.fixture(scope="module")
def faces(faces_drawn):
    """80 women and 20 men."""
    X, labels = faces_drawn(160, seed=1)
    rare = np.flatnonzero(labels["gender"] == "male")[20:]
    keep = np.setdiff1d(np.arange(160), rare)
    return X[keep], labels["gender"][keep]


class TestFit:
    def fit(self, new_estimator, faces, **parameters):
        held = faces[0][::5], faces[1][::5]
        return new_estimator("gender", epochs=4, **parameters).fit(*faces, validation_data=held)

    def test_features_change_the_last_layer_alone(self, new_estimator, faces):
        plain = self.fit(new_estimator, faces)
        made = self.fit(new_estimator, faces, balance="smote")
        for one, two in zip(plain.model_.layers, made.model_.layers, strict=True):
            for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
                if one.name == "logits":
                    assert not np.allclose(a, b)
                else:
                    np.testing.assert_array_equal(a, b)
        probabilities = made.predict_proba(faces[0])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert (made.predict(faces[0]) == faces[1]).mean() > 0.9

    def test_rare_label_is_found_more_often(self, new_estimator, faces):
        share = [
            (self.fit(new_estimator, faces, balance=b).predict(faces[0]) == "male").mean()
            for b in (None, "smote")
        ]
        assert share[1] > share[0]

    @pytest.mark.parametrize("balance", ["smote", "smote_pixels"])
    def test_too_few_are_refused_before_the_training(
        self, new_estimator, faces, balance, monkeypatch
    ):
        monkeypatch.setattr(training, "train", lambda *args, **kwargs: pytest.fail("it trained"))
        y = np.where(np.arange(len(faces[1])) < 5, "male", "female")
        with pytest.raises(LabelError, match="male has 5"):
            new_estimator("gender", balance=balance).fit(faces[0], y, validation_data=faces)

    @pytest.mark.parametrize("balance", ["smote", "smote_pixels"])
    def test_weights_count_in_proportion(self, new_estimator, faces, balance):
        """Made-up ones count as the real ones do on average, whatever the weights' sum."""
        answers = []
        for weight in (1.0, 1000.0):
            estimator = new_estimator("gender", epochs=1, balance=balance)
            weights = np.full(len(faces[1]), weight)
            answers.append(estimator.fit(*faces, sample_weight=weights).predict_proba(faces[0]))
        np.testing.assert_allclose(*answers, atol=1e-4)

    def test_five_labels(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(160, seed=1)
        estimator = new_estimator("race", epochs=6, balance="smote").fit(X, labels["race"])
        assert (estimator.predict(X) == labels["race"]).mean() > 0.9

    def test_pixels(self, new_estimator, faces):
        estimator = self.fit(new_estimator, faces, balance="smote_pixels")
        assert (estimator.predict(faces[0]) == faces[1]).mean() > 0.9

    def test_pixels_of_large_pictures(self, new_estimator, faces):
        with pytest.raises(ParameterError, match="at most 64 pixels, got 80"):
            self.fit(new_estimator, faces, balance="smote_pixels", image_size=80)

    def test_soft_labels_of_pixels(self, new_estimator, faces):
        soft = np.full((len(faces[1]), 2), 0.5)
        with pytest.raises(ParameterError, match="are for real pictures"):
            new_estimator("gender", balance="smote_pixels").fit(*faces, soft_labels=soft)
