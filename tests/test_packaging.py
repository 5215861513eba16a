"""What setup.cfg names, and the wheel that is made of it."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import agr
from agr.errors import EXTRAS
from agr.tasks import TASKS

ROOT = Path(__file__).parents[1]
CONFIG = ConfigParser()
CONFIG.read(ROOT / "setup.cfg")
BASE = {"numpy", "onnxruntime", "pillow", "rich", "typer"}
# Needed although no line of agr imports them: by whom.
BEHIND = {
    "aiohttp": "fsspec",
    "gcsfs": "fsspec",
    "httptools": "uvicorn",
    "onnx": "tf2onnx",
    "s3fs": "fsspec",
    "tensorboard": "keras",
    "tensorflow": "keras",
    "tf2onnx": "keras",
}
SOURCES = list((ROOT / "agr").rglob("*.py"))


def listed(extra):
    """Name what an extra brings, with what the extras in it bring."""
    found = set()
    for line in CONFIG["options.extras_require"][extra].split("\n"):
        if line.strip():
            one = Requirement(line)
            found |= {canonicalize_name(one.name)} - {"agr-faces"}
            for other in one.extras if one.name == "agr-faces" else ():
                found |= listed(other)
    return found


def imported():
    """Name the distributions that agr imports."""
    names = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    homes = packages_distributions()
    names -= {*sys.stdlib_module_names, "agr"}
    return {canonicalize_name(home) for name in names for home in homes.get(name, [name])}


def test_a_plain_install_brings_what_a_prediction_needs_only():
    lines = CONFIG["options"]["install_requires"].split()
    assert {Requirement(line).name for line in lines} == BASE


def test_each_extra_is_worded():
    assert set(EXTRAS) == set(CONFIG["options.extras_require"]) - {"all", "dev", "docs"}


def test_all_brings_every_extra():
    every = set.union(*(listed(extra) for extra in EXTRAS))
    assert listed("all") == every
    assert every < listed("dev")


def test_what_is_required_is_what_is_imported():
    """starlette and pydantic are fastapi's own, markupsafe is jinja2's; grpc comes as grpcio."""
    found, required = imported(), BASE | listed("all")
    assert found - required == {"markupsafe", "pydantic", "starlette"}
    assert required - found <= set(BEHIND)


def test_keras_tuner_has_an_upper_bound():
    """Private methods of it are overridden."""
    (line,) = [
        line
        for line in CONFIG["options.extras_require"]["train"].split()
        if line.startswith("keras-tuner")
    ]
    assert "<" in line


def copy(folder):
    """Copy what a wheel is made of, and the script that makes it."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, folder)
    for name in ("agr", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Build twice: in other folders, from files of other dates and rights, under another umask."""
    made = []
    for number, (umask, rights) in enumerate(((0o022, 0o644), (0o077, 0o600))):
        folder = tmp_path_factory.mktemp(f"checkout{number}")
        copy(folder)
        for path in (p for p in folder.rglob("*") if p.parent.name != "scripts" and p.is_file()):
            path.chmod(rights)
            os.utime(path, (1_600_000_000 + 9999 * number,) * 2)
        done = subprocess.run(
            [folder / "scripts" / "build", "--no-isolation"],
            env={**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"},
            umask=umask,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        made += (folder / "dist").glob("*.whl")
    return made


def test_wheel_is_the_same_byte_for_byte(wheels):
    one, other = (hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels)
    assert one == other


def test_wheel_holds_what_runs_and_no_more(wheels):
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
    code = {str(path.relative_to(ROOT)) for path in SOURCES}
    assert code < names
    others = {name for name in names - code if not name.startswith("agr_faces-")}
    assert "agr/py.typed" in others
    for task in TASKS:
        kept = {f"agr/{task}/pretrained/{name}" for name in ("agr.json", "model.keras")}
        assert {*kept, f"agr/{task}/pretrained/model.onnx"} <= others
    tracked = subprocess.run(
        ["git", "ls-files", "agr"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert others <= set(tracked.stdout.split("\n"))


def test_metadata_is_complete(wheels):
    with zipfile.ZipFile(wheels[0]) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        found = message_from_bytes(wheel.read(name))
    assert (found["Name"], found["Version"]) == ("agr-faces", agr.__version__)
    assert found["Summary"] and found["Author"] and found["Keywords"]
    assert found["License-Expression"] == "Apache-2.0"
    assert found["License-File"] == "LICENSE"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in found.get_all("Classifier")
    assert set(found.get_all("Provides-Extra")) == {*EXTRAS, "all", "dev", "docs"}
