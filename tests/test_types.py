"""What a type checker tells a user of the installed package."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import agr

PACKAGE = Path(agr.__file__).parent
REVEALED = {  # a user's expression, and the type that mypy gives it
    # predictor = Predictor()
    'predictor.predict("a.jpg")': "Face",
    'predictor.predict(["a.jpg", "b.jpg"])': "list[Face]",
    'predictor.predict_photo("a.jpg")': "list[Face]",
    'predictor.predict_photo(["a.jpg", "b.jpg"])': "list[list[Face]]",
    'predictor.stream(["a.jpg"])': "Iterator[Face]",
    # one = predictor.predict("a.jpg")
    "one.age": "float | None",
    "one.age_interval": "tuple[float, float] | None",
    "one.gender": "str | None",
    "one.race_probabilities": "dict[str, float] | None",
    "one.error": "str | None",
    "Face().box": "tuple[float, float, float, float] | None",
    # age, gender, race = AgeEstimator(epochs=1), ...
    "age.predict(X)": "ndarray[tuple[Any, ...], dtype[float64]]",
    "age.fit(X, [30, 40]).evaluate(X, [30, 40]).overall": "dict[str, float]",
    "gender.predict(X)": "ndarray[tuple[Any, ...], dtype[str_]]",
    "gender.predict_proba(X)": "ndarray[tuple[Any, ...], dtype[floating[_32Bit]]]",
    "race.predict_proba(X)": "ndarray[tuple[Any, ...], dtype[floating[_32Bit]]]",
    **{
        f"{name}{call}": f"{name.title()}Estimator"
        for name in ("age", "gender", "race")
        for call in (
            "",
            ".fit(X, y, validation_data=(X, y))",
            ".partial_fit(X, y)",
            ".tune(X, y, trials=3)",
            ".calibrate(X, y)",
            ".load('folder')",
            ".from_pretrained()",
        )
    },
    **{f"{name}.save('folder')": "None" for name in ("age", "gender", "race")},
}
SNIPPET = """
from agr import AgeEstimator, Face, GenderEstimator, Predictor, RaceEstimator

predictor = Predictor()
one = predictor.predict("a.jpg")
age, gender, race = AgeEstimator(epochs=1), GenderEstimator(epochs=1), RaceEstimator(epochs=1)
X, y = ["a.jpg", "b.jpg"], ["30", "40"]
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    """Give a function that runs mypy --strict on code beside an installed agr."""
    folder = tmp_path_factory.mktemp("user")
    venv.create(folder / "venv", with_pip=False)
    bin = "Scripts" if sys.platform == "win32" else "bin"
    (site,) = (folder / "venv").rglob("site-packages")
    shutil.copytree(PACKAGE, site / "agr", ignore=shutil.ignore_patterns("__pycache__", "*.*[xz]"))
    # What agr imports lies where the tests' own packages are.
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    own = folder / "venv" / bin / "python"

    def run(code):
        (folder / "snippet.py").write_text(code)
        words = ["--strict", "--config-file=", "--python-executable", own, "snippet.py"]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *words], cwd=folder, capture_output=True, text=True
        )
        return done.stdout

    return run


@pytest.fixture(scope="module")
def revealed(check):
    said = check(SNIPPET + "".join(f"reveal_type({expression})\n" for expression in REVEALED))
    assert "error" not in said
    types = re.findall(r'Revealed type is "(.*)"', said)
    assert len(types) == len(REVEALED), said
    # Names without their modules.
    return {
        expression: re.sub(r"\b(?:\w+\.)+(?=\w)", "", found)
        for expression, found in zip(REVEALED, types, strict=True)
    }


@pytest.mark.parametrize(("expression", "expected"), REVEALED.items(), ids=REVEALED)
def test_type(revealed, expression, expected):
    assert revealed[expression] == expected


def test_wrong_parameter_is_found(check):
    said = check('from agr import GenderEstimator\nGenderEstimator(epochs="two")\n')
    assert 'Argument "epochs" to "GenderEstimator" has incompatible type "str"' in said


def test_unknown_name_is_found(check):
    assert 'has no attribute "Estimator"' in check("from agr import Estimator\n")
