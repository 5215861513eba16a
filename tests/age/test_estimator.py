"""Heads and bins of the age estimator."""

import numpy as np
import pytest

from agr import Predictor
from agr.age import AgeEstimator
from agr.errors import LabelError, ParameterError


@pytest.fixture(scope="module")
def faces(faces_drawn):
    X, labels = faces_drawn(80, seed=8)
    return X, np.maximum(labels["age"], 8)  # nobody below the first bin of ad_groups


@pytest.mark.parametrize(
    ("bins", "n_bins"),
    [("decade", 11), ("balanced", 10), ("life_stages", 6), ("ad_groups", 8), ([0, 30, 60], 3)],
    ids=["decade", "balanced", "life_stages", "ad_groups", "list"],
)
def test_wide_bins(new_estimator, faces, tmp_path, bins, n_bins):
    X, y = faces
    estimator = new_estimator("age", bins=bins, epochs=1, balance="weights").fit(X, y)
    assert estimator.age_bins_.shape == (n_bins, 2)
    assert estimator.age_bins_[-1, 1] == 121
    assert estimator.predict_proba(X).shape == (80, n_bins)
    scores = estimator.evaluate(X, y).overall
    assert 0 <= scores["bin_accuracy"] <= scores["one_off_accuracy"] <= 1
    ages = estimator.predict(X)
    assert ((ages >= 0) & (ages <= 120)).all()
    if bins == "balanced":  # the one whose edges depend on the data
        estimator.save(tmp_path / "m")
        loaded = AgeEstimator.load(tmp_path / "m")
        np.testing.assert_array_equal(loaded.predict(X), ages)
        np.testing.assert_array_equal(loaded.age_bins_, estimator.age_bins_)


@pytest.fixture(scope="module")
def regression(new_estimator, faces_drawn):
    X, labels = faces_drawn(160, seed=1)
    return new_estimator("age", head="regression", epochs=12).fit(X, labels["age"])


class TestRegression:
    def test_learns(self, regression, faces):
        X, y = faces
        assert regression.evaluate(X, y).overall["mae"] < 10

    def test_has_no_probabilities_and_no_bins(self, regression, faces):
        assert not hasattr(regression, "predict_proba")
        assert not hasattr(regression, "age_bins_")
        with pytest.raises(AttributeError, match="predict_proba"):
            regression.predict_proba(faces[0])
        assert "bin_accuracy" not in regression.evaluate(*faces).overall

    def test_interval_is_of_its_errors(self, regression, faces):
        (errors,) = regression.calibration_["errors"]
        assert len(errors) == 16 and errors == sorted(errors)  # a tenth is held out
        widths = np.diff(regression.predict_interval(faces[0]), axis=1)
        assert 5 < np.median(widths) < 80

    def test_saved(self, regression, faces, tmp_path):
        regression.save(tmp_path / "m")
        loaded = AgeEstimator.load(tmp_path / "m")
        np.testing.assert_array_equal(loaded.predict(faces[0]), regression.predict(faces[0]))

    def test_refit_forgets_the_bins(self, trained, new_estimator, faces):
        estimator = AgeEstimator.load(trained["age"].folder)
        assert hasattr(estimator, "age_bins_")
        estimator.set_params(head="regression", epochs=1).fit(*faces)
        assert not hasattr(estimator, "age_bins_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"head": "regresion"}, "Did you mean 'regression'"),
        ({"bins": "decads"}, "Did you mean 'decade'"),
        ({"label_sd": -1}, "label_sd must be at least 0 years, got -1"),
        ({"label_sd": "wide"}, "label_sd must be at least 0 years, got 'wide'"),
    ],
    ids=["head", "bins", "label_sd", "label_sd word"],
)
def test_bad_parameters(new_estimator, faces, parameters, message):
    with pytest.raises(ParameterError, match=message):
        new_estimator("age", **parameters).fit(*faces)


def test_ages_below_the_first_bin(new_estimator, faces):
    X, y = faces
    with pytest.raises(LabelError, match="The bins begin at 7 years, 1 of 80 ages are below"):
        new_estimator("age", bins="ad_groups").fit(
            X, np.where(np.arange(80) == 5, 3, y), validation_data=faces
        )


def test_few_validation_pictures_give_the_whole_range(new_estimator, faces):
    X, y = faces
    estimator = new_estimator("age", epochs=1).fit(X, y, validation_data=(X[:5], y[:5]))
    np.testing.assert_array_equal(estimator.predict_interval(X), [[0, 120]] * len(X))
    assert estimator.evaluate(X, y).overall["coverage"] == 1


def test_interval_is_that_of_the_predictor(trained):
    model = trained["age"]
    estimator = AgeEstimator.load(model.folder)
    ends = estimator.predict_interval(model.X_test)
    found = Predictor("age", faces="crop", age=model.folder).predict(list(model.X_test))
    expected = [one.age_interval for one in found]
    np.testing.assert_allclose(ends, expected, atol=1e-3)
    ages = estimator.predict(model.X_test)
    assert ((ends[:, 0] <= ages) & (ages <= ends[:, 1])).all()
    inside = (model.y_test >= ends[:, 0]) & (model.y_test <= ends[:, 1])
    scores = estimator.evaluate(model.X_test, model.y_test).overall
    assert inside.mean() == pytest.approx(scores["coverage"])


@pytest.mark.parametrize(
    "y", [[True] * 4, np.ones(4, dtype=bool), [30, 40, True, 50], [np.bool_(True), 3, 4, 5]],
    ids=["list", "array", "one-of-many", "numpy"],
)  # fmt: skip
def test_boolean_ages_are_refused(y):
    with pytest.raises(LabelError, match="got True or False"):
        AgeEstimator(network="tiny", image_size=16).fit(np.zeros((4, 16, 16, 3), np.uint8), y)
