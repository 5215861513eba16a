"""``agr calibrate``: what a saved model says of its uncertainty, fitted anew."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr import Predictor
from agr.cli import app
from agr.core.artifact import read_manifest
from agr.errors import ArtifactError, LabelError, ParameterError
from agr.runs.calibrate import calibrate_run
from agr.runs.selection import Selection


@pytest.fixture(scope="module")
def table(faces_drawn, tmp_path_factory):
    """Give a table of 150 drawn faces, a sixth of them with another's labels."""
    folder = tmp_path_factory.mktemp("table")
    X, labels = faces_drawn(150, seed=11)
    lines = ["path,age,gender,race"]
    for i, pixels in enumerate(X):
        Image.fromarray(pixels).save(folder / f"{i}.png")
        row = i if i % 6 else (i + 33) % 150
        lines.append(f"{i}.png,{labels['age'][row]},{labels['gender'][row]},{labels['race'][row]}")
    (folder / "faces.csv").write_text("\n".join(lines) + "\n")
    return folder / "faces.csv"


@pytest.mark.parametrize("task", ["age", "gender", "race"])
def test_copy_answers_as_calibrated(trained, table, tmp_path, task):
    model = trained[task].folder
    found = calibrate_run(model, Selection(data=table), tmp_path / "new", corrupted=0.5)
    assert (found.task, found.n, found.n_corrupted) == (task, 150, 75)
    old, new = (read_manifest(folder, task) for folder in (model, tmp_path / "new"))
    assert old["files"]["model.onnx"] == new["files"]["model.onnx"]
    assert old["calibration"] != new["calibration"]
    card = (tmp_path / "new" / "README.md").read_text()
    assert "| calibrated | 150 pictures, 75 corrupted copies |" in card
    if task == "age":
        assert len(np.concatenate(new["calibration"]["errors"])) == 225
    else:
        assert found.after["log_loss"] < found.before["log_loss"]
        assert found.after["accuracy"] == found.before["accuracy"]
    # The network is the same through Keras, and so is what is said of it.
    estimator = type(trained[task].estimator).load(tmp_path / "new")
    predictor = Predictor(task, faces="crop", **{task: tmp_path / "new"})
    answers = predictor.predict(list(trained[task].X_test))
    if task == "age":
        said = [one.age_interval for one in answers]
        np.testing.assert_allclose(
            estimator.predict_interval(trained[task].X_test), said, atol=0.01
        )
    else:
        said = [list(getattr(one, f"{task}_probabilities").values()) for one in answers]
        np.testing.assert_allclose(estimator.predict_proba(trained[task].X_test), said, atol=1e-4)
        before, once = estimator.predict_proba(trained[task].X_test), estimator.calibration_
        estimator.calibrate(trained[task].X_test, trained[task].y_test)  # folds it in again
        assert set(estimator.calibration_) == {"temperature"} and "rescale" in once
        assert (
            estimator.predict(trained[task].X_test) == estimator.classes_[before.argmax(1)]
        ).all()


def test_threshold_is_saved_and_used(trained, table, tmp_path):
    model = shutil.copytree(trained["gender"].folder, tmp_path / "model")
    found = calibrate_run(model, Selection(data=table), at_most_wrong=0.3)
    assert 0.5 <= found.min_confidence < 1 and 0 < found.answered <= 1
    stored = read_manifest(model, "gender")["calibration"]
    assert stored["min_confidence"] == found.min_confidence
    X = list(trained["gender"].X_test)
    answers = Predictor("gender", faces="crop", gender=model).predict(X)
    for one in answers:
        sure = max(one.gender_probabilities.values()) >= found.min_confidence
        assert (one.gender is not None) == sure == (one.withheld is None)
    told = Predictor("gender", faces="crop", gender=model, min_confidence=0).predict(X)
    assert all(one.gender for one in told)
    calibrate_run(model, Selection(data=table))
    assert "min_confidence" not in read_manifest(model, "gender")["calibration"]


def test_wrong(trained, table, tmp_path):
    age, gender = trained["age"].folder, trained["gender"].folder
    chosen = Selection(data=table)
    with pytest.raises(ParameterError, match="at_most_wrong is for labels, and age is a number"):
        calibrate_run(age, chosen, tmp_path / "new", at_most_wrong=0.01)
    with pytest.raises(ParameterError, match="No confidence keeps the share of wrong .* at 0.01%"):
        calibrate_run(gender, chosen, tmp_path / "new", at_most_wrong=0.0001)
    with pytest.raises(ArtifactError, match="is no saved model of age, gender, race"):
        calibrate_run(tmp_path, chosen)
    with pytest.raises(LabelError, match="at least 100 are needed"):
        calibrate_run(gender, chosen, tmp_path / "new", "validation")
    with pytest.raises(ParameterError, match="corrupted must be a share"):
        calibrate_run(gender, chosen, tmp_path / "new", corrupted=2)
    assert not (tmp_path / "new").exists()


def test_command(trained, table, tmp_path):
    words = ["calibrate", str(trained["gender"].folder), "--data", str(table)]
    words += ["--output", str(tmp_path / "new"), "--at-most-wrong", "30%"]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    assert "150 pictures and 0 corrupted copies" in found.stderr
    assert "log_loss" in found.stdout and "confidence of at least 0." in found.stdout
    manifest = json.loads((tmp_path / "new" / "agr.json").read_text())
    assert manifest["calibration"]["min_confidence"] > 0.5
    found = CliRunner().invoke(app, [*words[:-1], "few"])
    assert found.exit_code == 2 and "such as 1% or 0.01, got 'few'" in found.output
