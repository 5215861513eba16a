"""Maps of networks whose answer is known to hang on one place."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import agr
from agr import Predictor
from agr.cli import app
from agr.errors import FaceNotFoundError, ParameterError


def faces_with_patches(n, seed):
    """Draw gray noise; "male" is a red patch in the upper left."""
    rng = np.random.default_rng(seed)
    X = rng.integers(90, 140, (n, 24, 24, 1), np.uint8).repeat(3, axis=3)
    male = np.arange(n) % 2 == 1
    X[male, 3:9, 3:9] = (255, 0, 0)
    return X, np.where(male, "male", "female")


@pytest.fixture(scope="module")
def patched(new_estimator, tmp_path_factory):
    """Give a saved gender model that looks for the patch."""
    folder = tmp_path_factory.mktemp("patched") / "gender"
    X, y = faces_with_patches(160, 0)
    estimator = new_estimator("gender", epochs=8).fit(X, y)
    X, y = faces_with_patches(40, 1)
    assert (estimator.predict(X) == y).all()
    estimator.save(folder)
    return folder


def test_map_shows_the_patch(patched):
    X, y = faces_with_patches(2, 2)
    predictor = Predictor("gender", faces="crop", gender=patched, min_confidence=0)
    found = agr.explain(X[1], predictor=predictor)
    assert found.face.gender == y[1] == "male"
    heat = found.maps["gender"]
    row, column = np.array(np.unravel_index(heat.argmax(), heat.shape)) * 24 / len(heat)
    assert 2 <= row <= 10 and 2 <= column <= 10
    assert heat.max() > 0.2 > 0.05 > heat[112:, 112:].max()
    assert found.draw().size == (224, 246)


def test_all_tasks_of_a_photo():
    found = agr.explain("examples/portrait.jpg")
    assert list(found.maps) == ["age", "gender", "race"]
    assert found.crop.shape == (224, 224, 3)
    assert repr(found).startswith("<Explanation: age ")
    assert found.draw().width == 3 * 224
    assert np.abs(found.maps["age"]).max() > 0.5


def test_nobody():
    with pytest.raises(FaceNotFoundError):
        agr.explain(np.zeros((100, 100, 3), np.uint8), predictor=Predictor("age"))


def test_withheld():
    predictor = Predictor("age", max_interval=1)
    with pytest.raises(ParameterError, match="withholds an answer for age"):
        agr.explain("examples/portrait.jpg", predictor=predictor)


def test_command(patched, tmp_path):
    X, _ = faces_with_patches(2, 2)
    Image.fromarray(X[1]).save(tmp_path / "face.png")
    words = ["explain", str(tmp_path / "face.png"), "--output", str(tmp_path / "map.png")]
    words += ["--task", "gender", "--gender", str(patched), "--faces", "crop"]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("male ") and "points" in found.stdout
    with Image.open(tmp_path / "map.png") as drawn:
        assert drawn.size == (224, 246)
    found = CliRunner().invoke(app, [*words[:3], str(tmp_path / "map.xyz")])
    assert found.exit_code == 2 and "no ending of a picture" in found.output
