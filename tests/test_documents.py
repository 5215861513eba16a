"""The documents say what is so: their code runs, their commands are understood, the site builds."""

import doctest
import importlib.util
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image

import agr
from agr.cli import app
from agr.datasets import read_any
from agr.tasks import TASKS

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = {
    name: [code for language, code in BLOCK.findall(text) if language == "python"]
    for name, text in DOCUMENTS.items()
}
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(agr.__path__, "agr.")
    if not name.startswith("agr.serve") and name != "agr.__main__"
]
TRAINS = "docs/tutorial/train.md"
SERVES = "docs/how-to/call-the-service.md"
# So that a test takes seconds: what a training of a few drawn faces is given instead.
QUICK = {"network": "tiny", "image_size": 16, "epochs": 1, "batch_size": 16}


def commands():
    """Give each line of a document that calls agr, with the document's name."""
    for name, text in DOCUMENTS.items():
        for language, code in BLOCK.findall(text):
            if language:
                continue
            for line in re.split(r"\n|&&", code.replace("\\\n", " ")):
                words = shlex.split(line, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words[:1] == ["agr"]:
                    yield pytest.param(words[1:], id=f"{name}: {' '.join(words)}")


@pytest.mark.parametrize("name", ["agr", *MODULES])
def test_examples_in_docstrings_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(import_module(name)).failed == 0


@pytest.fixture
def desk(drawn_utkface, trained, tmp_path, monkeypatch):
    """Work in a folder that holds what the documents speak of; train small networks shortly."""
    for name in ("examples", "photos"):
        (tmp_path / name).symlink_to(ROOT / "examples")
    faces = read_any(drawn_utkface).table
    faces.to_csv(tmp_path / "faces.csv", index=False)
    for k in (1, 2):
        faces.iloc[k - 1 :: 2].to_csv(tmp_path / f"part-{k}.csv", index=False)
    own = {"file_name": faces["path"], "Sex": faces["gender"].str[0].str.upper()}
    pd.DataFrame(own).to_csv(tmp_path / "people.csv", index=False)
    shutil.copytree(trained["gender"].folder, tmp_path / "my-gender")
    for task in TASKS:
        defaults = TASKS[task].load_estimator().__init__.__kwdefaults__
        for parameter, value in QUICK.items():
            monkeypatch.setitem(defaults, parameter, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(blocks):
    """Run blocks of one document one after another; give their names."""
    found = {}
    for code in blocks:
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, found, "block", None, 0)
            runner = doctest.DocTestRunner()
            assert runner.run(test, clear_globs=False).failed == 0
            found = test.globs
        else:
            exec(compile(code, "block", "exec"), found)
    return found


class TestCode:
    @pytest.mark.parametrize(
        "name", [n for n, blocks in CODE.items() if blocks and n not in (TRAINS, SERVES)]
    )
    def test_runs(self, name, desk):
        if "film.mp4" in DOCUMENTS[name]:
            pytest.importorskip("av", reason="videos need the extra video")
            write_film(desk / "film.mp4")
        blocks = [code for code in CODE[name] if code not in CODE[TRAINS]]  # those run below
        quick = blocks
        for long, short in (
            ("epochs=6", "epochs=1"),
            ("epochs=2", "epochs=1"),
            ("trials=10", "trials=1"),
        ):
            quick = [code.replace(long, short) for code in quick]
        run(quick)
        for folder in re.findall(r'\.save\("(.*?)"\)', "".join(blocks)):
            assert (desk / folder / "agr.json").is_file()

    def test_of_the_tutorial_compares_two_models(self, desk, capsys):
        shutil.rmtree(desk / "my-gender")
        found = run(CODE[TRAINS])
        assert found["model"].network == "tiny"
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines[-2:]] == ["bundled", "mine"]
        with Image.open("examples/portrait.jpg") as photo:
            assert found["predictor"].predict(photo).gender in ("female", "male")

    def test_of_the_readme_is_that_of_the_tutorial(self):
        (training,) = [code for code in CODE["README.md"] if ".fit(" in code]
        assert training in CODE[TRAINS]

    def test_calls_a_service(self, desk, environment, capsys):
        pytest.importorskip("fastapi", reason="the service needs the extra serve")
        port = free_port()
        command = [sys.executable, "-m", "agr", "serve", "--port", str(port)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as service:
            try:
                wait_for(f"http://127.0.0.1:{port}/health", service)
                run([code.replace(":8000", f":{port}") for code in CODE[SERVES]])
            finally:
                service.terminate()
        name, years = capsys.readouterr().out.split()
        assert name == "portrait.jpg"
        assert 20 < float(years) < 48


def write_film(path):
    """Write five frames with a face."""
    import av

    with Image.open("examples/portrait.jpg") as photo:
        frame = av.VideoFrame.from_ndarray(np.asarray(photo.resize((256, 256))))
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for frame.pts in range(5):
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process):
    """Wait until the service is well."""
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.25)
    pytest.fail("the service did not start within a minute")


class TestCommands:
    def test_are_found(self):
        names = {words.values[0][0] for words in commands()}
        assert names >= {"predict", "annotate", "train", "tune", "evaluate", "explore", "video"}

    @pytest.mark.parametrize("words", list(commands()))
    def test_is_understood(self, words):
        group = typer.main.get_command(app)
        command = group.commands[words[0]]
        with command.make_context(words[0], words[1:]) as context:  # which runs nothing
            assert context.params

    @pytest.mark.parametrize(
        "extra", sorted(set(re.findall(r'"\.\[([a-z,]+)\]"', "".join(DOCUMENTS.values()))))
    )
    def test_extra_exists(self, extra):
        from configparser import ConfigParser

        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        assert set(extra.split(",")) <= set(setup["options.extras_require"])


@pytest.fixture(scope="module")
def tables():
    """Give the tables that the benchmark writes, by document and mark."""
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
    accuracy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(accuracy)
    results = ROOT / "benchmarks" / "results"
    return accuracy.documents(
        pd.read_csv(results / "accuracy.csv"), pd.read_csv(results / "peers.csv")
    )


class TestScores:
    @pytest.mark.parametrize(
        ("document", "name"),
        [
            ("README.md", "scores"),
            ("docs/explanation/accuracy.md", "scores"),
            ("docs/explanation/accuracy.md", "peers"),
        ],
    )
    def test_are_those_of_the_benchmark(self, document, name, tables):
        table = tables[document][name]
        assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in DOCUMENTS[document]

    def test_the_readmes_table_is_short(self, tables):
        assert len(tables["README.md"]["scores"].splitlines()) <= 2 + 6


class TestReadme:
    def test_is_short(self):
        assert len(DOCUMENTS["README.md"].splitlines()) <= 150

    @pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
    def test_links_lead_somewhere(self, document):
        text = DOCUMENTS[document]
        targets = set(re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text))
        assert targets
        for target in ("".join(pair) for pair in targets):
            assert (ROOT / target).exists(), target


@pytest.fixture(scope="module")
def site(tmp_path_factory, environment):
    """Build the site; what it warns of is an error."""
    for package in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f'{package} is not installed: pip install "agr-faces[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**environment, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


class TestSite:
    def test_asks_no_other_server(self, site):
        loads = r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=\"?(?:https?:)?//[^\s>]+"
        for page in site.glob("**/*.html"):
            assert not re.search(loads, page.read_text()), page.name

    def test_reference_shows_composed_docstrings(self, site):
        text = (site / "reference" / "estimators.html").read_text()
        assert "{shared}" not in text
        assert "AgeEstimator.predict_interval" in text
        assert text.count("How the learning rate falls") == 3  # once an estimator

    def test_reference_shows_every_command(self, site):
        text = (site / "reference" / "commands.html").read_text()
        for name in typer.main.get_command(app).commands:
            assert f"agr {name}" in text
        assert "--overwrite" in text

    def test_every_page_is_in_the_navigation(self, site):
        front = (site / "index.html").read_text()
        for name in DOCUMENTS:
            if name.startswith("docs/"):
                page = os.path.relpath(name, "docs").replace(".md", ".html")
                assert f'href="{page}"' in front, page
