import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agr.core import artifact
from agr.core.engine import Engine, resolve
from agr.errors import ArtifactError, MissingExtraError, ParameterError


@pytest.fixture(scope="module")
def engine(trained):
    return Engine(trained["race"].folder, "race")


def test_holds_size_and_manifest(engine):
    assert engine.image_size == 16
    assert engine.manifest["task"] == "race"


@pytest.mark.parametrize("n", [1, 2, 33])
def test_any_number_of_pictures(engine, n):
    images = np.random.default_rng(n).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
    found = engine(images)
    assert found.shape == (n, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found[:1], engine(images[:1]), atol=1e-5)


@pytest.mark.parametrize("name", ["openvino", "keras"])
@pytest.mark.parametrize("task", ["age", "gender", "race"])
def test_engines_agree(trained, name, task, tmp_path, monkeypatch):
    if name == "openvino":
        pytest.importorskip("openvino", reason="the extra agr-faces[openvino] is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    images = trained[task].X_test[:, :16, :16]
    expected = Engine(trained[task].folder, task)(images)
    found = Engine(trained[task].folder, task, engine=name)(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.dtype == np.float32


def test_several_threads_ask_keras(trained):
    images = trained["race"].X_test[:8, :16, :16]
    engine = Engine(trained["race"].folder, "race", engine="keras")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(engine, [images] * 8):
            np.testing.assert_array_equal(found, engine(images))


class TestChoice:
    def test_auto(self, monkeypatch):
        monkeypatch.setattr("agr.core.engine.find_spec", lambda name: name == "openvino")
        assert resolve("auto") == "openvino"
        assert resolve("auto", "cuda") == "onnxruntime"
        monkeypatch.setattr("agr.core.engine.find_spec", lambda name: None)
        assert resolve("auto") == "onnxruntime"

    def test_unknown_engine(self, trained):
        with pytest.raises(ParameterError, match="Did you mean 'openvino'"):
            Engine(trained["race"].folder, "race", engine="openvno")

    @pytest.mark.parametrize("name", ["onnxruntime", "keras"])
    def test_unknown_device(self, trained, name):
        with pytest.raises(ParameterError, match="device must be one of 'cpu.*got 'warp'"):
            Engine(trained["race"].folder, "race", engine=name, device="warp")

    def test_keras_is_absent(self, trained, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras", None)
        with pytest.raises(MissingExtraError, match="pip install"):
            Engine(trained["race"].folder, "race", engine="keras")


def test_keras_file_is_not_needed_and_not_read(trained, tmp_path):
    folder = shutil.copytree(trained["race"].folder, tmp_path / "m")
    (folder / "model.keras").unlink()
    Engine(folder, "race")


def test_no_onnx_in_the_file(trained, tmp_path):
    folder = shutil.copytree(trained["race"].folder, tmp_path / "m")
    (folder / "model.onnx").write_bytes(b"no network")
    artifact.write_manifest(folder, json.loads((folder / "agr.json").read_text()))
    with pytest.raises(ArtifactError, match="model.onnx cannot be opened by ONNX Runtime"):
        Engine(folder, "race")
