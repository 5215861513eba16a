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


class TestManyPictures:
    @pytest.fixture
    def crops(self, trained, tmp_path):
        folder = tmp_path / "crops"
        folder.mkdir()
        for k, pixels in enumerate(trained["age"].X_test[:9]):
            Image.fromarray(pixels).save(folder / f"{k}.png")
        return folder

    def names(self, folder):
        found = []
        for path in sorted(folder.glob("part-*.csv")):
            with path.open() as stream:
                found += [row["image"][-5:] for row in csv.DictReader(stream)]
        return sorted(found)

    def test_shards_share_a_folder(self, crops, options, tmp_path):
        for k in (1, 2):
            words = ["--output", tmp_path / "out", "--shard", f"{k}/2", "--faces", "crop"]
            assert run("predict", crops, *words, *options).exit_code == 0
        assert self.names(tmp_path / "out") == [f"{k}.png"[-5:] for k in range(9)]
        done = run("predict", crops, *words[:2], "--faces", "crop", *options)
        assert done.exit_code == 2
        assert "shards was '2' and is '1'" in done.stderr

    def test_again(self, crops, options, tmp_path):
        words = ["predict", crops, "--output", tmp_path / "out", "--faces", "crop", *options]
        assert run(*words).stderr == ""
        done = run(*words)
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr.endswith("out is complete already; --overwrite starts anew.\n")
        (crops / "0.png").write_bytes(b"damaged")
        done = run(*words, "--overwrite")
        assert (done.exit_code, done.stderr) == (1, "1 of 9 pictures could not be read.\n")
        assert run(*words).exit_code == 1  # as it was when it was done

    def test_table(self, crops, options, tmp_path):
        (tmp_path / "t.csv").write_text("file\ncrops/3.png\ncrops/5.png\n")
        words = ["predict", tmp_path / "t.csv", "--faces", "crop", "--format", "csv", *options]
        done = run(*words, "--path-column", "file")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [row["image"][-11:] for row in rows] == ["crops/3.png", "crops/5.png"]
        done = run(*words)
        assert done.exit_code == 2
        assert "has no column 'path'; its columns are 'file'." in done.stderr

    def test_overwrite_needs_an_output(self, crops, options):
        done = run("predict", crops, "--overwrite", *options)
        assert done.exit_code == 2
        assert "it needs --output" in done.stderr

    def test_stopped_by_hand(self, crops, options, tmp_path, monkeypatch):
        def stop(*_):
            raise KeyboardInterrupt

        words = ["predict", crops, "--output", tmp_path / "out.csv", "--faces", "crop", *options]
        with monkeypatch.context() as patched:
            patched.setattr("agr.bulk.parts.Parts.finish", stop)
            done = run(*words)
        assert done.exit_code == 130
        assert done.stderr == "Stopped. Give the same command again to go on.\n"
        done = run(*words)
        assert (done.exit_code, done.stderr) == (0, "Resuming after 9 pictures.\n")
        assert len((tmp_path / "out.csv").read_text().splitlines()) == 10


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
