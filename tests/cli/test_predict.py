import csv
import io
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.bulk.formats import COLUMNS, FACE_COLUMNS
from agr.cli import app

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo with two faces, one without, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    with Image.open("examples/astronaut.jpg") as image:
        face = image.convert("RGB")
    canvas = Image.new("RGB", (640, 480), (127, 127, 127))
    canvas.paste(face.resize((120, 120)), (20, 30))
    canvas.paste(face.resize((240, 240)), (300, 150))
    canvas.save(folder / "two.png")
    Image.new("RGB", (200, 100)).save(folder / "none.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def options(trained):
    given = []
    for task, model in trained.items():
        given += [f"--{task}", str(model.folder)]
    return given


def run(*words):
    return RUNNER.invoke(app, [str(word) for word in words])


class TestPredict:
    def test_one_row_a_face(self, folder, options):
        done = run("predict", folder / "two.png", "--faces", "detect", "--format", "json", *options)
        assert done.exit_code == 0, done.output
        large, small = json.loads(done.stdout)
        assert list(large) == list(FACE_COLUMNS)
        assert large["image"] == small["image"] == str(folder / "two.png")
        assert large["box"][0] > 300 > small["box"][2]
        assert large["error"] is None

    def test_no_face_and_no_picture_are_errors(self, folder, options):
        done = run("predict", folder, "--faces", "detect", "--format", "jsonl", *options)
        assert done.exit_code == 1
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        names = [row["image"].rsplit("/")[-1] for row in rows]
        assert names == ["broken.png", "none.png", "two.png", "two.png"]
        assert "not a picture" in rows[0]["error"]
        assert rows[1]["error"] == "no face was found"
        assert "2 of 3 pictures could not be read or show no face." in done.stderr

    def test_table(self, folder, options):
        done = run("predict", folder, "--faces", "detect", *options)
        lines = done.stdout.splitlines()
        assert lines[0].split()[:3] == ["image", "face", "age"]
        assert "error: no face was found" in lines[2]
        assert lines[3].split()[1].count("+") == 2

    def test_csv(self, folder, options):
        done = run("predict", folder / "two.png", "--faces", "detect", "--format", "csv", *options)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        left, top, right, bottom = (float(rows[0][k]) for k in ("left", "top", "right", "bottom"))
        assert left < float(rows[0]["left_eye_x"]) < float(rows[0]["right_eye_x"]) < right
        assert top < float(rows[0]["left_eye_y"]) < bottom

    def test_parquet(self, folder, options, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet", reason="no agr-faces[parquet]")
        path = tmp_path / "rows.parquet"
        words = ["--faces", "detect", "--format", "parquet", "--output", path]
        assert run("predict", folder, *words, *options).exit_code == 1
        rows = parquet.read_table(path).to_pylist()
        assert len(rows) == 4
        assert rows[2]["left"] < rows[2]["left_eye_x"] < rows[2]["right"]
        assert rows[0]["left"] is rows[0]["left_eye_x"] is None

    def test_crops(self, folder, options):
        words = ["--faces", "crop", "--format", "json"]
        done = run("predict", folder / "two.png", *words, *options)
        (row,) = json.loads(done.stdout)
        assert list(row) == list(COLUMNS)

    def test_faces_are_found_by_default(self, folder, options):
        done = run("predict", folder / "two.png", "--format", "json", *options)
        assert [row["n_faces"] for row in json.loads(done.stdout)] == [2, 2]

    def test_mtcnn_is_absent(self, folder, options, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "mtcnn", None)
        words = ["--faces", "detect", "--detector", "mtcnn"]
        done = run("predict", folder / "two.png", *words, *options)
        assert done.exit_code == 2
        assert 'pip install "agr-faces[detect]"' in done.stderr


class TestAnnotate:
    @pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
    def test_writes_the_picture(self, folder, options, tmp_path, ending):
        path = tmp_path / f"out{ending}"
        done = run("annotate", folder / "two.png", "--output", path, *options)
        assert done.exit_code == 0, done.output
        with Image.open(path) as drawn, Image.open(folder / "two.png") as photo:
            assert drawn.size == photo.size
            assert abs(np.asarray(drawn, float) - np.asarray(photo, float)).mean() > 2

    def test_no_face(self, folder, options, tmp_path):
        path = tmp_path / "out.png"
        done = run("annotate", folder / "none.png", "--output", path, *options)
        assert done.exit_code == 1
        assert "No face was found" in done.stderr
        assert path.exists()

    @pytest.mark.parametrize("name", ["out.txt", "out"])
    def test_ending(self, folder, options, tmp_path, name):
        done = run("annotate", folder / "two.png", "--output", tmp_path / name, *options)
        assert done.exit_code == 2
        assert "such as .jpg or .png" in done.stderr
        assert not (tmp_path / name).exists()

    def test_no_picture(self, folder, options, tmp_path):
        done = run("annotate", folder / "broken.png", "--output", tmp_path / "a.png", *options)
        assert done.exit_code == 2
        assert "not a picture" in done.stderr
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["predict", "annotate"])
def test_help_names_the_extra_in_full(command):
    shown = RUNNER.invoke(app, [command, "--help"], env={"COLUMNS": "300"}).output
    assert 'mtcnn needs pip install "agr-faces[detect]".' in shown
