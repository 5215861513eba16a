import json
import math

import numpy as np
import pandas as pd
import pytest

from agr.errors import LabelError
from agr.evaluation.groups import Report, make_report
from agr.evaluation.metrics import classification_metrics

VALUES = np.array([1.0, 2, 3, 4, 5, 6])


def mean(rows):
    return {"mean": float(VALUES[rows].mean()) if len(rows) else math.nan}


class TestMakeReport:
    def test_without_groups(self):
        assert make_report(mean, 6) == Report(6, {"mean": 3.5}, {})

    def test_array(self):
        report = make_report(mean, 6, ["b", "a", "b", "a", "b", "a"])
        assert list(report.by_group.items()) == [
            ("a", {"n": 3, "mean": 4.0}),
            ("b", {"n": 3, "mean": 3.0}),
        ]

    @pytest.mark.parametrize("kind", [dict, pd.DataFrame], ids=["mapping", "frame"])
    def test_columns(self, kind):
        groups = kind({"gender": ["f", "f", "f", "m", "m", "m"], "old": [0, 1, 1, 1, 1, 1]})
        report = make_report(mean, 6, groups)
        assert {name: scores["n"] for name, scores in report.by_group.items()} == {
            "gender=f": 3,
            "gender=m": 3,
            "old=0": 1,
            "old=1": 5,
        }
        assert report.by_group["gender=m"]["mean"] == 5

    def test_series_with_another_index(self):
        report = make_report(mean, 6, pd.Series(list("aabbcc"), index=range(10, 16)))
        assert report.by_group["c"]["mean"] == 5.5

    @pytest.mark.parametrize("groups", [["a"] * 5, {"g": ["a"] * 7}, [["a"]] * 6], ids=str)
    def test_wrong_shape(self, groups):
        with pytest.raises(LabelError, match="a group for each of the 6 pictures, got shape"):
            make_report(mean, 6, groups)


class TestReport:
    report = Report(
        9, {"f": 0.5}, {"a": {"n": 4, "f": 0.25}, "b": {"n": 5, "f": 0.75}, "c": {"f": math.nan}}
    )

    def test_gap_leaves_out_what_is_not_defined(self):
        assert self.report.gap("f") == 0.5

    def test_gap_of_one_group(self):
        assert math.isnan(Report(1, {}, {"a": {"f": 1.0}, "b": {"f": math.nan}}).gap("f"))

    def test_to_dict_is_json(self):
        plain = json.loads(json.dumps(self.report.to_dict(), allow_nan=False))
        assert plain["by_group"]["c"] == {"f": None}
        assert plain["by_group"]["a"] == {"n": 4, "f": 0.25}
        assert plain["n"] == 9

    def test_group_of_one_class(self):
        truth = np.array(["a", "a", "b"])
        chances = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
        report = make_report(
            lambda rows: classification_metrics(truth[rows], chances[rows], ("a", "b")),
            3,
            ["one", "one", "two"],
        )
        assert math.isnan(report.by_group["one"]["f1_b"])
        assert math.isnan(report.gap("f1_b"))
