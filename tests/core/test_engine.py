import json
import shutil

import numpy as np
import pytest

from agr.core import artifact
from agr.core.engine import Engine
from agr.errors import ArtifactError


@pytest.fixture(scope="module")
def engine(trained):
    return Engine(trained["race"].folder, "race", threads=1)


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


def test_threads_do_not_change_the_answer(trained, engine):
    images = trained["race"].X_test[:8, :16, :16]
    many = Engine(trained["race"].folder, "race", threads=2)
    np.testing.assert_allclose(many(images), engine(images), atol=1e-6)


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
