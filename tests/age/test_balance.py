import numpy as np
import pytest

from agr.age.balance import sample_weight


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
