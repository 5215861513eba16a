"""Challenge ages, with shares counted by hand."""

import math

import numpy as np
import pytest

from agr.evaluation.challenge import challenge_tables, parse_challenge

YEARS = np.array([10, 13, 15, 16, 17, 17, 18, 25, 40, 60])
AGES = np.array([20, 12, 20, np.nan, 26, 18, 17.9, 24, np.nan, 61])
GROUPS = {"gender": np.array(["f", "m"] * 5)}


@pytest.fixture(scope="module")
def tables():
    found = challenge_tables(YEARS, {"age": AGES, "low": AGES - 5}, 18, 25, GROUPS)
    return {table.name: table.rows for table in found}


def row(rows, **wanted):
    (found,) = [r for r in rows if all(r[name] == value for name, value in wanted.items())]
    return found


class TestShares:
    def test_of_minors_and_adults(self, tables):
        at = row(tables["challenge"], by="age", threshold=18, group="all")
        assert at["minors_n"] == 5  # 13 to 17; the child of 10 is no near miss
        assert at["minors_passed"] == 3 / 5  # a picture that cannot be read does not pass
        assert at["adults_n"] == 4
        assert at["adults_challenged"] == 2 / 4  # 17.9, and the one that cannot be read
        assert at["unread"] == 2

    def test_a_higher_age_passes_fewer(self, tables):
        at = row(tables["challenge"], by="age", threshold=25, group="all")
        assert (at["minors_passed"], at["adults_challenged"]) == (1 / 5, 3 / 4)

    def test_the_low_end_of_an_interval_is_a_rule_of_its_own(self, tables):
        at = row(tables["challenge"], by="low", threshold=18, group="all")
        assert (at["minors_passed"], at["adults_challenged"]) == (1 / 5, 2 / 4)

    def test_intervals_are_wilsons(self, tables):
        at = row(tables["challenge"], by="age", threshold=18, group="all")
        assert (at["minors_low"], at["minors_high"]) == pytest.approx((0.2307, 0.8824), abs=1e-4)

    def test_groups(self, tables):
        at = row(tables["challenge"], by="age", threshold=18, group="gender=f")
        assert (at["minors_n"], at["minors_passed"]) == (2, 1.0)
        assert at["uncertain"] is True

    def test_of_nobody_is_not_defined(self):
        (shares, *_) = challenge_tables([30.0], {"age": [20.0]}, 18, 18, {})
        assert math.isnan(shares.rows[0]["minors_passed"])


class TestWanted:
    def test_lowest_threshold(self, tables):
        at = row(tables["wanted"], by="age", wanted=0.1)
        assert (at["threshold"], at["adults_challenged"]) == (27, 3 / 4)
        assert at["threshold_sure"] is None  # five minors never show that few pass
        assert math.isnan(at["adults_challenged_sure"])

    def test_many_minors_show_it(self):
        years = np.repeat([16.0, 30.0], 400)
        ages = np.concatenate([np.linspace(10, 26, 400), np.full(400, 31.0)])
        wanted = {t.name: t.rows for t in challenge_tables(years, {"age": ages}, 18, 25, {})}
        at = row(wanted["wanted"], by="age", wanted=0.05)
        assert at["threshold"] == 26
        assert at["threshold_sure"] == 26
        assert at["adults_challenged_sure"] == 0
        assert row(wanted["wanted"], by="age", wanted=0.1)["threshold"] == 25


class TestYears:
    def test_share_by_true_age(self, tables):
        at = row(tables["years"], by="age", **{"true age": 17})
        assert (at["n"], at["18"], at["19"]) == (2, 1.0, 0.5)

    def test_errors_are_averaged_over_genders_and_years(self):
        years = [18, 18, 18, 19]
        found = challenge_tables(years, {"age": [20, 22, 18, 29]}, 18, 18, {"gender": list("ffmm")})
        errors = row(found[-1].rows, **{"true ages": "18 to 30"})
        assert errors["mae"] == (2 + 4 + 0 + 10) / 4
        assert errors["mae_over_genders_and_years"] == (3 + 0 + 10) / 3
        assert errors["cells"] == 3


class TestParse:
    def test_reads(self):
        assert parse_challenge("18:25") == (18, 25)

    @pytest.mark.parametrize("words", ["18", "25:18", "a:b", "18:25:30", "0:5", "18:200"])
    def test_refuses(self, words):
        with pytest.raises(ValueError):
            parse_challenge(words)
