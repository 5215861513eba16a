import numpy as np
import pytest

from agr.age.answer import answer, distributions, intervals, raw_intervals, years
from agr.core.answers import Asked
from agr.errors import ParameterError
from agr.prediction import Prediction

YEARS = {"head": "bins", "edges": list(range(122)), "centers": list(range(121))}
NUMBER = {"head": "regression"}
# Of ages below 40 and from 40 on; levels of a tenth, a fifth and so on.
TWO = {
    "power": 1.0,
    "ages": [40.0],
    "errors": [[-4.0, -3, -2, -1, 0, 1, 2, 3, 4], [-8.0, -6, -4, -2, 0, 2, 4, 6, 8]],
}


def manifest(meaning, margin):
    return {"meaning": meaning, "calibration": {"margin": margin}}


def around(ages, sd):
    """Normal distributions over the bins of one year."""
    rows = np.exp(
        -0.5 * ((np.arange(121) - np.asarray(ages)[:, None]) / np.reshape(sd, (-1, 1))) ** 2
    )
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

    def test_stretch_moves_ages_away_from_the_middle(self):
        found = years(
            np.array([[10.0], [30.0], [50.0], [119.0]]), NUMBER, {"middle": 30, "stretch": 1.1}
        )
        assert found == pytest.approx([8, 30, 52, 120])


class TestIntervals:
    def test_each_range_has_its_own_errors(self):
        found = intervals(np.array([[30.0], [50.0]]), NUMBER, TWO, 0.8)
        assert found == pytest.approx(np.array([[26, 34], [42, 58]]))

    @pytest.mark.parametrize(("coverage", "half"), [(0.4, 2), (0.6, 3), (0.8, 4)])
    def test_any_coverage(self, coverage, half):
        ((low, high),) = intervals(np.array([[30.0]]), NUMBER, TWO, coverage)
        assert (low, high) == pytest.approx((30 - half, 30 + half))

    def test_spread_scales_the_errors(self):
        narrow, wide = np.diff(intervals(around([32, 32], [3, 9]), YEARS, TWO, 0.4))[:, 0]
        assert wide / narrow == pytest.approx(np.sqrt((81 + 1) / (9 + 1)), rel=0.02)
        calibration = {**TWO, "power": 2.0}
        narrow, wide = np.diff(intervals(around([60, 60], [1, 2]), YEARS, calibration, 0.2))[:, 0]
        assert wide / narrow == pytest.approx((4 + 1) / (1 + 1), rel=0.02)

    def test_is_the_shortest(self):
        """Errors that lie close together below and far apart above."""
        errors = [-3.0, -2, -1, 0, 1, 2, 8, 20, 60]
        skewed = {"power": 1.0, "ages": [], "errors": [errors]}
        ((low, high),) = intervals(np.array([[30.0]]), NUMBER, skewed, 0.5)
        assert (low, high) == pytest.approx((27, 32))  # equal tails would leave -1.5 to 14

    def test_too_few_for_both_ends(self):
        few = {"power": 1.0, "ages": [], "errors": [[-1.0, 2, 3, 4, 5, 6, 7, 8, 9]]}
        assert intervals(np.array([[40.0]]), NUMBER, few, 0.9)[0] == pytest.approx([31, 49])
        assert intervals(np.array([[40.0]]), NUMBER, few, 0.95)[0] == pytest.approx([0, 120])

    def test_margin_knows_one_coverage(self):
        with pytest.raises(ParameterError, match="coverage of 0.9 only, got 0.8. 'agr calibrate'"):
            intervals(np.array([[33.0]]), NUMBER, {"margin": 5.0}, 0.8)

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
        (row,) = answer(np.array([[33.0]]), manifest(NUMBER, 5.5), Asked())
        assert row.pop("age_distribution") is None  # a margin tells of no other age
        assert row == {"age": 33.0, "age_interval": (27.5, 38.5)}
        assert all(type(v) is float for v in (row["age"], *row["age_interval"]))

    def test_interval_holds_the_age_and_stays_in_the_range(self):
        rows = answer(np.array([[1.0], [119.0]]), manifest(NUMBER, 9.0), Asked())
        assert [row["age_interval"] for row in rows] == [(0, 10), (110, 120)]
        (row,) = answer(around([40], 2), manifest(YEARS, -20.0), Asked())
        assert row["age_interval"] == (row["age"], row["age"])

    def test_withheld(self):
        calibrated = {"meaning": NUMBER, "calibration": TWO}
        young, old = answer(np.array([[30.0], [50.0]]), calibrated, Asked(0.8, max_interval=10))
        assert young["age"] == 30 and "withheld" not in young
        assert old["withheld"] == {"age": "the interval spans 16 years, more than 10"}
        assert "age" not in old and old["age_interval"] == pytest.approx((42, 58))


class TestDistribution:
    def at_least(self, age, years, calibration=TWO, meaning=NUMBER):
        (shape,) = distributions(np.array([[float(age)]]), meaning, calibration)
        return Prediction(age_distribution=shape).at_least(years)

    def test_by_hand(self):
        # 18 by the label begins at 17.5; the person's number is 18 + error, and 4 of 10 parts of
        # the errors lie below -1.
        assert self.at_least(18.5, 18) == pytest.approx(0.6)
        assert self.at_least(50, 18) > 0.9 > 0.1 > self.at_least(1, 18)

    def test_probabilities_sum_to_one_and_add_up(self):
        (shape,) = distributions(around([25], 6), YEARS, TWO)
        found = Prediction(age_distribution=shape)
        chances = found.age_probabilities
        assert list(chances) == list(range(121))
        assert sum(chances.values()) == pytest.approx(1)
        adults = sum(share for age, share in chances.items() if age >= 18)
        assert found.at_least(18) == pytest.approx(adults)
        assert found.at_least(0) == 1 and found.at_least(121) == 0

    def test_of_the_network_where_a_margin_is_all(self):
        (shape,) = distributions(around([18], 4), YEARS, {"margin": 2.0})
        assert Prediction(age_distribution=shape).at_least(18) == pytest.approx(0.55, abs=0.01)

    def test_nothing_read(self):
        assert Prediction().at_least(18) is None
        assert Prediction().age_probabilities is None
