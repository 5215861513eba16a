"""The seeded attack of scripts/fuzz, with as many cases as a test run has time for."""

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "scripts" / "fuzz"


def attack(environment, *options):
    return subprocess.run(
        [sys.executable, HARNESS, *map(str, options)],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_nothing_foreign_slow_or_large_is_found(environment, tmp_path):
    for package in ("fastapi", "pillow_heif", "pyarrow"):
        pytest.importorskip(package, reason="the attack reaches into the extras")
    done = attack(environment, "--cases", 3000, "--table", tmp_path / "fuzz.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(",") for line in (tmp_path / "fuzz.csv").read_text().splitlines()[1:]]
    assert len(rows) == 10
    assert sum(int(row[2]) for row in rows) == pytest.approx(3000, abs=10)


@pytest.fixture(scope="module")
def done(environment):
    """Attack what is made to fail in every way."""
    return attack(environment, "--only", "faults", "--cases", 12, "--seed", 1)


def test_each_kind_of_fault_is_a_finding(done):
    assert done.returncode == 1
    assert "KeyError in targets.py" in done.stdout
    assert "the process ended with -6" in done.stdout
    assert "2.2 s of the processor" in done.stdout
    assert "no finding" not in done.stdout
    assert "cases 12 " in done.stdout


def test_a_case_can_be_repeated(environment, done):
    found = next(line for line in done.stdout.splitlines() if "KeyError" in line)
    case = found.split()[1].removesuffix(":")
    options = ("--only", "faults", "--seed", 1, "--first", case, "--cases", 1)
    assert found in attack(environment, *options).stdout.splitlines()
