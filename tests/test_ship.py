"""The packing of shipped models keeps what they say."""

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import onnxruntime

from agr.training.networks import build as networks
from agr.training.networks.export import export_onnx

ROOT = Path(__file__).parent.parent


def load_ship():
    spec = importlib.util.spec_from_file_location("ship", ROOT / "scripts" / "ship.py")
    ship = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ship)
    return ship


def network():
    with_seed = keras.utils.set_random_seed
    with_seed(0)
    return networks.build(
        "face_mobilenet", 48, weights="auto", dropout=0.0, last_layer=("sigmoid", 1), task="gender"
    )


def pictures(n):
    noise = np.random.default_rng(0).integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    return noise.repeat(8, axis=1).repeat(8, axis=2)


def test_float16_keras_file_is_half_as_large_and_says_the_same(tmp_path):
    model, path = network(), tmp_path / "model.keras"
    model.save(path)
    size = path.stat().st_size
    load_ship().halve(path)
    assert path.stat().st_size < 0.6 * size
    images = pictures(16)
    again = keras.models.load_model(path, safe_mode=True, compile=False)
    assert again.dtype_policy.name == "float32"
    np.testing.assert_allclose(
        again.predict(images, verbose=0), model.predict(images, verbose=0), atol=2e-3
    )


def test_int8_onnx_file_is_a_third_as_large_and_says_nearly_the_same(tmp_path):
    model, path = network(), tmp_path / "model.onnx"
    export_onnx(model, path)
    size, images = path.stat().st_size, pictures(128)
    load_ship().quantize(path, images)
    assert path.stat().st_size < 0.35 * size
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"image": images})
    difference = np.abs(output - model.predict(images, verbose=0)).mean()
    assert 0 < difference < 0.05


def test_the_shipped_models_say_how_they_were_made():
    for task in ("age", "gender", "race"):
        manifest = json.loads((ROOT / "agr" / task / "pretrained" / "agr.json").read_text())
        assert manifest["task"] == task
        assert "int8" in manifest["notes"]["packed"]
        assert manifest["notes"]["split"] == "seed 0"
