"""Scores by group and intersection, with intervals, and as Fairlearn's MetricFrame has them."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from agr.errors import LabelError
from agr.evaluation.groups import LEAST, Report, make_report
from agr.evaluation.intervals import wilson
from agr.evaluation.metrics import tally_ages, tally_labels
from agr.evaluation.tally import Tally

VALUES = np.array([1.0, 2, 3, 4, 5, 6])
MEAN = Tally(VALUES[:, None], lambda sums, n: {"mean": sums[..., 0] / n})
LABELS = ("a", "b", "c")


def make_mean(groups=None):
    return make_report(MEAN, groups, draws=0)


@pytest.fixture(scope="module")
def drawn():
    """Give the labels and probabilities of 1,200 pictures, and two columns of their groups."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([1, 1, 1], 1200)
    truth = np.array(LABELS)[[rng.choice(3, p=row) for row in chances]]
    groups = pd.DataFrame(
        {"gender": rng.choice(["f", "m"], 1200), "race": rng.choice(["x", "y", "z"], 1200)}
    )
    return truth, chances, groups


class TestMakeReport:
    def test_without_groups(self):
        assert make_mean() == Report(6, {"mean": 3.5}, {})

    def test_array(self):
        report = make_mean(["b", "a", "b", "a", "b", "a"])
        assert list(report.by_group.items()) == [
            ("a", {"n": 3, "mean": 4.0}),
            ("b", {"n": 3, "mean": 3.0}),
        ]

    @pytest.mark.parametrize("kind", [dict, pd.DataFrame], ids=["mapping", "frame"])
    def test_columns(self, kind):
        groups = kind({"gender": ["f", "f", "f", "m", "m", "m"], "old": [0, 1, 1, 1, 1, 1]})
        report = make_mean(groups)
        assert {name: scores["n"] for name, scores in report.by_group.items()} == {
            "gender=f": 3,
            "gender=m": 3,
            "old=0": 1,
            "old=1": 5,
        }
        assert report.by_group["gender=m"]["mean"] == 5
        assert report.intersections == {
            "gender=f, old=0": {"n": 1, "mean": 1},
            "gender=f, old=1": {"n": 2, "mean": 2.5},
            "gender=m, old=1": {"n": 3, "mean": 5},
        }

    def test_columns_of_one_value_are_in_no_intersection(self):
        report = make_mean({"a": list("xxxyyy"), "b": ["one"] * 6})
        assert set(report.by_group) == {"a=x", "a=y", "b=one"}
        assert report.intersections == {}

    def test_series_with_another_index(self):
        report = make_mean(pd.Series(list("aabbcc"), index=range(10, 16)))
        assert report.by_group["c"]["mean"] == 5.5

    @pytest.mark.parametrize("groups", [["a"] * 5, {"g": ["a"] * 7}, [["a"]] * 6], ids=str)
    def test_wrong_shape(self, groups):
        with pytest.raises(LabelError, match="a group for each of the 6 pictures, got shape"):
            make_mean(groups)


class TestFairlearn:
    """Fairlearn computes the same scores, differences and ratios."""

    @pytest.mark.parametrize("columns", [["race"], ["gender", "race"]], ids=["one", "both"])
    def test_accuracy(self, drawn, columns):
        metrics = pytest.importorskip("fairlearn.metrics", reason="needs the extra dev")
        truth, chances, groups = drawn
        said = np.array(LABELS)[chances.argmax(axis=1)]
        frame = metrics.MetricFrame(
            metrics={"accuracy": lambda y_true, y_pred: (y_true == y_pred).mean()},
            y_true=truth,
            y_pred=said,
            sensitive_features=groups[columns],
        )
        report = make_report(tally_labels(truth, chances, LABELS), groups[columns], draws=0)
        ours = report.intersections or report.by_group
        theirs = frame.by_group["accuracy"]
        assert len(ours) == len(theirs) == 3 * len(columns)
        for name, scores in ours.items():
            key = tuple(part.split("=")[1] for part in name.split(", "))
            assert scores["accuracy"] == pytest.approx(theirs[key if len(key) > 1 else key[0]])
        column = " x ".join(columns)
        assert report.difference[column]["accuracy"] == pytest.approx(frame.difference().iloc[0])
        assert report.ratio[column]["accuracy"] == pytest.approx(frame.ratio().iloc[0])

    def test_interval_of_the_bootstrap(self, drawn):
        metrics = pytest.importorskip("fairlearn.metrics", reason="needs the extra dev")
        truth, chances, groups = drawn
        y_true, y_pred = chances[:, 0] * 90, chances[:, 1] * 90
        frame = metrics.MetricFrame(
            metrics=lambda y_true, y_pred: np.abs(y_true - y_pred).mean(),
            y_true=y_true,
            y_pred=y_pred,
            sensitive_features=groups["race"],
            n_boot=200,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
        report = make_report(tally_ages(y_true, y_pred), groups[["race"]])
        for race in "xyz":
            theirs = [frame.by_group_ci[k][race] for k in (0, 1)]
            assert report.intervals[f"race={race}"]["mae"] == pytest.approx(theirs, abs=1.0)


class TestIntervals:
    def test_of_a_share_is_wilsons(self):
        # 8 of 10: by hand (p + z2/2n) / (1 + z2/n) +- z/(1 + z2/n) sqrt(p q/n + z2/4n2)
        assert wilson(0.8, 10) == pytest.approx([0.4902, 0.9433], abs=1e-4)
        assert np.isnan(wilson(np.nan, 0)).all()
        assert wilson(1.0, 80)[1] == 1 and wilson(0.0, 80)[0] == 0

    def test_of_a_group_that_is_all_right_has_width(self):
        report = make_report(tally_ages([20] * 12, [20] * 12))
        low, high = report.intervals["all"]["cs5"]
        assert high == 1
        assert low == pytest.approx(0.757, abs=1e-3)

    def test_of_a_mean_is_what_theory_says(self):
        errors = np.random.default_rng(1).normal(0, 4, 2000)
        report = make_report(tally_ages(np.zeros(2000), errors))
        low, high = report.intervals["all"]["bias"]
        half = 1.96 * errors.std() / math.sqrt(2000)
        assert (low, high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=0.02)

    def test_covers_every_group_and_score(self, drawn):
        truth, chances, groups = drawn
        report = make_report(tally_labels(truth, chances, LABELS), groups)
        names = {"all", *report.by_group, *report.intersections}
        assert set(report.intervals) == names
        for name in names:
            for metric, value in report.scores_of(name).items():
                if metric not in ("n", "ece"):  # a resample's calibration error is mostly larger
                    low, high = report.intervals[name][metric]
                    assert low < value < high, (name, metric)

    def test_is_the_same_again(self, drawn):
        truth, chances, groups = drawn
        tally = tally_labels(truth, chances, LABELS)
        assert make_report(tally, groups).intervals == make_report(tally, groups).intervals


class TestReport:
    few, enough = {"n": LEAST - 1}, {"n": LEAST}
    report = Report(
        90,
        {"f1": 0.5, "mae": 4.0, "bias": 1.0},
        {
            "g=a": {**enough, "f1": 0.25, "mae": 5.0, "bias": -3.0},
            "g=b": {**enough, "f1": 0.75, "mae": 4.0, "bias": 2.0},
            "g=c": {**few, "f1": 0.0, "mae": 9.0, "bias": 9.0},
            "g=d": {**enough, "f1": math.nan, "mae": 4.5, "bias": 0.0},
        },
        {"g=a, h=x": {**enough, "f1": 0.5, "mae": 6.0, "bias": 0.0}},
    )

    def test_difference_and_ratio_leave_out_small_groups_and_what_is_not_defined(self):
        assert self.report.difference["g"] == {"f1": 0.5, "mae": 1.0, "bias": 5.0}
        assert self.report.ratio["g"]["f1"] == pytest.approx(1 / 3)
        assert self.report.ratio["g"]["mae"] == pytest.approx(4 / 5)
        assert math.isnan(self.report.ratio["g"]["bias"])  # of numbers with signs it says nothing

    def test_of_one_group_there_is_no_difference(self):
        assert math.isnan(self.report.difference["g x h"]["f1"])

    def test_worst(self):
        assert self.report.worst == {"f1": "g=a", "mae": "g=a, h=x", "bias": "g=a"}

    def test_rows_show_small_groups_as_uncertain(self):
        rows = [row for row in self.report.rows() if row["metric"] == "mae"]
        assert [row["group"] for row in rows] == [
            "all", "g=a", "g=b", "g=c", "g=d", "g=a, h=x",
        ]  # fmt: skip
        assert [row["group"] for row in rows if row["uncertain"]] == ["g=c"]
        assert [row["groups"] for row in rows][::5] == ["all", "g x h"]

    def test_to_dict_is_json(self):
        plain = json.loads(json.dumps(self.report.to_dict(), allow_nan=False))
        assert plain["by_group"]["g=d"] == {"n": LEAST, "f1": None, "mae": 4.5, "bias": 0.0}
        assert plain["ratio"]["g"]["bias"] is None
        assert plain["n"] == 90

    def test_group_of_one_label(self):
        truth = np.array(["a", "a", "b"])
        chances = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
        tally = tally_labels(truth, chances, ("a", "b"))
        report = make_report(tally, ["one", "one", "two"])
        one = report.by_group["one"]
        assert one["accuracy"] == 0.5
        assert math.isnan(one["macro_f1"]) and math.isnan(one["balanced_accuracy"])
        assert report.overall["macro_f1"] == pytest.approx(2 / 3)
