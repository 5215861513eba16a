"""What spoiled pictures cost, and two models beside each other; the numbers are worked by hand."""

import math

import numpy as np
import pytest

from agr.errors import LabelError
from agr.evaluation.comparison import Answers, comparison_tables, mcnemar, verdict
from agr.evaluation.metrics import tally_ages
from agr.evaluation.robustness import robustness_tables
from agr.evaluation.tables import Table, to_csv, to_json, to_markdown

TRUE = np.repeat([20.0, 40.0], 40)
GROUPS = {"half": np.repeat(["young", "old"], 40)}


def ages(said, width=10):
    ends = np.stack([said - width / 2, said + width / 2], axis=1)
    return tally_ages(TRUE, said, ends)


@pytest.fixture(scope="module")
def spoilt():
    """Give the tables of two kinds, of which one hurts the old only."""
    worse = TRUE + np.where(TRUE == 40, 10, 1)
    tallies = {("fog", 1): ages(TRUE + 2), ("fog", 2): ages(TRUE + 4), ("mask", 1): ages(worse)}
    return {t.name: t.rows for t in robustness_tables(ages(TRUE + 1), tallies, GROUPS)}


class TestRobustness:
    def at(self, spoilt, kind, severity, score):
        rows = spoilt["robustness"]
        (found,) = [
            r for r in rows if (r["kind"], r["severity"], r["score"]) == (kind, severity, score)
        ]
        return found

    def test_change_is_against_the_same_pictures(self, spoilt):
        row = self.at(spoilt, "fog", 2, "mae")
        assert (row["value"], row["change"], row["low"], row["high"]) == (4, 3, 3, 3)
        clean = self.at(spoilt, "none", 0, "mae")
        assert (clean["value"], clean["change"]) == (1, 0)

    def test_worst_group_under_corruption(self, spoilt):
        row = self.at(spoilt, "mask", 1, "mae")
        assert (row["worst_group"], row["worst_value"], row["worst_n"]) == ("half=old", 10, 40)

    def test_coverage_is_lost_too(self, spoilt):
        row = self.at(spoilt, "mask", 1, "coverage")
        assert (row["value"], row["change"]) == (0.5, -0.5)
        assert row["low"] < -0.5 < row["high"]

    def test_kinds_are_averaged_the_worst_first(self, spoilt):
        rows = spoilt["kinds"]
        assert [row["kind"] for row in rows] == ["mask", "fog", "none"]
        assert rows[1]["mae"] == 3
        assert rows[1]["hardest"] == 4


def answers(name, wrong):
    said = np.array(["a", "b"] * 50)
    said[wrong] = np.where(said[wrong] == "a", "b", "a")
    return Answers(name, said)


@pytest.fixture(scope="module")
def tables():
    """Compare a model wrong about 20 of the first half with one wrong about 5 of either half."""
    old, new = answers("old", slice(0, 20)), answers("new", slice(45, 55))
    truth, groups = answers("", slice(0)).said, {"half": np.repeat(["one", "two"], 50)}
    names = [f"{i}.jpg" for i in range(100)]
    found = comparison_tables(old, new, truth, ("a", "b"), groups, names)
    return {table.name: table.rows for table in found}


class TestComparison:
    def test_scores(self, tables):
        row = tables["scores"][0]
        assert (row["score"], row["old"], row["new"]) == ("accuracy", 0.8, 0.9)
        assert row["change"] == pytest.approx(0.1)
        # The standard error of a paired difference: 30 discordant pairs, 0.1 their mean.
        half = 1.96 * math.sqrt((0.3 - 0.1**2) / 100)
        assert (row["low"], row["high"]) == pytest.approx((0.1 - half, 0.1 + half), abs=0.03)

    def test_without_probabilities_their_scores_are_left_out(self, tables):
        names = {row["score"] for row in tables["scores"]}
        assert "macro_f1" in names
        assert not names & {"log_loss", "ece"}

    def test_groups_that_gain_and_lose(self, tables):
        rows = {row["group"]: row for row in tables["groups"]}
        assert [row["group"] for row in tables["groups"]] == ["half=two", "all", "half=one"]
        assert rows["half=one"]["change"] == pytest.approx(0.3)
        assert rows["half=one"]["verdict"] == "gains"
        assert rows["half=two"]["verdict"] == "loses"
        assert (rows["half=one"]["only_first"], rows["half=one"]["only_second"]) == (5, 20)

    def test_changed_pictures_those_that_became_wrong_first(self, tables):
        rows = tables["changed"]
        assert len(rows) == 30
        assert rows[0] == {"picture": "45.jpg", "true": "b", "old": "b", "new": "a"}
        assert rows[10]["picture"] == "0.jpg"

    def test_ages(self):
        old, new = Answers("old", TRUE + 1.0), Answers("new", TRUE + np.where(TRUE == 20, 9, 0))
        names = [str(i) for i in range(80)]
        scores, _, changed = comparison_tables(old, new, TRUE, (), GROUPS, names)
        row = scores.rows[0]
        assert (row["score"], row["change"], row["verdict"]) == ("mae", 3.5, "loses")
        assert len(changed.rows) == 40
        assert changed.rows[0] == {"picture": "0", "true": 20.0, "old": 21.0, "new": 29.0}

    def test_mcnemar_agrees_with_the_binomial_by_hand(self):
        first, second = np.array([1, 1, 1, 0, 1], bool), np.array([0, 0, 0, 1, 1], bool)
        # 3 against 1: twice the chance of at most 1 of 4.
        assert mcnemar(first, second) == {
            "only_first": 3, "only_second": 1, "p": pytest.approx(2 * 5 / 16),
        }  # fmt: skip
        assert mcnemar(first, first)["p"] == 1

    def test_verdict(self):
        assert verdict("mae", 1, (0.5, 1.5)) == "loses"
        assert verdict("accuracy", 1, (0.5, 1.5)) == "gains"
        assert verdict("accuracy", 1, (-0.5, 1.5)) == "unclear"
        assert verdict("bias", 1, (0.5, 1.5)) == ""

    def test_numbers_must_match(self):
        old = Answers("old", TRUE)
        with pytest.raises(LabelError, match="each of the 80 pictures; got 80 and 79"):
            comparison_tables(old, Answers("new", TRUE[1:]), TRUE, (), GROUPS, [""] * 80)


class TestTables:
    table = Table("t", "A caption", [{"a": 1, "b": math.nan, "c": None, "d": True}])

    def test_csv(self):
        assert to_csv(self.table) == "a,b,c,d\n1,,,True\n"

    def test_json(self):
        assert '"b": null' in to_json([self.table])

    def test_markdown(self):
        lines = to_markdown([self.table, Table("empty", "Nothing", [])]).splitlines()
        assert lines == [
            "### A caption", "", "| a | b | c | d |", "| --- | --- | --- | --- |",
            "| 1 | - |  | yes |",
        ]  # fmt: skip
