"""The README and the docstrings say what is so."""

import doctest
import importlib.util
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import agr
from agr.cli import app
from agr.datasets import read_any

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TRAINING = (ROOT / "docs" / "training.md").read_text()
TUNING = (ROOT / "docs" / "tuning.md").read_text()
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(agr.__path__, "agr.")
    if not name.startswith("agr.serve") and name != "agr.__main__"
]


@pytest.mark.parametrize("name", ["agr", *MODULES])
def test_examples_in_docstrings_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(import_module(name)).failed == 0


def test_examples_in_the_readme_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted >= 5
    assert result.failed == 0


def test_the_readmes_scores_are_those_of_the_benchmark():
    path = ROOT / "benchmarks" / "accuracy.py"
    spec = importlib.util.spec_from_file_location("accuracy", path)
    accuracy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(accuracy)
    table = accuracy.readme_table(pd.read_csv(ROOT / "benchmarks" / "results" / "accuracy.csv"))
    assert f"<!-- scores -->\n{table}\n<!-- end of scores -->" in README


def test_the_readmes_commands_and_options_exist():
    lines = re.findall(r"agr ([a-z]+) [^`\n#]*", README)
    assert {"predict", "train", "evaluate"} <= set(lines)
    for command, rest in re.findall(r"agr (predict|train|evaluate) ([^`\n#&]*)", README):
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in shown, f"agr {command} has no {option}"


def test_the_commands_for_tuning_exist():
    shown = CliRunner().invoke(app, ["tune", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"--[a-z][a-z-]+", TUNING))
    assert {"--only", "--resume", "--workers"} <= options
    for option in options:
        assert option in shown, f"agr tune has no {option}"


@pytest.mark.parametrize("name", ["training", "systems"])
def test_the_commands_for_training_exist(name):
    text = (ROOT / "docs" / f"{name}.md").read_text()
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200"}).output
    commands = re.findall(r"agr train ([^`\n]*)", text)
    assert commands
    for option in re.findall(r"--[a-z][a-z-]+", " ".join(commands)):
        assert option in shown, f"agr train has no {option}"


def test_the_examples_of_training_run(drawn_utkface, trained, tmp_path, monkeypatch):
    faces = read_any(drawn_utkface).table
    faces.to_csv(tmp_path / "faces.csv", index=False)
    for k in (1, 2):
        faces.iloc[k - 1 :: 2].to_csv(tmp_path / f"part-{k}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    trained["gender"].estimator.save("my-gender")
    balancing, going_on = re.findall(r"```python\n(.*?)```", TRAINING, re.DOTALL)
    found = {}
    exec(balancing.replace("Estimator()", "Estimator(epochs=1, network='tiny')"), found)
    assert len(found["weights"]) == len(found["train"])
    exec(going_on, found)
    assert len(found["model"].history_) == len(trained["gender"].estimator.history_) + 2
    assert (tmp_path / "my-gender-2" / "agr.json").is_file()


def test_the_example_of_tuning_runs(drawn_utkface, tmp_path, monkeypatch, capsys):
    read_any(drawn_utkface).table.to_csv(tmp_path / "faces.csv", index=False)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", TUNING, re.DOTALL)
    quick = code.replace("(epochs=6)", '(epochs=1, network="tiny", batch_size=16)')
    exec(quick.replace("trials=10", "trials=1"), {})
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"\{'dropout': .*, 'learning_rate': .*\} 1", last)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_the_readmes_links_lead_somewhere(target):
    assert (ROOT / target).exists()
