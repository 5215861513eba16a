import numpy as np
import pytest

from agr.race.balance import sample_weight
from agr.race.labels import LABELS


@pytest.mark.parametrize("counts", [(7, 1), (1, 1), (3, 9)], ids=str)
def test_every_label_counts_the_same(counts):
    y = np.repeat(LABELS[:2], counts)
    weights = sample_weight(np.random.default_rng(0).permutation(y))
    assert weights.mean() == pytest.approx(1)
    weights = sample_weight(y)
    masses = [weights[y == label].sum() for label in LABELS[:2]]
    assert masses == pytest.approx([sum(counts) / 2] * 2)


def test_by_hand():
    y = np.array([LABELS[0], LABELS[1], LABELS[0], LABELS[0]])
    assert sample_weight(y) == pytest.approx([4 / 6, 2, 4 / 6, 4 / 6])


def test_square_root_is_half_way():
    y = np.array([LABELS[0], LABELS[1], LABELS[0], LABELS[0], LABELS[0]])
    weights = sample_weight(y, power=0.5)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights.mean() == pytest.approx(1)


def test_training_uses_it_only_when_asked(new_estimator):
    y = np.repeat(LABELS[:2], (3, 1))
    assert new_estimator("race")._balance(y) == pytest.approx([1, 1, 1, 1])
    assert new_estimator("race", balance="weights")._balance(y) == pytest.approx(sample_weight(y))
    rooted = new_estimator("race", balance="sqrt_weights")._balance(y)
    assert rooted == pytest.approx(sample_weight(y, power=0.5))
