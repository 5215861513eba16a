"""Writers that are killed at random moments: whatever bears its final name is whole.

Trainings, searches, videos and tables of predictions are killed where their other tests are.
"""

import csv
import subprocess
import sys

import pytest
from PIL import Image

from agr.core import artifact
from agr.runs.explore import write_report

linux = pytest.mark.skipif(sys.platform != "linux", reason="forks a process that is warm")

# Runs the work once to its end and prints the seconds that it took; then starts it again and again
# from the same warm process, and kills it at some moment of that time.
KILLER = """
import os, random, signal, sys, time

def kill(work, n, check=lambda: None):
    def begin(number):
        child = os.fork()
        if child == 0:
            try:
                work(number)
            finally:
                os._exit(0)
        return child

    start, chance = time.monotonic(), random.Random(0)
    os.waitpid(begin(0), 0)
    took = time.monotonic() - start
    for number in range(1, n + 1):
        child = begin(number)
        time.sleep(chance.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        check()
"""
EXPLORE = """
from agr.runs.explore import write_report
kill(lambda number: write_report(sys.argv[1], f"{sys.argv[2]}/{number}"), int(sys.argv[3]))
"""
# The name has the old model or the new one; between two renames, the old one lies beside it.
SAVE = """
from pathlib import Path
from agr.core import artifact

place = Path(sys.argv[2])

def save(number):
    for again in range(10):
        source = Path(sys.argv[1], ("old", "new")[again % 2])
        artifact.rewrite(source, place / "m", lambda *_: None, task="gender")

def check():
    kept = place / "m" if (place / "m").exists() else next(place.glob(".m-old-*/model"))
    manifest = artifact.read_manifest(kept, "gender")
    artifact.checked_file(kept, manifest, "model.keras")

kill(save, int(sys.argv[3]), check)
"""


@pytest.fixture
def kills(request):
    """Give how often something is killed."""
    return 20 if request.config.getoption("--slow") else 3


def run(environment, code, *arguments):
    command = [sys.executable, "-c", KILLER + code, *map(str, arguments)]
    subprocess.run(command, env=environment, check=True, timeout=300)


@pytest.fixture
def faces(tmp_path, faces_drawn):
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, pixels in enumerate(faces_drawn(12, seed=5)[0]):
        Image.fromarray(pixels).save(folder / f"{10 + i}_{i % 2}_{i % 5}_2017{i:03d}.png")
    return folder


def check_report(folder):
    """Check what a killed report left; gives whether it is finished."""
    shown = [path for path in folder.glob("*") if not path.name.startswith(".")]
    for path in shown:
        if path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".csv":
            with path.open(newline="") as stream:
                header, *rows = csv.reader(stream)
            assert rows and {len(row) for row in rows} == {len(header)}
        else:
            assert path.name == "index.html"
            assert path.read_text().rstrip().endswith(("</html>", "This report was not finished."))
    page = folder / "index.html"
    return page.is_file() and "not finished" not in page.read_text()


@linux
def test_explore(environment, faces, tmp_path, kills):
    pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
    reports = tmp_path / "reports"
    run(environment, EXPLORE, faces, reports, kills)
    assert check_report(reports / "0")
    begun = [folder for folder in sorted(reports.iterdir()) if folder.name != "0"]
    for folder in begun:
        check_report(folder)
    write_report(faces, begun[-1])  # what is left there keeps nobody from writing it again
    assert check_report(begun[-1])
    names = {path.name for path in (reports / "0").iterdir()}
    assert {p.name for p in begun[-1].iterdir() if not p.name.startswith(".")} == names


@linux
def test_save(environment, tmp_path, kills):
    manifest = {
        "task": "gender",
        "image_size": 16,
        "meaning": {"labels": ["female", "male"]},
        "calibration": {},
        "parameters": {},
        "history": [],
        "notes": {},
    }
    for name in ("old", "new"):
        with artifact.writing(tmp_path / name) as part:
            (part / "model.keras").write_text(name * 100_000)
            artifact.write_manifest(part, manifest)
    run(environment, SAVE, tmp_path, tmp_path / "places", 4 * kills)
