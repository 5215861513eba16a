import numpy as np
import pytest

from agr.core.images import resize
from agr.core.intervals import distribution_interval
from agr.errors import ParameterError
from agr.training.calibration import corrupted_copies, fit_temperature


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


class TestCopies:
    def test_share_of_the_pictures(self, picture):
        pictures = [picture(seed) for seed in range(10)]
        copies, rows = corrupted_copies(pictures, 32, 0.5)
        assert copies.shape == (5, 32, 32, 3) and copies.dtype == np.uint8
        assert sorted(set(rows)) == list(rows)
        for copy, row in zip(copies, rows, strict=True):
            assert (copy != resize(pictures[row], 32)).any()
        again, _ = corrupted_copies(pictures, 32, 0.5)
        np.testing.assert_array_equal(again, copies)
        assert len(corrupted_copies(pictures, 32, 0)[1]) == 0

    @pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
    def test_no_share(self, share):
        with pytest.raises(ParameterError, match="corrupted must be a share from 0 to 1"):
            corrupted_copies([], 32, share)
