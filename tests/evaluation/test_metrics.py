import math

import numpy as np
import pytest
from sklearn import metrics as sk

from agr.evaluation.metrics import (
    classification_metrics,
    expected_calibration_error,
    regression_metrics,
)

LABELS = ("a", "b", "c")


class TestRegression:
    def test_by_hand(self):
        scores = regression_metrics([20, 40, 60, 80], [22, 35, 60, 86])
        assert scores["mae"] == pytest.approx(13 / 4)
        assert scores["rmse"] == pytest.approx(math.sqrt((4 + 25 + 0 + 36) / 4))
        assert scores["cs5"] == pytest.approx(3 / 4)  # five years still count, six do not
        assert scores["bias"] == pytest.approx((2 - 5 + 0 + 6) / 4)

    def test_agrees_with_sklearn(self):
        rng = np.random.default_rng(0)
        truth, guess = rng.uniform(0, 90, 200), rng.uniform(0, 90, 200)
        scores = regression_metrics(truth, guess)
        assert scores["mae"] == pytest.approx(sk.mean_absolute_error(truth, guess))
        assert scores["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, guess))

    def test_no_picture(self):
        scores = regression_metrics([], [])
        assert set(scores) == {"mae", "rmse", "cs5", "bias"}
        assert all(map(math.isnan, scores.values()))


class TestClassification:
    @pytest.fixture
    def drawn(self):
        rng = np.random.default_rng(0)
        chances = rng.dirichlet([1, 1, 1], 300)
        truth = np.array(LABELS)[[rng.choice(3, p=row) for row in chances]]
        return truth, chances

    def test_by_hand(self):
        truth = ["a", "a", "b", "c"]
        chances = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]]
        scores = classification_metrics(truth, chances, LABELS)
        assert scores["accuracy"] == 0.75
        assert scores["balanced_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
        assert scores["f1_a"] == pytest.approx(2 / 3)
        assert scores["f1_b"] == pytest.approx(2 / 3)
        assert scores["f1_c"] == 1
        assert scores["macro_f1"] == pytest.approx(7 / 9)
        expected = -np.log([0.8, 0.2, 0.6, 0.8]).mean()
        assert scores["log_loss"] == pytest.approx(expected)

    def test_agrees_with_sklearn(self, drawn):
        truth, chances = drawn
        guess = np.array(LABELS)[chances.argmax(axis=1)]
        scores = classification_metrics(truth, chances, LABELS)
        assert scores["accuracy"] == pytest.approx(sk.accuracy_score(truth, guess))
        assert scores["balanced_accuracy"] == pytest.approx(
            sk.balanced_accuracy_score(truth, guess)
        )
        assert scores["macro_f1"] == pytest.approx(sk.f1_score(truth, guess, average="macro"))
        assert scores["log_loss"] == pytest.approx(sk.log_loss(truth, chances))

    def test_absent_label_is_not_defined(self):
        scores = classification_metrics(["a", "a"], [[0.9, 0.1, 0], [0.2, 0.8, 0]], LABELS)
        assert scores["accuracy"] == 0.5
        names = ("f1_a", "f1_b", "balanced_accuracy", "macro_f1")
        assert all(math.isnan(scores[name]) for name in names)

    def test_means_are_over_the_labels_that_occur(self):
        chances = [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.9, 0]]
        scores = classification_metrics(["a", "a", "b"], chances, LABELS)
        assert math.isnan(scores["f1_c"])
        assert scores["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
        assert scores["macro_f1"] == pytest.approx(2 / 3)

    def test_no_picture(self):
        scores = classification_metrics([], np.empty((0, 3)), LABELS)
        assert set(scores) == set(classification_metrics(["a"], [[1, 0, 0]], LABELS))
        assert all(map(math.isnan, scores.values()))

    def test_sure_and_wrong_stays_finite(self):
        assert math.isfinite(classification_metrics(["a"], [[0, 1, 0]], LABELS)["log_loss"])


class TestCalibrationError:
    def test_by_hand(self):
        # Two bins: 0.55 sure and half right, 0.95 sure and always right.
        error = expected_calibration_error([0.55, 0.55, 0.95, 0.95], [1, 0, 1, 1])
        assert error == pytest.approx((2 * 0.05 + 2 * 0.05) / 4)

    def test_perfect_and_worst(self):
        assert expected_calibration_error([1.0, 1.0], [1, 1]) == 0
        assert expected_calibration_error([1.0, 1.0], [0, 0]) == 1

    def test_opposite_errors_in_one_bin_cancel_and_in_two_do_not(self):
        assert expected_calibration_error([0.5, 0.5], [1, 0]) == pytest.approx(0)
        assert expected_calibration_error([0.2, 0.9], [1, 0]) == pytest.approx(0.85)
        assert expected_calibration_error([0.85, 0.99], [1, 0]) == pytest.approx(0.57)
