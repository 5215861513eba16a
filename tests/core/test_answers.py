import numpy as np
import pytest

from agr.core.answers import Asked, label_answer
from agr.gender.labels import LABELS as GENDERS
from agr.race.labels import LABELS as RACES


def manifest(task, labels):
    return {"task": task, "meaning": {"labels": list(labels)}, "calibration": {}}


@pytest.mark.parametrize(("task", "labels"), [("gender", GENDERS), ("race", RACES)])
class TestLabels:
    def test_likeliest_label_and_all_probabilities(self, task, labels):
        rows = np.eye(len(labels), dtype=np.float32)[[1, 0]] * 0.5 + 0.5 / len(labels)
        found = label_answer(rows, manifest(task, labels), Asked())
        assert [row[task] for row in found] == [labels[1], labels[0]]
        for row, expected in zip(found, rows, strict=True):
            assert set(row) == {task, f"{task}_probabilities"}
            assert list(row[f"{task}_probabilities"]) == list(labels)
            assert list(row[f"{task}_probabilities"].values()) == pytest.approx(expected)
            assert all(type(v) is float for v in row[f"{task}_probabilities"].values())

    def test_order_is_the_saved_model_s(self, task, labels):
        (row,) = label_answer(np.eye(len(labels))[:1], manifest(task, labels[::-1]), Asked())
        assert row[task] == labels[-1]

    def test_labels_are_in_alphabetical_order(self, task, labels):
        assert list(labels) == sorted(labels)


def test_one_column_is_the_second_label_s_probability():
    found = label_answer(np.array([[0.9], [0.2]]), manifest("gender", GENDERS), Asked())
    assert [row["gender"] for row in found] == ["male", "female"]
    assert found[1]["gender_probabilities"] == pytest.approx({"female": 0.8, "male": 0.2})


class TestWithheld:
    OUTPUTS = np.array([[0.95], [0.6]])

    def answers(self, asked, **calibration):
        gender = {**manifest("gender", GENDERS), "calibration": calibration}
        return label_answer(self.OUTPUTS, gender, asked)

    def test_less_sure_than_asked(self):
        sure, unsure = self.answers(Asked(min_confidence={"gender": 0.9}))
        assert sure["gender"] == "male" and "withheld" not in sure
        reason = "male is 60.0% likely, below the least confidence of 90.0%"
        assert unsure["withheld"] == {"gender": reason}
        assert "gender" not in unsure and unsure["gender_probabilities"]["male"] == 0.6

    def test_threshold_of_the_model(self):
        found = self.answers(Asked(), min_confidence=0.7)
        assert ["withheld" in one for one in found] == [False, True]
        found = self.answers(Asked(min_confidence={"gender": 0.0}), min_confidence=0.7)
        assert [one["gender"] for one in found] == ["male", "male"]

    def test_rescaled(self):
        cooler, _ = self.answers(Asked(), rescale=2.0)
        odds = np.sqrt(0.95 / 0.05)
        assert cooler["gender_probabilities"]["male"] == pytest.approx(odds / (1 + odds))
