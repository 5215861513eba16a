import numpy as np
import pytest

from agr.race.answer import answer
from agr.race.labels import LABELS


def test_likeliest_label_and_all_probabilities():
    rows = np.eye(len(LABELS), dtype=np.float32)[[1, 0]] * 0.5 + 0.5 / len(LABELS)
    found = answer(rows, {"meaning": {"labels": list(LABELS)}})
    assert [row["race"] for row in found] == [LABELS[1], LABELS[0]]
    for row, expected in zip(found, rows, strict=True):
        assert set(row) == {"race", "race_probabilities"}
        assert list(row["race_probabilities"]) == list(LABELS)
        assert list(row["race_probabilities"].values()) == pytest.approx(expected)
        assert all(type(v) is float for v in row["race_probabilities"].values())


def test_order_is_the_saved_model_s():
    turned = list(LABELS[::-1])
    (row,) = answer(np.eye(len(LABELS))[:1], {"meaning": {"labels": turned}})
    assert row["race"] == LABELS[-1]


def test_labels_are_in_alphabetical_order():
    assert list(LABELS) == sorted(LABELS)
