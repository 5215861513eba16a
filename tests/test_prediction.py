"""Results: what they look like, and how they fall apart into columns and back."""

import json

import pytest

from agr.prediction import FIELDS, Face, Prediction, columns_of, flatten, restore
from agr.video import Person

READ = {
    "age": 31.666,
    "age_interval": (24.2, 39.9),
    "gender": "female",
    "gender_probabilities": {"female": 0.725, "male": 0.275},
    "race": "white",
    "race_probabilities": {"asian": 0, "black": 0, "indian": 0, "other": 0.125, "white": 0.875},
}
DOUBTFUL = {
    "withheld": {"gender": "female is 72.5% likely, below the least confidence of 90.0%"},
    "quality": {"size": 40.5, "sharpness": 0.2, "tilt": -3.0},
    "readable": False,
}
PLACE = {
    "box": (20.2, -30.0, 140.7, 90.0),
    "score": 0.98,
    "landmarks": {"left_eye": (50.0, 10.0), "right_eye": (100.0, 10.5)},
}
WORDS = "31.7 years (24 to 40), female 72 %, white 88 %"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Prediction(**READ), f"<Prediction: {WORDS}>"),
        (Prediction(age=5.0, race="black"), "<Prediction: 5.0 years, black>"),
        (Prediction(age=5.0, **DOUBTFUL), "<Prediction: 5.0 years, gender withheld>"),
        (Prediction(error="a.png is no picture"), "<Prediction: error: a.png is no picture>"),
        (Prediction(), "<Prediction: nothing was read>"),
        (Face(**READ, **PLACE), f"<Face: 120x120+20-30, {WORDS}>"),
        (Person(**READ, **PLACE, id=3), f"<Person: 120x120+20-30, {WORDS}>"),
    ],
    ids=["all", "some", "withheld", "error", "nothing", "face", "person"],
)
def test_repr(result, text):
    assert repr(result) == text


def test_notebook():
    shown = Face(**READ, **PLACE)._repr_html_()
    assert "<b>31.7 years (24 to 40)</b>" in shown
    assert '<meter value="0.2750"></meter> male 28 %' in shown
    assert "&lt;script&gt;" in Prediction(error="<script> is no picture")._repr_html_()


@pytest.mark.parametrize(
    "fields",
    [{}, READ, {**READ, **PLACE, **DOUBTFUL}, {**PLACE, "landmarks": None}, {"error": "no"}],
    ids=["nothing", "read", "all", "box", "error"],
)
def test_flat_and_back(fields):
    result = Face(**fields)
    row = json.loads(json.dumps(result.to_dict()))
    flat = flatten(row, columns_of(FIELDS[Face]))
    assert not any(isinstance(value, list | dict) for value in flat.values())
    assert Face(**restore(flat)) == result


def test_every_field_is_declared():
    for kind in (Prediction, Face):
        assert set(FIELDS[kind]) == set(kind().to_dict())
        assert all(field.metadata["about"].endswith(".") for field in FIELDS[kind].values())
    assert list(FIELDS[Face])[:5] == ["box", "score", "landmarks", "n_faces", "warning"]
    names = [column.name for column in columns_of(FIELDS[Face])]
    assert len(set(names)) == len(names)
