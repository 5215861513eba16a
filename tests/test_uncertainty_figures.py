"""The figures on uncertainty in the documents are those that were measured."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def script():
    path = ROOT / "benchmarks" / "uncertainty.py"
    spec = importlib.util.spec_from_file_location("uncertainty", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["ages", "corruptions"])
def test_table(script, name):
    text = (ROOT / "docs" / "explanation" / "confidence.md").read_text()
    assert f"<!-- {name} -->\n{script.tables()[name]}\n<!-- end of {name} -->" in text


def test_accepted_answers_hold_under_corruption():
    """At most 3 % of clean faces are refused; of what is accepted, 85 % lie in their interval."""
    table = pd.read_csv(RESULTS / "corruptions.csv")
    for row in table[table["pictures"].str.startswith("clean")].to_dict("records"):
        assert row["readable"] / row["n"] >= 0.97
    enough = table[(table["readable"] >= 50) & table["coverage of readable"].notna()]
    assert len(enough) > 20
    assert enough["coverage of readable"].min() >= 0.85
