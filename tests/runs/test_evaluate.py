"""What an evaluation of a folder does, apart from the command line."""

import pytest

from agr.datasets import read_any
from agr.datasets.faces import make_faces
from agr.errors import LabelError
from agr.runs.evaluate import evaluate_faces, evaluate_run
from agr.runs.selection import Selection


def chosen(data, **changes):
    return Selection(data=data, **{"validation": 0.1, "test": 0.2, **changes})


def test_all(drawn_utkface, trained):
    report, dropped = evaluate_run("gender", chosen(drawn_utkface), trained["gender"].folder)
    assert report.n == 80
    assert report.overall["accuracy"] > 0.95
    assert "1 left out" in dropped


def test_parts_add_up(drawn_utkface, trained):
    reports = [
        evaluate_run("race", chosen(drawn_utkface), trained["race"].folder, part)[0]
        for part in ("train", "validation", "test")
    ]
    assert sum(report.n for report in reports) == 80
    assert reports[2].n == 16


def test_published_split(drawn_utkface, trained, tmp_path):
    faces = read_any(drawn_utkface)
    faces.split(validation=0.5, test=0.25, random_state=9).write_csv(
        tmp_path / "split.csv", drawn_utkface
    )
    selection = chosen(drawn_utkface, split=tmp_path / "split.csv")
    report, _ = evaluate_run("age", selection, trained["age"].folder, "test")
    assert report.n == 20


def test_parts_of_a_training_without_the_young(drawn_utkface, trained):
    """The test part is that of the training, not one that holds pictures learned from."""
    parts = read_any(drawn_utkface).at_least(40).split(validation=0.1, test=0.2, random_state=0)
    model = trained["gender"]
    selection = chosen(drawn_utkface, min_age=40)
    report, _ = evaluate_run("gender", selection, model.folder, "test")
    expected = evaluate_faces(model.estimator, parts.test)
    assert report.n == len(parts.test)
    assert report.overall == pytest.approx(expected.overall, abs=1e-6)
    report, _ = evaluate_run("gender", selection, model.folder, "all")
    assert report.n == (read_any(drawn_utkface).table["age"] >= 40).sum()


def test_published_split_without_the_young(drawn_utkface, trained, tmp_path):
    parts = read_any(drawn_utkface).split(validation=0.2, test=0.4, random_state=9)
    parts.write_csv(tmp_path / "split.csv", drawn_utkface)
    selection = chosen(drawn_utkface, split=tmp_path / "split.csv", min_age=40)
    report, _ = evaluate_run("age", selection, trained["age"].folder, "test")
    assert report.n == (parts.test.table["age"] >= 40).sum() < len(parts.test)


@pytest.mark.parametrize("plots", [False, True], ids=["scores", "plots"])
def test_nobody_has_the_label(trained, drawn_utkface, tmp_path, plots):
    if plots:
        pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
    table = read_any(drawn_utkface).table[["path", "age"]]
    table.to_csv(tmp_path / "ages.csv", index=False)
    page = tmp_path / "page" if plots else None
    selection, model = chosen(tmp_path / "ages.csv"), trained["gender"].folder
    for part, where in {"all": "in", "test": "in the test part of"}.items():
        message = f"No picture {where} {tmp_path}/ages.csv has the label gender"
        with pytest.raises(LabelError, match=message):
            evaluate_run("gender", selection, model, part, plots=page)


def test_pictures_without_the_label_are_left_out(trained, drawn_utkface):
    table = read_any(drawn_utkface).table.copy()
    table.loc[:9, "gender"] = None
    estimator = trained["gender"].estimator
    report = evaluate_faces(estimator, make_faces(table))
    assert report.n == 70
