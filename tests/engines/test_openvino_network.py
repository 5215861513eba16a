import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agr.engines.engine import Engine
from agr.engines.openvino_network import cache_folder, open_network
from agr.errors import MissingExtraError, ParameterError

OPEN = """
import sys
from pathlib import Path
from agr.engines.openvino_network import open_network
open_network(Path(sys.argv[1]))
print([name for name in sys.modules if name.startswith("openvino_telemetry")])
"""


@pytest.fixture
def openvino():
    return pytest.importorskip("openvino", reason="the extra agr-faces[openvino] is not installed")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Give the user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "agr" / "openvino"


@pytest.fixture
def images(trained):
    return trained["race"].X_test[:8, :16, :16]


def test_extra_is_absent(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[openvino\]"'):
        open_network(trained["race"].folder / "model.onnx")
    assert "openvino_telemetry" not in sys.modules


def test_no_such_device(openvino, trained):
    with pytest.raises(ParameterError, match="device must be one of .*'cpu'.*got 'gpu7'"):
        open_network(trained["race"].folder / "model.onnx", device="gpu7")


def test_nothing_is_reported(openvino, trained, environment, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    path = str(trained["race"].folder / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-c", OPEN, path],
        env=environment | {"HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert os.listdir(home) == []  # its package for reports keeps an id there


def test_many_calls_at_once(openvino, cache, trained, images):
    engine = Engine(trained["race"].folder, "race", engine="openvino", calls=2)
    alone = [engine(images[n : n + 2]) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda n: engine(images[n : n + 2]), range(6)))
    np.testing.assert_allclose(together, alone, atol=1e-6)


class TestCache:
    def test_the_second_time_nothing_is_compiled(self, openvino, cache, trained, images):
        first = Engine(trained["race"].folder, "race", engine="openvino")
        kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.blob")}
        assert len(kept) == 1
        second = Engine(trained["race"].folder, "race", engine="openvino")
        assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.blob")} == kept
        np.testing.assert_allclose(second(images), first(images), atol=1e-6)

    def test_another_network_of_the_same_name_size_and_date(
        self, openvino, cache, trained, images, tmp_path
    ):
        onnx = pytest.importorskip("onnx")
        source = trained["race"].folder / "model.onnx"
        first = tmp_path / "model.onnx"
        changed = onnx.load(source)
        for tensor in changed.graph.initializer:
            if tensor.raw_data and tensor.data_type == onnx.TensorProto.FLOAT:
                values = -np.frombuffer(tensor.raw_data, np.float32)
                tensor.raw_data = values.tobytes()
        answers = []
        for data in (onnx.load(source).SerializeToString(), changed.SerializeToString()):
            first.write_bytes(data)
            os.utime(first, (1e9, 1e9))
            answers.append(open_network(first)(images))
        assert abs(answers[0] - answers[1]).max() > 0.1

    @pytest.mark.parametrize("damage", [b"", b"noise" * 100_000], ids=["empty", "noise"])
    def test_damage(self, openvino, cache, trained, images, damage):
        good = open_network(trained["race"].folder / "model.onnx")(images)
        (blob,) = cache.rglob("*.blob")
        blob.chmod(0o600)
        blob.write_bytes(damage)
        again = open_network(trained["race"].folder / "model.onnx")(images)
        np.testing.assert_allclose(again, good, atol=1e-6)

    def test_where_it_cannot_be_written(self, openvino, trained, images, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert cache_folder() is None
        assert len(open_network(trained["race"].folder / "model.onnx")(images)) == 8

    def test_nobody_else_may_look(self, cache):
        assert cache_folder() == cache
        assert cache.stat().st_mode & 0o077 == 0

    def test_no_home(self, monkeypatch):
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        assert cache_folder() is None


def test_no_network_in_the_file(openvino, cache, trained, tmp_path):
    from agr.core import artifact
    from agr.errors import ArtifactError

    folder = shutil.copytree(trained["race"].folder, tmp_path / "m")
    (folder / "model.onnx").write_bytes(b"no network")
    artifact.write_manifest(folder, json.loads((folder / "agr.json").read_text()))
    with pytest.raises(ArtifactError, match="model.onnx cannot be opened by OpenVINO"):
        Engine(folder, "race", engine="openvino")
