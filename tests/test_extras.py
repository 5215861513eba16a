"""A plain install: what works with the base requirements alone, and what the rest says.

Where the packages of extras are installed, fresh processes are kept from finding them. CI runs this
file in a plain install too, where nothing is hidden and pytest is all that was added:

    pytest --noconftest tests/test_extras.py

With the extra ``serve`` added, ``-k service`` runs there.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import agr

ROOT = Path(__file__).parents[1]
FACE = ROOT / "examples/astronaut.jpg"
PLAIN = find_spec("tensorflow") is None
# What the extras bring, by the name that code imports; test_requirements.py holds this true.
BROUGHT = {
    "aiohttp",
    "av",
    "cleanlab",
    "fastapi",
    "fsspec",
    "gcsfs",
    "grpc",
    "h5py",
    "httptools",
    "imblearn",
    "jinja2",
    "keras",
    "keras_tuner",
    "matplotlib",
    "mtcnn",
    "onnx",
    "openvino",
    "pandas",
    "pillow_heif",
    "prometheus_client",
    "pyarrow",
    "python_multipart",
    "s3fs",
    "scipy",
    "sklearn",
    "starlette",
    "tensorboard",
    "tensorflow",
    "tf2onnx",
    "uvicorn",
}
HIDE = """
import sys
from importlib.machinery import PathFinder
class Hidden:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in {names!r} and top not in {but!r}:
            return None
        return PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Hidden() if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """Run everything where no source tree stands before what is installed."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """Give a function that makes an environment without the extras' packages, but for some."""

    def environment(*but):
        folder = tmp_path_factory.mktemp("hidden")
        if not PLAIN:
            hide = HIDE.format(names=sorted(BROUGHT), but=but)
            (folder / "sitecustomize.py").write_text(hide)
        paths = [str(folder), str(Path(agr.__file__).parents[1])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    return environment


@pytest.fixture(scope="module")
def python(hidden):
    """Give a function that runs Python in a plain install."""
    plain = hidden()

    def run(*words, env=plain):
        return subprocess.run(
            [sys.executable, *map(str, words)],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture(scope="module")
def command(python):
    """Give a function that runs the command line in a plain install."""
    return lambda *words: python("-m", "agr", *words)


@pytest.mark.skipif(not PLAIN, reason="this environment is no plain install")
def test_extras_are_absent():
    assert [name for name in sorted(BROUGHT) if find_spec(name)] == []


class TestWorks:
    @pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
    def test_predict(self, command, tmp_path, form):
        shutil.copy(FACE, tmp_path)
        done = command("predict", tmp_path, "--format", form, "--faces", "detect")
        assert (done.returncode, done.stderr) == (0, "")
        assert "astronaut.jpg" in done.stdout and "white" in done.stdout

    def test_annotate(self, command, tmp_path):
        done = command("annotate", FACE, "--output", tmp_path / "labelled.jpg")
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
        assert (tmp_path / "labelled.jpg").stat().st_size > 1000

    @pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
    def test_help(self, command, words):
        assert command(*words).returncode == 0

    def test_networks(self, command):
        done = command("networks")
        assert (done.returncode, done.stderr) == (0, "")
        assert "face_mobilenet" in done.stdout

    def test_predictor(self, python):
        code = (
            "import json, sys, agr\n"
            "predictor, face = agr.Predictor(), sys.argv[1]\n"
            "one, photo = predictor.predict(face), predictor.predict_photo(face)\n"
            "print(json.dumps([one.race, len(photo), photo[0].race]))"
        )
        done = python("-c", code, FACE)
        assert done.stderr == ""
        assert json.loads(done.stdout) == ["white", 1, "white"]


SERVE = (
    "fastapi",
    "httptools",
    "prometheus_client",
    "python_multipart",
    "starlette",
    "uvicorn",
)


@pytest.mark.skipif(not find_spec("uvicorn"), reason="needs the extra serve")
def test_service(hidden):
    """With that extra alone, a picture that is sent is answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "agr", "serve", "--port", str(port)]
    process = subprocess.Popen(words, env=hidden(*SERVE), stderr=subprocess.PIPE, text=True)
    head = (
        '--limit\r\nContent-Disposition: form-data; name="images"; filename="face.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/predict",
        head.encode() + FACE.read_bytes() + b"\r\n--limit--\r\n",
        {"Content-Type": "multipart/form-data; boundary=limit"},
    )
    try:
        for line in process.stderr:
            if "running on" in line:
                break
        with urllib.request.urlopen(request, timeout=30) as reply:
            (row,) = json.load(reply)["results"]
    finally:
        process.terminate()
        said = process.communicate(timeout=30)[1]
    assert (row["race"], row["error"]) == ("white", None), said


COMMANDS = {  # what each says in a plain install
    "train": (["train", "gender", "--data", ".", "--output", "new"], "train"),
    "tune": (["tune", "gender", "--data", ".", "--output", "new"], "train"),
    "evaluate": (["evaluate", "gender", "--data", "."], "train"),
    "explore": (["explore", ".", "--output", "new"], "plots"),
    "video": (["video", "film.mp4", "--table", "new.csv"], "video"),
    "serve": (["serve", "--port", "0"], "serve"),
    "parquet": (["predict", FACE, "--format", "parquet", "--output", "new"], "parquet"),
    "engine-keras": (["predict", FACE, "--engine", "keras"], "train"),
    "engine-openvino": (["predict", FACE, "--engine", "openvino"], "openvino"),
    "cloud": (["predict", "s3://bucket/face.jpg"], "cloud"),
    "mtcnn": (["predict", FACE, "--faces", "detect", "--detector", "mtcnn"], "detect"),
}


@pytest.mark.parametrize(("words", "extra"), COMMANDS.values(), ids=COMMANDS)
def test_command_says_what_to_install(command, tmp_path, words, extra):
    done = command(*words)
    assert done.returncode == 2
    said = rf'Error: .* needs? \w+: pip install "agr-faces\[{extra}\]"\n'
    assert re.fullmatch(said, done.stderr), done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


IMPORTS = {  # what Python says in a plain install
    "from agr import AgeEstimator": "train",
    "from agr import GenderEstimator": "train",
    "from agr import RaceEstimator": "train",
    "from agr.age import AgeEstimator": "train",
    "from agr.gender import GenderEstimator": "train",
    "from agr.race import RaceEstimator": "train",
    "from agr.tasks import TASKS; TASKS['age'].load_estimator()": "train",
    "from agr.datasets import fairface": "train",
    "from agr.datasets import imdb_wiki": "train",
    "from agr.datasets import read_any": "train",
    "from agr.datasets import table": "train",
    "from agr.datasets import utkface": "train",
    "from agr.evaluation.metrics import summary": "train",
    "from agr import plots": "plots",
    "from agr.report.page import Page": "plots",
    "from agr.video import People": "video",
}


@pytest.mark.parametrize(("code", "extra"), IMPORTS.items(), ids=IMPORTS)
def test_import_says_what_to_install(python, code, extra):
    done = python("-c", code)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    said = rf'agr\.errors\.MissingExtraError: .* needs? \w+: pip install "agr-faces\[{extra}\]"'
    assert re.fullmatch(said, last), done.stderr


@pytest.mark.skipif(PLAIN, reason="needs packages of extras")
class TestHalfInstalled:
    """What another extra brought is not enough."""

    PLOTS = ("matplotlib", "pandas", "scipy", "sklearn")

    def test_training_with_plots_only(self, python, hidden):
        code = "import agr; agr.AgeEstimator"
        done = python("-c", code, env=hidden(*self.PLOTS))
        said = 'Training, tuning and evaluation need keras: pip install "agr-faces[train]"'
        assert done.stderr.splitlines()[-1] == f"agr.errors.MissingExtraError: {said}"

    def test_plots_are_enough_to_explore(self, python, hidden, tmp_path):
        rng = np.random.default_rng(0)
        (tmp_path / "faces").mkdir()
        for i in range(24):
            pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"faces/{i + 3}_{i % 2}_{i % 5}_{i}.png")
        words = ["-m", "agr", "explore", "faces", "--output", "report"]
        done = python(*words, env=hidden(*self.PLOTS, "jinja2"))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert (tmp_path / "report" / "index.html").is_file()

    def test_videos_need_their_extra_alone(self, python, hidden, tmp_path):
        import av

        with av.open(str(tmp_path / "film.mp4"), "w") as film:
            stream = film.add_stream("mpeg4", rate=5)
            stream.width = stream.height = 64
            for shade in (0, 80, 160):
                pixels = np.full((64, 64, 3), shade, np.uint8)
                film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
            film.mux(stream.encode())
        words = ["-m", "agr", "video", "film.mp4", "--table", "rows.csv"]
        done = python(*words, env=hidden("av", "scipy"))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "0 people in 3 frames of film.mp4\n"

    def test_command_where_nobody_worded_it(self, python, hidden):
        """TensorFlow is missing behind a keras that is there."""
        code = "from agr.cli.console import errors\nwith errors():\n    import keras"
        done = python("-c", code, env=hidden(*self.PLOTS, "keras", "h5py"))
        said = 'Training, tuning and evaluation need tensorflow: pip install "agr-faces[train]"'
        assert done.stderr.splitlines()[0] == f"Error: {said}"
