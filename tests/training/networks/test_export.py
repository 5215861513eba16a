import logging
import subprocess
import sys
import warnings

import numpy as np
import onnxruntime
import pytest

from agr.errors import ArtifactError
from agr.training.networks import build as networks
from agr.training.networks.export import export_by_tensorflow, export_onnx

X = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def answers(model):
    return model(X).numpy()


@pytest.mark.parametrize("n_outputs", [1, 3], ids=["years", "labels"])
def test_answers_alike_for_any_number_of_pictures(build, tmp_path, n_outputs):
    model = build(n_outputs=n_outputs)
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].type == "tensor(uint8)"
    for n in (1, 3):
        (found,) = session.run(None, {session.get_inputs()[0].name: X[:n]})
        np.testing.assert_allclose(found, answers(model)[:n], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "weights"), [("face_mobilenet", "auto"), ("efficientnet_v2_b0", None)]
)
def test_takes_pictures_and_nothing_else(build, tmp_path, network, weights):
    model = build(network, 32, weights=weights)
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, answers(model), atol=1e-5)


def test_memory_of_large_weights(environment, tmp_path):
    """The converter would copy these 59 MB some forty times."""
    code = (
        "import resource, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from agr.training.networks import build\n"
        "from agr.training.networks.export import export_onnx\n"
        "options = {'weights': None, 'dropout': 0.0, 'options': {'dense': [512]}}\n"
        "last = ('sigmoid', 1)\n"
        "model = build.build('imdb_wiki', 64, last_layer=last, task='gender', **options)\n"
        "model.predict_on_batch(np.zeros((1, 64, 64, 3), np.uint8))\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before = peak()\n"
        "export_onnx(model, Path(sys.argv[1]))\n"
        "print('GREW', peak() - before, model.count_params() * 4 / 2**20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.onnx")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    grew, weights = map(float, done.stdout.split("GREW")[1].split())
    assert weights > 50
    assert grew < 8 * weights


def test_leaves_the_warning_filters_alone(build, tmp_path):
    before = list(warnings.filters)
    export_onnx(build(), tmp_path / "m.onnx")
    assert warnings.filters == before


def test_steps_that_tf2onnx_skips_are_not_shown(tmp_path, caplog):
    """Of this network it cannot move the transpositions; the model is right without."""
    model = networks.build(
        "mobilenet_v3_small",
        32,
        weights=None,
        dropout=0.0,
        last_layer=("sigmoid", 1),
        task="gender",
    )
    logger = logging.getLogger("tf2onnx")
    before = logger.level
    export_onnx(model, tmp_path / "m.onnx")
    assert caplog.records == []
    assert logger.level == before


def test_by_tensorflow_writes_the_same(build, tmp_path):
    """In a process of its own, as for a network of another backend."""
    model = build()
    export_by_tensorflow(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, answers(model), atol=1e-5)


def test_networks_of_jax_are_written_by_tensorflow(build, tmp_path, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr(
        "agr.training.networks.export.BY_TENSORFLOW", "import a_tensorflow_that_is_not_here"
    )
    with pytest.raises(ArtifactError, match="No module named 'a_tensorflow_that_is_not_here'"):
        export_onnx(build(), tmp_path / "m.onnx")
