"""The command line: formats, exit codes, and one whole way from pictures to a model."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from agr import __version__
from agr.cli import app, options
from agr.cli.tune import ALGORITHMS
from agr.datasets import read_any
from agr.engines import engine
from agr.photo import detectors
from agr.runs.selection import Selection
from agr.training.tuning import ORACLES

TINY = ["--network", "tiny", "--epochs", "1", "--batch-size", "16", "--augmentation", "none"]


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def said(found):
    """Give what stands in the box of an error, in one line."""
    return " ".join(found.stderr.replace("│", " ").split())


@pytest.fixture(scope="module")
def models(trained):
    """Give the options that name the tiny models, which know drawn crops only."""
    named = [o for task, model in trained.items() for o in (f"--{task}", str(model.folder))]
    return ["--faces", "crop", *named]


@pytest.fixture(scope="module")
def pictures(trained, tmp_path_factory):
    """Write three pictures, one of them in a subfolder, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep").mkdir()
    for name, pixels in zip(("b.png", "deep/a.png", "c.jpg"), trained["age"].X_test, strict=False):
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.md").write_text("no picture")
    return folder


class TestPredict:
    def names(self, rows):
        return [os.path.basename(row["image"]) for row in rows]

    def test_table(self, pictures, models):
        found = run("predict", pictures, *models)
        assert found.exit_code == 0
        lines = found.stdout.splitlines()
        assert lines[0].split() == ["image", "age", "90", "%", "gender", "race"]
        assert len(lines) == 4
        assert found.stderr == ""

    def test_json(self, pictures, models):
        rows = json.loads(run("predict", pictures, "--format", "json", *models).stdout)
        assert self.names(rows) == ["b.png", "c.jpg", "a.png"]
        assert rows[0]["gender"] in rows[0]["gender_probabilities"]

    def test_formats_agree(self, pictures, models):
        outputs = {
            form: run("predict", pictures, "--format", form, *models).stdout
            for form in ("json", "jsonl", "csv")
        }
        rows = json.loads(outputs["json"])
        assert [json.loads(line) for line in outputs["jsonl"].splitlines()] == rows
        table = list(csv.DictReader(io.StringIO(outputs["csv"])))
        assert [float(line["age"]) for line in table] == [round(row["age"], 2) for row in rows]

    @pytest.mark.parametrize("form", ["json", "jsonl", "csv", "table"])
    def test_format_follows_the_ending(self, pictures, models, tmp_path, form):
        path = tmp_path / {"table": "rows.txt"}.get(form, f"rows.{form}")
        assert run("predict", pictures, "--output", path, *models).exit_code == 0
        shown = run("predict", pictures, "--format", form, *models).stdout
        assert path.read_text() == shown

    def test_format_before_ending(self, pictures, models, tmp_path):
        words = ["--output", tmp_path / "rows.csv", "--format", "jsonl"]
        assert run("predict", pictures, *words, *models).exit_code == 0
        assert json.loads((tmp_path / "rows.csv").read_text().splitlines()[0])["age"]
        words[1] = tmp_path / "rows.data"
        assert run("predict", pictures, *words, *models).exit_code == 0

    def test_unknown_ending(self, pictures, models, tmp_path):
        found = run("predict", pictures, "--output", tmp_path / "rows.xlsx", *models)
        assert found.exit_code == 2
        assert "rows.xlsx names no known format; expected one of .txt, .json" in found.stderr
        assert os.listdir(tmp_path) == []

    def test_detector_for_crops(self, pictures, models):
        found = run("predict", pictures, "--detector", "mtcnn", *models)
        assert found.exit_code == 2
        assert "--detector needs --faces detect" in found.stderr

    def test_one_task(self, pictures, models):
        found = run("predict", pictures / "b.png", "--task", "race", "--format", "json", *models)
        (row,) = json.loads(found.stdout)
        assert row["race"]
        assert row["age"] is row["gender"] is None

    def test_output_is_replaced_on_request(self, pictures, models, tmp_path):
        (tmp_path / "rows.csv").write_text("old")
        (tmp_path / "link").hardlink_to(tmp_path / "rows.csv")
        words = ["predict", pictures, "--output", tmp_path / "rows.csv", *models]
        found = run(*words)
        assert found.exit_code == 2
        assert "rows.csv exists already. Give another output, or" in found.stderr
        found = run(*words, "--overwrite")
        assert (found.exit_code, found.stdout) == (0, "")
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4
        assert (tmp_path / "link").read_text() == "old"  # another file took the name
        assert sorted(os.listdir(tmp_path)) == ["link", "rows.csv"]

    def test_empty_output_is_filled(self, pictures, models, tmp_path):
        (tmp_path / "rows.csv").touch()
        found = run("predict", pictures, "--output", tmp_path / "rows.csv", *models)
        assert found.exit_code == 0
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4

    def test_parquet(self, pictures, models, tmp_path):
        pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
        import pyarrow.parquet as pq

        path = tmp_path / "rows.parquet"
        found = run("predict", pictures, "--format", "parquet", "--output", path, *models)
        assert found.exit_code == 0
        rows = pq.read_table(path).to_pylist()
        assert rows[0]["age_low"] < rows[0]["age"] < rows[0]["age_high"]
        expected = json.loads(run("predict", pictures, "--format", "json", *models).stdout)
        assert [row["age"] for row in rows] == [row["age"] for row in expected]

    def test_parquet_needs_a_file(self, pictures, models):
        found = run("predict", pictures, "--format", "parquet", *models)
        assert found.exit_code == 2
        assert found.stderr == "Error: Parquet is not a text format; name a file with --output.\n"

    def test_parquet_without_pyarrow(self, pictures, models, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        path = tmp_path / "rows.parquet"
        found = run("predict", pictures, "--format", "parquet", "--output", path, *models)
        assert found.exit_code == 2
        assert 'Parquet needs pyarrow: pip install "agr-faces[parquet]"' in found.stderr
        assert os.listdir(tmp_path) == []

    def test_some_pictures_cannot_be_read(self, pictures, models):
        found = run(
            "predict", pictures / "b.png", pictures / "notes.md", "gone.png", "--format", "json",
            *models,
        )  # fmt: skip
        assert found.exit_code == 1
        assert found.stderr == "2 of 3 pictures could not be read.\n"
        rows = json.loads(found.stdout)
        assert [row["error"] is None for row in rows] == [True, False, False]
        assert "notes.md is not a picture" in rows[1]["error"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--gender", "nowhere"], "nowhere is no saved model: it has no agr.json"),
            (["--output", "no/such/rows.csv"], "No such file or directory"),
            (["--task", "gendr"], "Did you mean 'gender'?"),
            (
                ["--format", "xml"],
                "'xml' is not one of 'table', 'json', 'jsonl', 'csv', 'parquet'.",
            ),
            (["--format", "parquett"], "'parquett' is not one of .* Did you mean 'parquet'?"),
            (["--faces", "detct"], "Did you mean 'detect'?"),
            (["--faces", "detect", "--detector", "centreface"], "Did you mean 'centerface'?"),
        ],
        ids=["model", "output", "task", "format", "near", "faces", "detector"],
    )
    def test_wrong(self, pictures, models, arguments, message):
        found = run("predict", pictures, *models, *arguments)
        assert found.exit_code == 2
        assert re.search(message.replace("?", "\\?"), said(found))
        assert found.stdout == ""

    def test_no_pictures(self, models, tmp_path):
        found = run("predict", tmp_path, *models)
        assert found.exit_code == 2
        assert found.stderr == f"Error: There are no pictures in {tmp_path}.\n"


@pytest.fixture(scope="module")
def finished(drawn_utkface, tmp_path_factory):
    """Train gender on the drawn folder, with a published split and a checkpoint."""
    folder = tmp_path_factory.mktemp("cli")
    split = read_any(drawn_utkface).split(validation=0.2, test=0.25, random_state=4)
    split.write_csv(folder / "split.csv", drawn_utkface)
    arguments = [
        "train", "gender", "--data", drawn_utkface, "--output", folder / "model", *TINY,
        "--split", folder / "split.csv", "--checkpoint", folder / "state",
        "--epochs", "10", "--learning-rate", "0.01",
    ]  # fmt: skip
    return folder, arguments, run(*arguments)


class TestTrain:
    def test_report_and_files(self, finished):
        folder, _, found = finished
        assert found.exit_code == 0, found.output
        heads, overall = (line.split() for line in found.stdout.splitlines()[:2])
        assert heads[:3] == ["group", "n", "accuracy"]
        assert overall[:2] == ["all", "20"]
        assert float(overall[2]) > 0.7
        assert "saved to" in found.stderr
        assert "epoch 10/10" in found.stderr
        assert (folder / "model" / "agr.json").is_file()
        assert json.loads((folder / "state" / "gender-1" / "state.json").read_text())["done"]

    def test_evaluate_says_the_same(self, finished, drawn_utkface):
        folder, _, trained = finished
        options = ["--model", folder / "model", "--split", folder / "split.csv", "--part", "test"]
        found = run("evaluate", "gender", "--data", drawn_utkface, *options)
        assert found.exit_code == 0
        assert found.stdout == trained.stdout
        as_json = run("evaluate", "gender", "--data", drawn_utkface, *options, "--format", "json")
        report = json.loads(as_json.stdout)
        assert report["n"] == 20
        assert set(report) >= {"n", "overall", "by_group", "intersections", "intervals", "worst"}

    def test_predict_with_it(self, finished, pictures):
        folder, _, _ = finished
        found = run(
            "predict", pictures, "--task", "gender", "--gender", folder / "model",
            "--faces", "crop", "--format", "jsonl",
        )  # fmt: skip
        assert found.exit_code == 0
        assert len(found.stdout.splitlines()) == 3

    def test_finished_checkpoint_gives_the_same_model_at_once(self, finished, tmp_path):
        _, arguments, first = finished
        again = run(*arguments, "--overwrite")
        assert again.exit_code == 0
        assert again.stdout == first.stdout
        assert "epoch 1/10" not in again.stderr

    def test_a_saved_model_is_not_replaced(self, finished, monkeypatch):
        folder, arguments, _ = finished
        monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
        found = run(*arguments)
        assert found.exit_code == 2
        assert f"{folder / 'model'} holds a saved model already" in found.stderr
        assert "with --overwrite" in found.stderr

    def test_checkpoint_of_another_training(self, finished):
        _, arguments, _ = finished
        found = run(*arguments, "--epochs", "2", "--overwrite")
        assert found.exit_code == 2
        assert "holds another training (other data or parameters)" in found.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--recipe", "shiped"], "got 'shiped'. Did you mean 'shipped'?"),
            (["--data", "nowhere"], "nowhere is not there; expected a folder of UTKFace pictures"),
            (["--epochs", "0"], "epochs must be a whole number of at least 1, got 0"),
            (["--balance", "weight"], "Did you mean 'weights'?"),
            (["--balance", "male=half"], "must be a word, or shares of labels such as white=0.5"),
            (["--balance", "grey=0.5"], "every label in balance must be one of"),
            (["--loss", "hinge"], "loss must be one of None, 'binary_crossentropy'"),
            (["--from", "gone"], "so network cannot be chosen"),
            (["--split", "gone.csv"], "gone.csv: No such file or directory"),
            (["--epochs", "many"], "Invalid value for '--epochs'"),
            (["--set", "dropout"], "--set must be NAME=VALUE, such as dropout=0.5; got 'dropout'"),
            (["--set", "dropot=0.5"], "a name in --set must be one of 'augmentation',"),
            (["--set", "random_state=1"], "got 'random_state'"),
            (["--set", "epochs=3"], "epochs is given twice; leave out one of them."),
            (["--set", "dropout=half"], "dropout must be from 0 to below 1, got 'half'"),
            (["--column", "age"], "--column must be NAME=VALUE, such as age=years; got 'age'"),
            (["--label", "=male"], "--label must be NAME=VALUE, such as M=male; got '=male'"),
            (
                ["--label", "M=male"],
                "is no table, so its columns and labels have no names of their",
            ),
        ],
        ids=[
            "recipe",
            "data",
            "epochs",
            "balance",
            "share",
            "label",
            "loss",
            "from",
            "split",
            "word",
            "set",
            "set-unknown",
            "set-seed",
            "set-twice",
            "set-value",
            "column",
            "label-word",
            "label",
        ],  # fmt: skip
    )
    def test_wrong(self, drawn_utkface, tmp_path, arguments, message):
        output = tmp_path / "m"
        found = run(
            "train", "gender", "--data", drawn_utkface, "--output", output, *TINY, *arguments
        )
        assert found.exit_code == 2
        assert message in said(found)
        assert not output.exists()

    def test_parameters_without_an_option(self, drawn_utkface, tmp_path):
        values = {
            "dropout": 0.4,
            "bins": [0, 18, 65],
            "weights": None,
            "schedule": "constant",
            "patience": 3,
            "network_options": {"cycles": 3, "dense": [8]},
        }
        words = [f"{name}={json.dumps(value)}" for name, value in values.items()]
        words[3] = "schedule=constant"  # no JSON, so a word
        settings = [part for word in words for part in ("--set", word)]
        found = run(
            "train", "age", "--data", drawn_utkface, "--output", tmp_path / "m", *TINY,
            "--network", "conv_cycles", "--image-size", "16", *settings,
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        parameters = json.loads((tmp_path / "m" / "agr.json").read_text())["parameters"]
        assert values.items() <= parameters.items()

    @pytest.mark.parametrize("command", ["train", "tune"])
    def test_names_are_checked_before_pictures_are_read(self, tmp_path, command):
        found = run(
            command, "gender", "--data", "nowhere", "--output", tmp_path / "m",
            "--set", "dropot=0.5",
        )  # fmt: skip
        assert found.exit_code == 2
        assert "got 'dropot'. Did you mean 'dropout'?" in found.stderr

    def test_going_on_with_half_of_one_label(self, finished, drawn_utkface, tmp_path):
        folder, _, _ = finished
        found = run(
            "train", "gender", "--data", drawn_utkface, "--output", tmp_path / "more",
            "--from", folder / "model", "--epochs", "1", "--balance", "male=0.5",
            "--loss", "binary_focal_crossentropy",
        )  # fmt: skip
        assert found.exit_code == 0, found.output
        manifest = json.loads((tmp_path / "more" / "agr.json").read_text())
        assert manifest["parameters"]["balance"] == {"male": 0.5}
        assert manifest["parameters"]["loss"] == "binary_focal_crossentropy"
        assert len(manifest["history"]) == 11

    def test_evaluate_with_a_model_for_another_task(self, trained, drawn_utkface):
        found = run("evaluate", "race", "--data", drawn_utkface, "--model", trained["age"].folder)
        assert found.exit_code == 2
        assert "is a model for age, expected one for race" in found.stderr


@pytest.fixture(scope="module")
def own(drawn_utkface, tmp_path_factory):
    """Write the drawn faces as somebody else would have; gives what train is told of it."""
    path = tmp_path_factory.mktemp("own") / "people.csv"
    table = read_any(drawn_utkface).table.rename(
        columns={"path": "file", "age": "years", "gender": "sex", "race": "group"}
    )
    table["sex"] = table["sex"].map({"female": "F", "male": "M"})
    table[["file", "years", "sex", "group"]].to_csv(path, sep=";", index=False)
    names = ("path=file", "age=years", "gender=sex", "race=group")
    words = [w for name in names for w in ("--column", name)]
    return path, [*words, "--label", "M=male", "--label", "f=female"]


@pytest.fixture(scope="module")
def own_model(own, tmp_path_factory):
    path, words = own
    output = tmp_path_factory.mktemp("own") / "model"
    found = run("train", "gender", "--data", path, "--output", output, *TINY, *words)
    assert found.exit_code == 0, found.output
    return output, found


class TestOwnTable:
    """A table with names and words of its own."""

    def test_train(self, own_model, drawn_utkface, tmp_path):
        _, found = own_model
        output = tmp_path / "m"
        plain = run("train", "gender", "--data", drawn_utkface, "--output", output, *TINY)
        assert found.stdout == plain.stdout

    def test_evaluate(self, own, own_model):
        path, words = own
        found = run("evaluate", "gender", "--data", path, "--model", own_model[0], *words)
        assert found.exit_code == 0, found.output
        names = {line.split()[0] for line in found.stdout.splitlines() if line}
        assert {"all", "gender=female", "gender=male", "race=black"} <= names

    def test_tune(self, own, tmp_path):
        path, words = own
        only = ["--trials", "1", "--only", "dropout"]
        found = run(
            "tune", "gender", "--data", path, "--output", tmp_path / "m", *TINY, *words, *only
        )
        assert found.exit_code == 0, found.output

    def test_explore(self, own, tmp_path):
        pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
        path, words = own
        found = run("explore", path, "--output", tmp_path / "page", *words)
        assert found.exit_code == 0, found.output
        counts = (tmp_path / "page" / "counts.csv").read_text()
        assert "female,black" in counts

    def test_without_the_words(self, own):
        path, words = own
        found = run("evaluate", "gender", "--data", path, *words[:-4])
        assert found.exit_code == 2
        assert "gender must be one of 'female', 'male'; got" in found.stderr
        assert "Say what a word means with --label WORD=LABEL" in found.stderr

    def test_without_the_names(self, own):
        found = run("evaluate", "gender", "--data", own[0])
        assert found.exit_code == 2
        assert "no column 'path'; its columns are 'file', 'years', 'sex', 'group'" in found.stderr
        assert "--column path=file" in found.stderr


class TestChoices:
    """The words that typer checks; it suggests none of its own."""

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["train", "gendr"], "'gendr' is not one of 'age', 'gender', 'race'. Did you mean"),
            (["tune", "race", "--algorithm", "grit"], "Did you mean 'grid'?"),
            (["evaluate", "age", "--part", "tset"], "for '--part': 'tset' is not one of"),
            (["evaluate", "age", "--part", "tset"], "Did you mean 'test'?"),
            (["evaluate", "age", "--format", "jason"], "Did you mean 'json'?"),
            (["annotate", "a.jpg", "--detector", "mtcn"], "Did you mean 'mtcnn'?"),
            (["serve", "--task", "rase"], "Did you mean 'race'?"),
            (["predict", "a.jpg", "--outptu", "b"], "--output"),
        ],
        ids=["task", "algorithm", "part", "nearest", "format", "detector", "serve", "option"],
    )
    def test_nearest(self, words, message):
        found = run(*words, *(["--data", "x"] if words[0] in ("train", "tune", "evaluate") else []))
        assert found.exit_code == 2
        assert message in said(found)

    def test_are_those_of_the_rooms(self):
        """What commands list without importing it."""
        assert options.DETECTORS == detectors.DETECTORS
        assert options.DETECTOR == detectors.DEFAULT
        assert options.ENGINES == engine.ENGINES
        assert set(ALGORITHMS) == set(ORACLES)

    def test_defaults_are_those_of_the_selection(self):
        given = options.Selection(data="x").options()
        assert Selection(**given) == Selection(data="x")
        assert given.keys() == vars(Selection(data="x")).keys()


class TestHelp:
    def test_version(self):
        assert run("--version").stdout == f"agr {__version__}\n"

    def test_nothing_given(self):
        found = run()
        assert "Usage: agr" in found.output

    @pytest.mark.parametrize("option", ["-h", "--help"])
    def test_commands(self, option):
        found = run(option)
        assert found.exit_code == 0
        for command in ("predict", "train", "evaluate"):
            assert command in found.stdout

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            ("predict", ["--format", "--output", "--task", "--age", "--gender", "--race"]),
            ("train", ["--data", "--recipe", "--split", "--checkpoint", "--min-age", "--seed"]),
            ("evaluate", ["--model", "--part", "--format"]),
        ],
        ids=["predict", "train", "evaluate"],
    )
    def test_options(self, command, words, monkeypatch):
        monkeypatch.setenv("COLUMNS", "200")
        found = run(command, "--help")
        assert found.exit_code == 0
        for word in words:
            assert word in found.stdout

    @pytest.mark.parametrize("command", ["predict", "annotate", "video", "serve"])
    def test_square_brackets_are_shown(self, command, monkeypatch):
        monkeypatch.setenv("COLUMNS", "200")
        assert 'pip install "agr-faces[detect]"' in run(command, "--help").stdout


class TestProcess:
    """Through the shell, as people use it."""

    def agr(self, environment, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "agr", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_exit_codes(self, pictures, models, environment):
        good = self.agr(environment, "predict", pictures, "--format", "csv", *models)
        assert (good.returncode, good.stderr) == (0, "")
        assert len(good.stdout.splitlines()) == 4
        some = self.agr(environment, "predict", pictures, "gone.png", *models)
        assert some.returncode == 1
        none = self.agr(environment, "predict", "gone", "--gender", "nowhere", "--task", "gender")
        assert (none.returncode, none.stdout) == (2, "")
        assert none.stderr.startswith("Error: ")
        assert "nowhere is no saved model" in none.stderr
        for found in (some, none):
            assert "Traceback" not in found.stderr

    def test_reader_that_leaves(self, pictures, models, environment):
        """A pipe whose reader has gone ends the work without a word."""
        process = subprocess.Popen(
            [sys.executable, "-m", "agr", "predict", str(pictures), "--format", "jsonl", *models],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(60) != 0
