import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest

from agr.core import artifact
from agr.core.images import read_image, resize
from agr.engines.engine import _ELSEWHERE, Engine, resolve
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


@pytest.mark.real
@pytest.mark.parametrize("task", ["age", "gender", "race"])
def test_engines_agree_about_real_faces(utkface_dir, task, tmp_path, monkeypatch):
    """Between the engines int8 rounds at other places: by about as much as it is off from float."""
    pytest.importorskip("openvino", reason="the extra agr-faces[openvino] is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = f"agr/{task}/pretrained"
    one, other = Engine(folder, task), Engine(folder, task, engine="openvino")
    paths = sorted(utkface_dir.glob("*.jpg"))[::40]
    images = np.stack([resize(read_image(path), one.image_size) for path in paths])
    expected, found = one(images), other(images)
    assert abs(found - expected).mean() < 0.003
    if task == "age":
        years = np.arange(expected.shape[1])
        assert abs((found - expected) @ years).mean() < 0.1
    else:
        same = found.argmax(axis=1) == expected.argmax(axis=1)
        assert same.mean() >= {"gender": 0.998, "race": 0.985}[task]


def test_several_threads_ask_keras(trained):
    images = trained["race"].X_test[:8, :16, :16]
    engine = Engine(trained["race"].folder, "race", engine="keras")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(engine, [images] * 8):
            np.testing.assert_array_equal(found, engine(images))


class TestChoice:
    def test_auto(self, monkeypatch):
        monkeypatch.setattr("agr.engines.engine.find_spec", lambda name: name == "openvino")
        assert resolve("auto") == "openvino"
        assert resolve("auto", "cuda") == "onnxruntime"
        monkeypatch.setattr("agr.engines.engine.find_spec", lambda name: None)
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


class TestStrangersNetwork:
    """A sealed network that is none of ours ends in an ArtifactError when it is opened."""

    def save(self, model, folder, external=False):
        """Put a network into a copy of the race model and seal it."""
        if isinstance(model, bytes):
            (folder / "model.onnx").write_bytes(model)
        else:
            onnx.save(model, folder / "model.onnx", save_as_external_data=external,
                      location="weights.bin", size_threshold=0)  # fmt: skip
        artifact.write_manifest(folder, json.loads((folder / "agr.json").read_text()))

    def network(self, nodes, *, kind=onnx.TensorProto.UINT8, shape=(None, 16, 16, 3), weights=()):
        image = onnx.helper.make_tensor_value_info("image", kind, shape)
        found = onnx.helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, None)
        graph = onnx.helper.make_graph(nodes, "g", [image], [found], list(weights))
        return onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
        )

    def constant(self, row):
        """Give the network that says the same of every picture."""
        node = onnx.helper.make_node
        n = len(row)
        weights = [
            onnx.numpy_helper.from_array(np.zeros((3, n), np.float32), "w"),
            onnx.numpy_helper.from_array(np.array(row, np.float32), "b"),
        ]
        nodes = [
            node("Cast", ["image"], ["x"], to=onnx.TensorProto.FLOAT),
            node("ReduceMean", ["x"], ["m"], axes=[1, 2], keepdims=0),
            node("Gemm", ["m", "w", "b"], ["found"]),
        ]
        return self.network(nodes, weights=weights)

    @pytest.fixture
    def folder(self, trained, tmp_path):
        return shutil.copytree(trained["race"].folder, tmp_path / "m")

    def test_a_small_one_that_fits_is_opened(self, folder):
        self.save(self.constant([0.2] * 5), folder)
        engine = Engine(folder, "race")
        np.testing.assert_allclose(engine(np.zeros((3, 16, 16, 3), np.uint8)), 0.2, atol=1e-6)
        np.testing.assert_allclose(engine.trial, [[0.2] * 5], atol=1e-6)

    @pytest.mark.parametrize(
        "row",
        [[float("nan")] * 5, [float("inf"), 0, 0, 0, 0], [0.5, 0.5], [1.0] * 5, [2, -1, 0, 0, 0]],
        ids=["nan", "infinite", "too-few", "sum", "negative"],
    )
    def test_what_it_says_must_be_probabilities(self, folder, row):
        self.save(self.constant(row), folder)
        with pytest.raises(ArtifactError, match="model.onnx must give 5 numbers"):
            Engine(folder, "race")

    @pytest.mark.parametrize("side", [8, 32])
    def test_pictures_of_another_size(self, folder, side):
        cast = onnx.helper.make_node("Cast", ["image"], ["found"], to=onnx.TensorProto.FLOAT)
        self.save(self.network([cast], shape=(None, side, side, 3)), folder)
        with pytest.raises(ArtifactError, match="model.onnx fails at its work"):
            Engine(folder, "race")

    def test_pictures_of_another_type(self, folder):
        same = onnx.helper.make_node("Identity", ["image"], ["found"])
        self.save(self.network([same], kind=onnx.TensorProto.FLOAT), folder)
        with pytest.raises(ArtifactError, match="model.onnx fails at its work"):
            Engine(folder, "race")

    def test_two_outputs(self, folder):
        model = self.constant([0.2] * 5)
        model.graph.output.append(
            onnx.helper.make_tensor_value_info("m", onnx.TensorProto.FLOAT, None)
        )
        self.save(model, folder)
        with pytest.raises(ArtifactError, match="model.onnx fails at its work"):
            Engine(folder, "race")

    def test_no_input(self, folder):
        model = self.constant([0.2] * 5)
        del model.graph.input[:]
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(np.zeros((1, 16, 16, 3), np.uint8), "image")
        )
        self.save(model, folder)
        with pytest.raises(ArtifactError, match="model.onnx cannot be opened"):
            Engine(folder, "race")

    def test_weights_in_another_file(self, folder):
        self.save(self.constant([0.2] * 5), folder, external=True)
        assert (folder / "weights.bin").is_file()
        with pytest.raises(ArtifactError, match="has weights in another file"):
            Engine(folder, "race")

    def test_weights_in_a_file_of_the_system(self, folder):
        model = self.constant([0.2] * 5)
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")
        data = model.SerializeToString()
        self.save(data, folder)
        with pytest.raises(ArtifactError, match="has weights in another file"):
            Engine(folder, "race")
        # Protobuf reads the same from a length written in two bytes instead of one.
        key = b"\x0a\x08location"
        assert data.count(key) == 1
        # The entries around it grow by a byte, so that only the pattern is compared here.
        assert _ELSEWHERE.search(b"\x0a\x88\x00location")
        assert _ELSEWHERE.search(b"\x8a\x00\x88\x80\x00location")
        assert not _ELSEWHERE.search(b"a layer called location")

    def test_what_fails_later(self, folder):
        """A network may be well for the black picture of the trial and not for others."""
        node = onnx.helper.make_node
        weights = [onnx.numpy_helper.from_array(np.full((1, 5), 0.2, np.float32), "row")]
        nodes = [
            node("Cast", ["image"], ["x"], to=onnx.TensorProto.FLOAT),
            node("ReduceMean", ["x"], ["m"], axes=[1, 2, 3], keepdims=0),
            node("Unsqueeze", ["m", "one"], ["u"]),
            node("Exp", ["u"], ["e"]),
            node("Mul", ["e", "row"], ["found"]),
        ]
        weights.append(onnx.numpy_helper.from_array(np.array([1]), "one"))
        self.save(self.network(nodes, weights=weights), folder)
        engine = Engine(folder, "race")
        with pytest.raises(ArtifactError, match="must give 5 numbers"):
            engine(np.full((1, 16, 16, 3), 255, np.uint8))
