import numpy as np
import pytest

from agr.age.bins import bin_centers, find_bins, make_edges, spread_over_bins
from agr.errors import LabelError, ParameterError


class TestEdges:
    @pytest.mark.parametrize(
        ("bins", "edges"),
        [
            ("years", list(range(122))),
            ("decade", [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 121]),
            ("life_stages", [0, 13, 20, 30, 45, 60, 121]),
            ("ad_groups", [7, 13, 18, 25, 35, 45, 55, 65, 121]),
            ([18, 30, 50], [18, 30, 50, 121]),
            (np.array([0.0, 40.5]), [0, 40.5, 121]),
        ],
        ids=["years", "decade", "life_stages", "ad_groups", "list", "array"],
    )
    def test_named_and_given(self, bins, edges):
        np.testing.assert_array_equal(make_edges(bins, [30]), edges)

    def test_balanced_bins_hold_nearly_equal_counts(self):
        ages = np.random.default_rng(0).gamma(4, 9, 5000).astype(int).clip(0, 110)
        edges = make_edges("balanced", ages)
        counts = np.bincount(find_bins(ages, edges), minlength=10)
        assert len(counts) == 10
        assert edges[0] == 0
        assert counts.min() > 350
        assert counts.max() < 650

    def test_balanced_merges_bins_that_one_age_fills(self):
        edges = make_edges("balanced", [20] * 90 + [40] * 10)
        assert (np.diff(edges) > 0).all()
        assert len(edges) < 11

    @pytest.mark.parametrize(
        "bins",
        [[5], [], [10, 10], [20, 10], [-1, 5], [0, 121], [[0, 1]]],
        ids=["one", "none", "equal", "falling", "negative", "beyond", "2d"],
    )
    def test_bad_lists(self, bins):
        with pytest.raises(ParameterError, match="at least two rising lower ends between 0 and"):
            make_edges(bins, [30])

    @pytest.mark.parametrize("bins", [["a", "b"], 5, None, [float("nan"), 3]], ids=repr)
    def test_no_numbers(self, bins):
        with pytest.raises(ParameterError, match="bins must hold at least two rising"):
            make_edges(bins, [30])

    def test_unknown_name(self):
        with pytest.raises(ParameterError, match="Did you mean 'decade'. Or give a list of edges"):
            make_edges("decades", [30])


class TestFind:
    def test_lower_end_belongs_to_the_bin(self):
        edges = make_edges("decade", [])
        ages = [0, 9.9, 10, 99, 100, 120]
        assert list(find_bins(ages, edges)) == [0, 0, 1, 9, 10, 10]

    def test_below_the_first(self):
        message = r"begin at 7 years, 2 of 3 ages are below.*faces.at_least\(7\) or --min-age 7"
        with pytest.raises(LabelError, match=message):
            find_bins([6, 7, 3], make_edges("ad_groups", []))


class TestTargets:
    edges = make_edges("years", [])

    def test_rows_sum_to_one(self):
        rows = spread_over_bins([0, 33, 120], self.edges, 2.5)
        assert rows.shape == (3, 121)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)

    def test_peak_is_the_age_and_the_sides_are_alike(self):
        (row,) = spread_over_bins([40], self.edges, 2.5)
        assert row.argmax() == 40
        np.testing.assert_allclose(row[30:40], row[50:40:-1], rtol=1e-4)

    def test_share_of_a_bin_by_hand(self):
        (row,) = spread_over_bins([40], self.edges, 2.5)
        assert row[40] == pytest.approx(0.158519, abs=1e-5)  # of N(0, 1) between -0.2 and 0.2

    def test_zero_sd_is_one_hot(self):
        rows = spread_over_bins([5, 25], make_edges("decade", []), 0)
        np.testing.assert_array_equal(rows, np.eye(11)[[0, 2]])


class TestCenters:
    def test_mean_of_the_training_ages_or_the_middle(self):
        centers = bin_centers([10, 11, 18], make_edges([0, 10, 20], []))
        assert list(centers) == [4.5, 13, 70]
