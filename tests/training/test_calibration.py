import numpy as np
import pytest

from agr.core.intervals import distribution_interval
from agr.training.calibration import fit_margin, fit_temperature


def softmax(logits):
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    return rows / rows.sum(axis=1, keepdims=True)


def draw(n, seed=0, k=3):
    """Logits, and labels drawn from their own probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, k))
    return logits, np.array([rng.choice(k, p=row) for row in softmax(logits)])


class TestTemperature:
    @pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
    def test_finds_how_much_too_sure(self, scale):
        logits, columns = draw(6000)
        found = fit_temperature(softmax(logits * scale), columns)
        assert found == pytest.approx(scale, rel=0.08)

    def test_makes_the_labels_likelier(self):
        logits, columns = draw(500)
        sure = softmax(logits * 3)
        cooled = softmax(np.log(sure) / fit_temperature(sure, columns))
        rows = np.arange(500)
        assert np.log(cooled[rows, columns]).mean() > np.log(sure[rows, columns]).mean() + 0.1

    @pytest.mark.parametrize(("columns", "end"), [([0, 0], 0.25), ([1, 1], 4)], ids=["ok", "wrong"])
    def test_stays_in_its_range(self, columns, end):
        assert fit_temperature([[1, 0], [0.9, 0.1]], columns) == pytest.approx(end, rel=1e-3)


class TestDistributionInterval:
    def test_even_chances(self):
        rows = distribution_interval(np.full((2, 10), 0.1), np.arange(11), 0.8)
        np.testing.assert_allclose(rows, [[1, 9], [1, 9]])

    def test_cuts_within_a_bin(self):
        rows = distribution_interval([[0.5, 0.5]], [0, 10, 30], 0.5)
        np.testing.assert_allclose(rows, [[5, 20]])

    def test_scale_does_not_matter(self):
        edges = np.arange(4)
        np.testing.assert_allclose(
            distribution_interval([[2, 4, 2]], edges, 0.9),
            distribution_interval([[0.25, 0.5, 0.25]], edges, 0.9),
        )

    def test_no_row(self):
        assert distribution_interval(np.empty((0, 3)), np.arange(4), 0.9).shape == (0, 2)


class TestMargin:
    def test_by_hand(self):
        ends = np.repeat([[10.0, 20.0]], 9, axis=0)
        truth = [15, 15, 15, 15, 15, 15, 15, 22, 7]  # ten numbers: the ninth smallest
        assert fit_margin(truth, ends, 0.9) == 3
        assert fit_margin(truth, ends, 0.8) == 2

    def test_wide_intervals_shrink(self):
        assert fit_margin(np.full(99, 50.0), np.repeat([[10.0, 90.0]], 99, axis=0), 0.9) == -40

    def test_too_few_pictures(self):
        assert fit_margin([1] * 8, [[0, 2]] * 8, 0.9) == float("inf")
        assert np.isfinite(fit_margin([1] * 9, [[0, 2]] * 9, 0.9))

    @pytest.mark.parametrize("coverage", [0.5, 0.9])
    def test_new_numbers_are_covered_as_stated(self, coverage):
        """On average over many draws, which is what the method promises, and hardly more."""
        rng = np.random.default_rng(0)
        covered = []
        for _ in range(300):
            ends = np.sort(rng.normal(40, 5, (250, 2)), axis=1)
            truth = ends.mean(axis=1) + rng.standard_t(3, 250) * 8
            margin = fit_margin(truth[:50], ends[:50], coverage)
            low, high = ends[50:, 0] - margin, ends[50:, 1] + margin
            covered.append(((truth[50:] >= low) & (truth[50:] <= high)).mean())
        assert coverage - 0.005 <= np.mean(covered) <= coverage + 0.03
