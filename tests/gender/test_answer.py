import numpy as np
import pytest

from agr.gender.answer import answer
from agr.gender.labels import LABELS


def test_likeliest_label_and_all_probabilities():
    rows = np.eye(len(LABELS), dtype=np.float32)[[1, 0]] * 0.5 + 0.5 / len(LABELS)
    found = answer(rows, {"meaning": {"labels": list(LABELS)}})
    assert [row["gender"] for row in found] == [LABELS[1], LABELS[0]]
    for row, expected in zip(found, rows, strict=True):
        assert set(row) == {"gender", "gender_probabilities"}
        assert list(row["gender_probabilities"]) == list(LABELS)
        assert list(row["gender_probabilities"].values()) == pytest.approx(expected)
        assert all(type(v) is float for v in row["gender_probabilities"].values())


def test_order_is_the_saved_model_s():
    turned = list(LABELS[::-1])
    (row,) = answer(np.eye(len(LABELS))[:1], {"meaning": {"labels": turned}})
    assert row["gender"] == LABELS[-1]


def test_labels_are_in_alphabetical_order():
    assert list(LABELS) == sorted(LABELS)
