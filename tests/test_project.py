"""Files that others read: versions agree, and nothing points at a place that only we can reach."""

import re
from pathlib import Path

import pytest
import yaml

import agr

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_citation_names_the_version():
    assert CITATION["version"] == agr.__version__
    assert CITATION["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors", "type"} <= set(CITATION)


@pytest.mark.parametrize("form", FORMS, ids=[form.stem for form in FORMS])
def test_issue_form_is_complete(form):
    found = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert found == {"blank_issues_enabled": True}
        return
    assert found["name"] and found["description"]
    fields = [part for part in found["body"] if part["type"] != "markdown"]
    assert fields and all(part["id"] and part["attributes"]["label"] for part in fields)


def test_pre_commit_calls_what_the_check_calls():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    check = (ROOT / "scripts/check").read_text().replace('"', "")
    tool = r"bin/(ruff \w+|mypy)"
    assert [re.search(tool, entry)[1] for entry in hooks] == re.findall(rf"^\S+{tool}", check, re.M)


def test_lowest_python_is_the_same_everywhere():
    setup, project = ((ROOT / name).read_text() for name in ("setup.cfg", "pyproject.toml"))
    (lowest,) = re.findall(r"python_requires = >=(\S+)", setup)
    assert f'python_version = "{lowest}"' in project
    assert f'target-version = "py{lowest.replace(".", "")}"' in project
    assert f"Programming Language :: Python :: {lowest}\n" in setup
