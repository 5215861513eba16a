"""The model card says for whom the model fails."""

import numpy as np
import pytest

from agr.evaluation.groups import make_report
from agr.evaluation.metrics import tally_ages
from agr.training.card import model_card


@pytest.fixture(scope="module")
def manifest():
    rng = np.random.default_rng(0)
    years = rng.uniform(1, 80, 200)
    said = years + rng.normal(0, 3, 200)
    said[:50] += 20  # people of the first group are overestimated
    ends = np.stack([said - 6, said + 6], axis=1)
    groups = {"gender": np.repeat(["female", "male"], 100), "race": np.tile(["a", "b"], 100)}
    groups["gender"] = np.where(np.arange(200) < 195, groups["gender"], "unknown")
    report = make_report(tally_ages(years, said, ends), groups)
    return {
        "task": "age",
        "agr": "1.2.3",
        "image_size": 64,
        "parameters": {"network": "tiny"},
        "calibration": {"margin": 1.5},
        "history": [{"seconds": 2.0, "val_loss": 0.5}],
        "notes": {"data": "drawn"},
        "report": report.to_dict(),
    }


def test_worst_group_stands_beside_the_mean(manifest):
    card = model_card(manifest)
    (line,) = [line for line in card.splitlines() if line.startswith("| mae |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    worst = manifest["report"]["worst"]["mae"]
    assert worst.startswith("gender=female")
    assert cells[3] == worst
    assert float(cells[5]) > float(cells[1])


def test_groups_intersections_and_differences(manifest):
    card = model_card(manifest)
    for heading in ("## Scores", "### Groups", "### Intersections", "### Difference and ratio"):
        assert heading in card
    assert "| gender=female, race=a | 50 |" in card
    assert "| gender=unknown | 5\\* |" in card
    assert "fewer than 30 pictures: uncertain" in card
    assert "*perceived* age" in card


def test_what_else_was_measured_stands_before_the_use(manifest):
    card = model_card(manifest, "## Spoiled pictures\n\nA table.\n\n")
    assert card.index("## Scores") < card.index("## Spoiled pictures") < card.index("## Use")


def test_report_of_an_older_model_has_no_intervals(manifest):
    old = {"n": 5, "overall": {"mae": 2.0}, "by_group": {"gender=male": {"n": 5, "mae": None}}}
    card = model_card({**manifest, "report": old})
    assert "| all | 5\\* | 2.000 |" in card
    assert "| gender=male | 5\\* | - |" in card


def test_without_a_report(manifest):
    assert "## Scores" not in model_card({**manifest, "report": None})
