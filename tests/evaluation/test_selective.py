import numpy as np
import pytest

from agr.errors import LabelError, ParameterError
from agr.evaluation.selective import risk_coverage, threshold_at_most_wrong


class TestCurve:
    def test_by_hand(self):
        curve = risk_coverage([0.5, 0.9, 0.7, 0.7], [1, 0, 1, 0])
        assert curve.threshold.tolist() == [0.9, 0.7, 0.5]  # two are equally sure
        assert curve.coverage.tolist() == [0.25, 0.75, 1]
        assert curve.risk == pytest.approx([0, 1 / 3, 1 / 2])
        assert curve.area == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25 / 2)

    def test_years(self):
        curve = risk_coverage([-10.0, -20.0], [2.0, 6.0])
        assert curve.risk.tolist() == [2, 4]

    def test_knowing_confidence_is_better_than_a_random_one(self):
        rng = np.random.default_rng(0)
        sure = rng.uniform(0.5, 1, 2000)
        wrong = rng.random(2000) > sure
        known, random = risk_coverage(sure, wrong), risk_coverage(rng.permutation(sure), wrong)
        assert known.area < 0.7 * random.area
        assert known.risk[-1] == random.risk[-1] == wrong.mean()

    @pytest.mark.parametrize(("sure", "lost"), [([], []), ([0.5], [1, 0])], ids=["none", "length"])
    def test_wrong(self, sure, lost):
        with pytest.raises(LabelError, match="one number for each answer"):
            risk_coverage(sure, lost)


class TestThreshold:
    def test_counts_one_more_than_was_seen(self):
        sure = np.linspace(1, 0.5, 101)
        wrong = np.zeros(101, bool)
        assert threshold_at_most_wrong(sure, wrong, 0.02) == 0.5
        assert threshold_at_most_wrong(sure[:40], wrong[:40], 0.02) is None  # 1 of 41 is too many
        wrong[80] = True
        assert threshold_at_most_wrong(sure, wrong, 0.02) == 0.5  # 2 of 102
        wrong[90] = True
        assert threshold_at_most_wrong(sure, wrong, 0.0247) == pytest.approx(sure[89])

    def test_new_answers_keep_to_the_share(self):
        rng = np.random.default_rng(0)
        sure = rng.uniform(0.5, 1, (2, 20_000))
        wrong = rng.random((2, 20_000)) > sure
        threshold = threshold_at_most_wrong(sure[0], wrong[0], 0.1)
        kept = sure[1] >= threshold
        assert wrong[1][kept].mean() == pytest.approx(0.1, abs=0.015)
        assert 0.3 < kept.mean() < 0.5

    @pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
    def test_no_share(self, share):
        with pytest.raises(ParameterError, match="at_most_wrong must lie between 0 and 1"):
            threshold_at_most_wrong([0.9], [False], share)
