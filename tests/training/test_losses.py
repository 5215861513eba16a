"""Losses by name."""

import keras
import numpy as np
import pytest

from agr.errors import ParameterError
from agr.training.losses import BINARY_LOSSES, LABEL_LOSSES, NUMBER_LOSSES, make_loss


@pytest.mark.parametrize(
    ("name", "known"),
    [(name, known) for known in (LABEL_LOSSES, BINARY_LOSSES, NUMBER_LOSSES) for name in known],
)
def test_is_the_one_that_keras_has_by_this_name(name, known):
    truth, guess = np.array([[0.0, 1.0]]), np.array([[0.3, 0.7]])
    expected = float(np.mean(keras.losses.get(name)(truth, guess)))
    assert float(make_loss(name, known)(truth, guess)) == pytest.approx(expected)


def test_options_reach_it():
    assert make_loss(None, LABEL_LOSSES, label_smoothing=0.1).label_smoothing == 0.1


CASES = [
    ("age", {}, LABEL_LOSSES),
    ("age", {"head": "regression"}, NUMBER_LOSSES),
    ("gender", {}, BINARY_LOSSES),
    ("race", {}, LABEL_LOSSES),
]


@pytest.mark.parametrize(("task", "head", "known"), CASES, ids=["bins", "years", "gender", "race"])
def test_training_follows_it(new_estimator, faces_drawn, task, head, known):
    X, labels = faces_drawn(40, seed=6)
    learned = [
        new_estimator(task, epochs=1, loss=name, **head).fit(X, labels[task]).history_[0]["loss"]
        for name in (None, *known)
    ]
    assert learned[0] == learned[1]
    assert len(set(learned)) == len(known)


@pytest.mark.parametrize(("task", "head", "known"), CASES, ids=["bins", "years", "gender", "race"])
def test_unknown(new_estimator, faces_drawn, task, head, known):
    X, labels = faces_drawn(10, seed=6)
    with pytest.raises(ParameterError, match=f"loss must be one of None, '{next(iter(known))}'"):
        new_estimator(task, loss="hinge", **head).fit(X, labels[task])
