"""The tables of docs/explanation/fairness.md are those of the benchmark's files."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def fairness():
    spec = importlib.util.spec_from_file_location("fairness", ROOT / "benchmarks" / "fairness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_document_shows_what_was_measured(fairness):
    text = (ROOT / fairness.DOCUMENT).read_text()
    tables = fairness.documents()
    marks = re.findall(r"<!-- end of (.+) -->", text)
    assert set(marks) == set(tables)
    for name, table in tables.items():
        assert f"<!-- {name} -->\n{table}<!-- end of {name} -->" in text


def test_every_test_picture_is_in_a_cell(fairness):
    groups = pd.read_csv(fairness.RESULTS / "groups.csv")
    for task in ("age", "gender", "race"):
        ours = groups[(groups["task"] == task) & (groups["metric"] == fairness.MAIN[task])]
        (n,) = ours[ours["group"] == "all"]["n"]
        for _, members in ours[ours["group"] != "all"].groupby("groups"):
            assert members["n"].sum() == n


def test_card_shows_it(fairness):
    card = fairness.measured("age")
    assert "## Challenge ages" in card and "## Spoiled pictures" in card
    assert "Challenge" not in fairness.measured("race")
