"""The page of ``agr evaluate --plots``, on drawn faces and tiny models."""

import os
import re
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.datasets import read_any
from agr.datasets.faces import AGE_GROUPS
from agr.evaluation.groups import LEAST
from agr.report.page import Page
from agr.report.results import write_results
from agr.report.words import group_in_words
from agr.runs.evaluate import evaluate_faces

pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")

COMMON = {
    "classification_report.csv", "classification_report.png", "confusion.png", "differences.csv",
    "groups.png", "history.csv", "index.html", "intersections.csv", "intersections.png",
    "intervals.csv", "learning_curve_loss.png", "pictures.png", "predictions.csv", "scores.csv",
    "worst.csv",
}  # fmt: skip
LABELS = {"learning_curve_accuracy.png", "precision_recall.png", "roc.png"}
FILES = {
    "age": COMMON | {"errors.csv", "errors.png", "learning_curve_mae.png", "predicted_ages.png"},
    "gender": COMMON | LABELS,
    "race": COMMON | LABELS,
}


def evaluate(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module", params=FILES)
def case(request, trained, drawn_utkface, tmp_path_factory):
    """Evaluate with plots; gives the task, the folder and what was said."""
    task = request.param
    folder = tmp_path_factory.mktemp("plots") / task
    model = trained[task].folder
    said = evaluate(task, "--data", drawn_utkface, "--model", model, "--plots", folder)
    return task, folder, said


class TestPage:
    def test_files(self, case):
        task, folder, said = case
        assert said.exit_code == 0, said.output
        assert set(os.listdir(folder)) == FILES[task]
        assert said.stderr.splitlines()[-1] == f"wrote {folder / 'index.html'}"

    def test_scores_are_those_without_plots(self, case, trained, drawn_utkface):
        task, folder, said = case
        plain = evaluate(task, "--data", drawn_utkface, "--model", trained[task].folder)
        assert said.stdout == plain.stdout
        scores = pd.read_csv(folder / "scores.csv")
        report = evaluate_faces(trained[task].estimator, read_any(drawn_utkface))
        assert scores["group"].tolist() == ["all", *report.by_group]
        for name, value in report.overall.items():
            assert scores[name][0] == pytest.approx(value, rel=1e-4, abs=1e-5)

    def test_predictions_are_those_of_predict(self, case, trained, drawn_utkface):
        task, folder, _ = case
        rows = pd.read_csv(folder / "predictions.csv")
        X, y = read_any(drawn_utkface).labelled(task)
        said = trained[task].estimator.predict(X)
        assert rows["picture"].tolist() == X
        assert rows["true"].tolist() == y.tolist()
        if task == "age":
            np.testing.assert_allclose(rows["predicted"], said, rtol=1e-4)
        else:
            assert rows["predicted"].tolist() == said.tolist()
            chances = rows[list(trained[task].estimator.classes_)]
            np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-4)

    def test_page_needs_no_other_file(self, case):
        task, folder, _ = case
        page = (folder / "index.html").read_text()
        n_plots = len([name for name in FILES[task] if name.endswith(".png")])
        n_pictures = page.count('src="data:image/jpeg;base64,')
        assert page.count('src="data:image/png;base64,') == n_plots - 1  # pictures.png is a wall
        assert page.count("<img") == n_plots - 1 + n_pictures
        assert n_pictures > 10
        assert not re.search(r"https?://|<script|<link", page)

    def test_headline_is_the_overall_score(self, case, trained, drawn_utkface):
        task, folder, _ = case
        page = (folder / "index.html").read_text()
        report = evaluate_faces(trained[task].estimator, read_any(drawn_utkface))
        numbers = dict(re.findall(r"<dt>(.*)</dt><dd>(.*?)</dd>", page))
        if task == "age":
            assert numbers["Mean absolute error"] == f"{report.overall['mae']:.2f} years"
        else:
            assert numbers["Accuracy"] == f"{report.overall['accuracy']:.1%}".replace("%", " %")
        assert numbers["Pictures"] == str(report.n)
        (weakest,) = [label for label in numbers if label.startswith("Weakest group: ")]
        group = weakest.removeprefix("Weakest group: ")
        large = {name: one for name, one in report.by_group.items() if one["n"] >= LEAST}
        bad = {name: one.get("mae", -one.get("accuracy", 0)) for name, one in large.items()}
        assert group == group_in_words(max(bad, key=bad.__getitem__))

    def test_wrong_pictures_are_marked(self, case):
        task, folder, _ = case
        page = (folder / "index.html").read_text()
        captions = re.findall(r'<li( class="marked")?><img[^>]*>(.*?)\n?true: (.*)</li>', page)
        assert captions
        for marked, said, true in captions:
            said = re.sub("<.*>", "", said)
            wrong = abs(int(said) - int(true)) > 5 if task == "age" else said != true
            if task != "age" or abs(abs(int(said) - int(true)) - 5) > 1:  # rounded
                assert bool(marked) is wrong, (said, true)


def test_history_is_the_trainings(trained, drawn_utkface, tmp_path):
    evaluate(
        "gender", "--data", drawn_utkface, "--model", trained["gender"].folder, "--plots", tmp_path
    )
    history = pd.read_csv(tmp_path / "history.csv")
    assert len(history) == len(trained["gender"].estimator.history_) == 8
    assert history["val_loss"][0] == pytest.approx(
        trained["gender"].estimator.history_[0]["val_loss"], rel=1e-4
    )


def test_ranges_of_age_are_those_of_the_groups(trained, drawn_utkface, tmp_path):
    evaluate("age", "--data", drawn_utkface, "--model", trained["age"].folder, "--plots", tmp_path)
    rows = pd.read_csv(tmp_path / "classification_report.csv").set_index("label")
    assert list(rows.index[:6]) == [
        "0 to 2", "3 to 12", "13 to 20", "21 to 40", "41 to 60", "61 and over",
    ]  # fmt: skip
    ages = read_any(drawn_utkface).table["age"]
    assert rows["support"]["3 to 12"] == ((ages >= 3) & (ages < 13)).sum()


@pytest.mark.parametrize("parameters", [{"bins": "decade"}, {"head": "regression"}], ids=str)
def test_other_heads(parameters, new_estimator, faces_drawn, drawn_utkface, tmp_path):
    X, labels = faces_drawn(60, seed=1)
    estimator = new_estimator("age", **parameters).fit(X, labels["age"])
    faces = read_any(drawn_utkface)
    page = Page(tmp_path, "Age")
    report = write_results(page, estimator, faces, faces.groups(), AGE_GROUPS)
    assert report.to_dict() == evaluate_faces(estimator, faces).to_dict()
    rows = pd.read_csv(tmp_path / "classification_report.csv").set_index("label")
    if "bins" in parameters:
        assert rows.index[0] == "0 to 9"
        right = (rows["recall"] * rows["support"])[:-2].sum() / rows["support"][:-2].sum()
        assert right == pytest.approx(report.overall["bin_accuracy"], rel=1e-3)
    else:
        assert rows.index[0] == "0 to 2"


def test_without_matplotlib(trained, drawn_utkface, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
    model = trained["age"].folder
    found = evaluate("age", "--data", drawn_utkface, "--model", model, "--plots", tmp_path / "p")
    assert found.exit_code == 2
    assert found.stderr == 'Error: Plots need matplotlib: pip install "agr-faces[plots]"\n'


@pytest.mark.real
def test_real_pictures(utkface_dir, tmp_path):
    (tmp_path / "some").mkdir()
    for path in sorted(utkface_dir.iterdir())[::400]:
        (tmp_path / "some" / path.name).symlink_to(path)
    found = evaluate("gender", "--data", tmp_path / "some", "--plots", tmp_path / "p")
    assert found.exit_code == 0, found.output
    assert set(os.listdir(tmp_path / "p")) == FILES["gender"]
    with Image.open(tmp_path / "p" / "pictures.png") as picture:
        assert picture.width == 1500
