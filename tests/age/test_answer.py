import numpy as np
import pytest

from agr.age.answer import answer, raw_intervals, years
from agr.training.calibration import fit_margin

YEARS = {"head": "bins", "edges": list(range(122)), "centers": list(range(121))}
NUMBER = {"head": "regression"}


def manifest(meaning, margin):
    return {"meaning": meaning, "calibration": {"margin": margin}}


def around(ages, sd):
    """Normal distributions over the bins of one year."""
    rows = np.exp(-0.5 * ((np.arange(121) - np.asarray(ages)[:, None]) / sd) ** 2)
    return rows / rows.sum(axis=1, keepdims=True)


class TestYears:
    def test_median_of_the_distribution(self):
        rows = np.zeros((2, 121))
        rows[0, [20, 30, 90]] = 0.25, 0.5, 0.25  # the mean is 42.5
        rows[1, [0, 5]] = 0.9, 0.1
        assert years(rows, YEARS) == pytest.approx([30, 0.5 / 0.9 - 0.5], abs=1e-6)

    def test_ends_of_the_range(self):
        assert years(np.eye(121)[[0, 120]], YEARS) == pytest.approx([0, 120])

    def test_centers_of_wide_bins(self):
        meaning = {"head": "bins", "edges": [0, 30, 121], "centers": [20.0, 50.0]}
        assert years(np.array([[0.5, 0.5]]), meaning) == pytest.approx([35])

    def test_numbers_stay_in_the_range(self):
        assert list(years(np.array([[-3.0], [44.5], [200.0]]), NUMBER)) == [0, 44.5, 120]


class TestIntervals:
    def test_one_sure_year_is_about_that_year(self):
        low, high = raw_intervals(np.eye(121)[[30]], YEARS)[0]
        assert (low, high) == pytest.approx((29.55, 30.45))

    def test_90_percent_of_a_normal_distribution(self):
        low, high = raw_intervals(around([40], 6), YEARS)[0]
        assert (low, high) == pytest.approx((40 - 1.645 * 6, 40 + 1.645 * 6), abs=0.1)

    def test_a_number_has_no_width(self):
        np.testing.assert_array_equal(raw_intervals(np.array([[33.0]]), NUMBER), [[33, 33]])


class TestAnswer:
    def test_margin_widens_both_ends(self):
        (row,) = answer(np.array([[33.0]]), manifest(NUMBER, 5.5))
        assert row == {"age": 33.0, "age_interval": (27.5, 38.5)}
        assert all(type(v) is float for v in (row["age"], *row["age_interval"]))

    def test_interval_holds_the_age_and_stays_in_the_range(self):
        rows = answer(np.array([[1.0], [119.0]]), manifest(NUMBER, 9.0))
        assert [row["age_interval"] for row in rows] == [(0, 10), (110, 120)]
        (row,) = answer(around([40], 2), manifest(YEARS, -20.0))
        assert row["age_interval"] == (row["age"], row["age"])

    @pytest.mark.parametrize("sd", [1.5, 6, 14], ids=["too sure", "honest", "too wide"])
    def test_new_ages_are_covered_as_stated(self, sd):
        rng = np.random.default_rng(7)
        truth = rng.uniform(20, 80, 4000).round()
        outputs = around(truth + rng.normal(0, 6, 4000), sd)
        margin = fit_margin(truth[:1000], raw_intervals(outputs[:1000], YEARS), 0.9)
        found = answer(outputs[1000:], manifest(YEARS, margin))
        low, high = np.array([row["age_interval"] for row in found]).T
        covered = ((truth[1000:] >= low) & (truth[1000:] <= high)).mean()
        assert 0.88 <= covered <= 0.93
