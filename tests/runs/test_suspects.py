"""Doubtful labels are found among drawn faces; Croissant's reader takes the data card."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.datasets.faces import make_faces
from agr.errors import MissingExtraError
from agr.runs.data_card import write_data_card
from agr.runs.suspects import COLUMNS, _doubted_ages, _doubted_labels, find_suspects

COPY = 30


@pytest.fixture(scope="module")
def doubtful(faces_drawn, tmp_path_factory):
    """Draw 120 faces, and a copy of one with another age."""
    root = tmp_path_factory.mktemp("doubtful")
    X, labels = faces_drawn(120, seed=11)
    paths = []
    for i, pixels in enumerate([*X, X[COPY]]):
        paths.append(str(root / f"{i:03d}.png"))
        Image.fromarray(pixels).save(paths[-1])
    columns = {task: np.append(y, y[COPY]) for task, y in labels.items()}
    columns["age"][-1] += 9
    return root, make_faces({"path": paths, **columns})


@pytest.fixture(scope="module")
def found(doubtful):
    pytest.importorskip("cleanlab", reason="needs the extra suspects")
    return find_suspects(doubtful[1])


class TestDoubts:
    """Of features that tell the label, with errors put in."""

    def test_labels(self):
        pytest.importorskip("cleanlab", reason="needs the extra suspects")
        rng = np.random.default_rng(0)
        codes = np.arange(300) % 3
        features = rng.normal(0, 1, (300, 8)) + 4 * np.eye(8)[codes]
        names = np.array(["asian", "black", "white"])
        y = names[codes]
        wrong = np.arange(5, 300, 29)
        y[wrong] = names[(codes[wrong] + 1) % 3]
        found = _doubted_labels(features, y)
        assert {row for row, _, _ in found} <= set(wrong)
        assert len(found) >= 8  # of 11
        assert all(suggested == names[codes[row]] for row, suggested, _ in found)
        scores = [score for _, _, score in found]
        assert scores == sorted(scores)

    def test_ages(self):
        pytest.importorskip("cleanlab", reason="needs the extra suspects")
        rng = np.random.default_rng(1)
        true = rng.uniform(1, 90, 400)
        features = np.stack([true + rng.normal(0, 4, 400) for _ in range(6)], axis=1)
        y = true.copy()
        y[7], y[300] = (true[[7, 300]] + 45) % 90
        found = _doubted_ages(features, y)
        assert [row for row, _, _ in found[:2]] in ([7, 300], [300, 7])
        assert len(found) < 8
        assert all(abs(float(suggested) - true[row]) < 15 for row, suggested, _ in found[:2])

    def test_one_label_alone_is_not_doubted(self):
        assert _doubted_labels(np.zeros((60, 2)), np.array(["asian"] * 60)) == []


def test_labels_of_pictures_are_doubted(found):
    race = found[(found["why"] == "cross-validation") & (found["task"] == "race")]
    assert len(race) > 0
    assert race["score"].is_monotonic_increasing
    assert (race["label"] != race["suggested"]).all()


def test_copies_with_other_labels(found, doubtful):
    root, faces = doubtful
    copies = found[(found["why"] == "duplicate") & (found["task"] == "age")]
    assert copies["path"].tolist() == [str(root / f"{COPY:03d}.png"), str(root / "120.png")]
    age = faces.table["age"][COPY]
    assert copies["label"].tolist() == [f"{age:g}", f"{age + 9:g}"]
    assert copies["suggested"].tolist() == [f"{age + 9:g}", f"{age:g}"]


def test_few_pictures_are_not_doubted(doubtful):
    pytest.importorskip("cleanlab", reason="needs the extra suspects")
    found = find_suspects(doubtful[1].take(np.arange(20)))
    assert found.empty
    assert tuple(found) == COLUMNS


def test_without_cleanlab(doubtful, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(MissingExtraError, match=r"Finding doubtful labels needs cleanlab: pip"):
        find_suspects(doubtful[1])


def test_page(doubtful, tmp_path):
    pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
    pytest.importorskip("cleanlab", reason="needs the extra suspects")
    root, faces = doubtful
    faces.table.to_csv(root / "faces.csv", index=False)
    words = ["explore", root / "faces.csv", "--output", tmp_path / "page", "--suspects"]
    done = CliRunner().invoke(app, list(map(str, [*words, "--data-card"])))
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "page" / "suspects.csv")
    assert {"003.png", "120.png"} & set(table["path"])
    assert "Doubtful labels: race" in (tmp_path / "page" / "index.html").read_text()
    assert (tmp_path / "page" / "croissant.json").is_file()


class TestDataCard:
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the reader's own libraries
    def test_is_valid_and_gives_the_rows(self, doubtful, tmp_path):
        croissant = pytest.importorskip("mlcroissant", reason="needs the extra dev")
        root, faces = doubtful
        path = write_data_card(faces, "drawn faces", root, tmp_path)
        data = croissant.Dataset(str(path))
        rows = list(data.records("faces"))
        assert len(rows) == len(faces)
        first = faces.table.iloc[0]
        assert rows[0]["faces/path"] == b"000.png"
        assert rows[0]["faces/age"] == first["age"]
        assert rows[0]["faces/race"] == first["race"].encode()

    def test_says_who_is_in_it(self, doubtful, tmp_path):
        root, faces = doubtful
        card = json.loads(write_data_card(faces, "drawn", root, tmp_path).read_text())
        female = (faces.table["gender"] == "female").sum()
        assert f"female {female}" in card["description"]
        assert "perceived" in card["description"]
        assert card["rai:dataBiases"][0].startswith("gender: ")
