import sys

import numpy as np
import pandas as pd
import pytest

import agr
from agr import Face, Prediction
from agr.errors import MissingExtraError, ParameterError

YOUNG = Prediction(age=5.25, age_interval=(3.0, 7.5), gender="male")
BAD = Prediction(error="b.png is no picture")
FACE = Face(age=30.0, box=(1.0, 2.0, 3.0, 4.0), landmarks={"left_eye": (1.5, 2.5)})


def test_columns():
    frame = agr.to_frame([YOUNG, BAD], ["a.png", "b.png"])
    assert list(frame)[:5] == ["image", "age", "age_low", "age_high", "gender"]
    assert frame["image"].tolist() == ["a.png", "b.png"]
    assert frame.loc[0, ["age", "age_low", "age_high", "gender"]].tolist() == [5.25, 3, 7.5, "male"]
    assert pd.isna(frame["age"][1])
    assert frame["error"].tolist()[1] == "b.png is no picture"


def test_numbers_stay_numbers():
    """Also where nothing was read, so that frames can be put together."""
    frame = agr.to_frame([BAD])
    assert frame[["age", "gender_female", "race_white"]].dtypes.unique().tolist() == [np.float64]
    assert "image" not in frame


def test_faces():
    frame = agr.to_frame([[FACE, FACE], [], [Face(error="no face")]], ["a", "b", "c"])
    assert frame["image"].tolist() == ["a", "a", "c"]
    assert frame.loc[0, ["left", "bottom", "left_eye_y"]].tolist() == [1, 4, 2.5]
    assert agr.to_frame([FACE, FACE], "a.jpg")["image"].tolist() == ["a.jpg", "a.jpg"]


@pytest.mark.parametrize(
    "results", [YOUNG, [YOUNG], iter([YOUNG])], ids=["one", "list", "iterator"]
)
def test_kinds_of_results(results):
    assert agr.to_frame(results)["age"].tolist() == [5.25]


def test_nothing():
    assert len(agr.to_frame([])) == 0


def test_numbers_differ():
    with pytest.raises(ParameterError, match="one for each of the 2 results; got 1"):
        agr.to_frame([YOUNG, BAD], ["a.png"])


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[train\]"'):
        agr.to_frame([YOUNG])
