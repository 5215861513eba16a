"""The notebooks run from top to bottom, and are stored without their results."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="the extra dev is not installed")
nbclient = pytest.importorskip("nbclient", reason="the extra dev is not installed")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: path for path in sorted(ROOT.glob("notebooks/*.ipynb"))}
INLINE = "module://matplotlib_inline.backend_inline"  # whatever the tests themselves draw with


@pytest.fixture
def execute(monkeypatch, environment):
    """Give a function that runs a notebook where it lies, and returns what its cells show."""
    for name, value in {**environment, "MPLBACKEND": INLINE}.items():
        monkeypatch.setitem(os.environ, name, value)

    def run(name):
        notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
        resources = {"metadata": {"path": str(NOTEBOOKS[name].parent)}}
        nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
        outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
        assert [out["text"] for out in outputs if out.get("name") == "stderr"] == []
        assert "ipywidgets" not in str(outputs)
        return outputs

    return run


def texts(outputs):
    """Give what the cells show, as text."""
    return [out["data"]["text/plain"] for out in outputs if "data" in out]


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_is_stored_without_results(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_first_steps(execute):
    outputs = execute("first-steps")
    pictures = [out["data"]["image/png"] for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures[0]) > 100_000
    assert "missing.jpg" in texts(outputs)[-1]


def test_train_and_compare(execute):
    outputs = execute("train-and-compare")
    (scores,) = [text for text in texts(outputs) if "camera=bright" in text]
    small = {line.split()[0]: line.split()[1] for line in scores.splitlines()[1:]}
    assert float(small["all"]) > 0.7
    assert float(small["camera=bright"]) > float(small["camera=dim"])
    assert small["worst"] == "camera=dim"
    assert texts(outputs)[-1].startswith("<Face: ")
