import numpy as np
import pytest

from agr.age.answer import distributions, intervals, years
from agr.age.calibration import find_borders, fit_ages, fit_power, fit_stretch, knots_of

YEARS = {"head": "bins", "edges": list(range(122)), "centers": list(range(121))}
NUMBER = {"head": "regression"}


def draw_ages(n, seed=0):
    """True ages, and distributions whose spread tells how far off they are."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(5, 85, n).round()
    sd = rng.uniform(1, 8, n)
    off = truth + sd * rng.standard_t(5, n)
    rows = np.exp(-0.5 * ((np.arange(121) - off[:, None]) / sd[:, None]) ** 2) + 1e-12
    return rows / rows.sum(axis=1, keepdims=True), truth


class TestAges:
    @pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
    def test_new_ages_are_covered_as_stated(self, coverage):
        calibration = fit_ages(*draw_ages(2000), YEARS)
        outputs, truth = draw_ages(6000, seed=1)
        low, high = intervals(outputs, YEARS, calibration, coverage).T
        inside = (low <= truth) & (truth <= high)
        assert inside.mean() == pytest.approx(coverage, abs=0.02)
        decades = years(outputs, YEARS, calibration) // 10
        for decade in range(1, 8):
            assert inside[decades == decade].mean() == pytest.approx(coverage, abs=0.06)

    def test_same_as_crepes(self):
        """Another implementation of conformal predictive systems gives the same distributions."""
        crepes = pytest.importorskip("crepes")
        rng = np.random.default_rng(0)
        truth = rng.uniform(20, 60, 600).round()
        outputs, new = (
            np.meshgrid(truth, [0])[0].T + rng.normal(0, 5, (600, 1)),
            rng.uniform(25, 55, 50),
        )
        calibration = fit_ages(outputs, truth, NUMBER)
        ages = years(outputs, NUMBER, calibration)
        system = crepes.ConformalPredictiveSystem()
        borders = calibration["ages"]
        system.fit(truth - ages, bins=np.searchsorted(borders, ages, side="right"))
        said = years(new[:, None], NUMBER, calibration)
        bins = np.searchsorted(borders, said, side="right")
        levels = [5, 25, 50, 75, 95]
        theirs = system.predict_percentiles(said, bins=bins, lower_percentiles=levels)
        for one, row in zip(distributions(new[:, None], NUMBER, calibration), theirs, strict=True):
            ours = np.interp(np.array(levels) / 100, one.shares, one.years)
            # Theirs are errors that occurred, ours lie between two of them.
            assert ours == pytest.approx(row, abs=1.0)
            assert np.abs(ours - row).mean() < 0.25

    def test_small_ranges_join_a_neighbour(self):
        assert find_borders(np.repeat([5.0, 15.0, 25.0], [100, 100, 100])) == [10, 20]
        assert find_borders(np.repeat([5.0, 15.0, 25.0], [100, 10, 200])) == [20]
        assert find_borders(np.repeat([5.0, 15.0], [20, 20])) == []

    def test_even_shares_of_many_errors(self):
        assert knots_of(np.array([3.0, 1.0, 2.0])) == [1, 2, 3]
        many = knots_of(np.arange(1.0, 1000.0))
        assert len(many) == 199 and many[99] == 500 and many[9] == 50

    def test_stretch_costs_no_accuracy(self):
        rng = np.random.default_rng(0)
        truth = rng.uniform(10, 80, 1000)
        pulled = 45 + 0.9 * (truth - 45) + rng.normal(0, 3, 1000)
        found = fit_stretch(truth, pulled)
        assert 1.05 <= found["stretch"] <= 1.15
        ages = found["middle"] + found["stretch"] * (pulled - found["middle"])
        assert np.abs(ages - truth).mean() <= np.abs(pulled - truth).mean()
        assert fit_stretch(truth, truth)["stretch"] == 1
        assert fit_stretch(truth[:99], pulled[:99]) == {}

    @pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.5])
    def test_power_of_the_spread(self, power):
        rng = np.random.default_rng(0)
        spread = rng.uniform(2, 12, 4000)
        errors = 2 * spread**power * rng.standard_normal(4000)
        assert fit_power(errors, spread) == pytest.approx(power, abs=0.15)
        assert fit_power(errors, np.ones(4000)) == 1
