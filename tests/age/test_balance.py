import numpy as np
import pytest

from agr.age.balance import STRATEGIES, sample_weight
from agr.errors import ParameterError
from agr.training.balancing import find_strategy


@pytest.fixture(scope="module")
def ages():
    return np.random.default_rng(0).normal(30, 8, 3000).clip(0, 120)


def test_mean_is_one_and_all_are_finite(ages):
    weights = sample_weight(ages)
    assert weights.shape == ages.shape
    assert weights.mean() == pytest.approx(1)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()


def test_rare_ages_weigh_more(ages):
    weights = sample_weight(ages)
    common, rare = np.abs(ages - 30) < 1, np.abs(ages - 30) > 20
    assert weights[rare].min() > 3 * weights[common].max()


def test_far_apart_weights_follow_the_square_root_of_counts():
    ages = np.repeat([20, 60], [400, 100])
    weights = sample_weight(ages)
    assert weights[-1] / weights[0] == pytest.approx(2)


def test_neighbours_share_their_counts():
    weights = sample_weight(np.array([20] * 50 + [21] + [60]))
    assert weights[50] < weights[51] / 3  # one year beside a crowd is not rare


def test_one_age_weighs_one():
    assert sample_weight(np.full(5, 33.0)) == pytest.approx(np.ones(5))


@pytest.mark.parametrize("age", [0, 120], ids=["youngest", "oldest"])
def test_ends_of_the_range(age):
    assert sample_weight([age, 40]) == pytest.approx([1, 1], rel=0.3)


def test_weights_let_every_year_count_the_same():
    ages = np.repeat([20.0, 60.5, 61.0], [400, 99, 1])
    weights = STRATEGIES["weights"].plan(ages, 0).weights
    masses = [weights[:400].sum(), weights[400:499].sum(), weights[499:].sum()]
    assert masses == pytest.approx([500 / 3] * 3)


@pytest.mark.parametrize("balance", [None, *STRATEGIES], ids=str)
def test_every_picture_is_shown_once(ages, balance):
    plan = find_strategy(balance, STRATEGIES).plan(ages, 0)
    np.testing.assert_array_equal(plan.rows, np.arange(3000))
    assert plan.weights.mean() == pytest.approx(1)
    assert (plan.weights.std() > 0) == (balance is not None)


def test_training_uses_it_only_when_asked(new_estimator, ages):
    plain = new_estimator("age").strategy().plan(ages, 0).weights
    smooth = new_estimator("age", balance="smoothed_weights").strategy().plan(ages, 0).weights
    assert (plain == 1).all()
    np.testing.assert_array_equal(smooth, sample_weight(ages))


def test_unknown(new_estimator, faces_drawn):
    X, labels = faces_drawn(10, seed=0)
    with pytest.raises(ParameterError, match="balance must be one of None, 'weights'"):
        new_estimator("age", balance="smote").fit(X, labels["age"])
