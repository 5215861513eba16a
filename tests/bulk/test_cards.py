import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import agr
from agr import Face, Prediction
from agr.errors import ImageError

FACES = [Face(gender="female", box=(0, 0, 40, 30)), Face(gender="male", box=(40, 0, 60, 30))]


@pytest.fixture
def photo():
    """Red where the first face is, blue where the second is."""
    pixels = np.zeros((30, 60, 3), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:, 2] = 255
    return pixels


def crops(cards):
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', cards._repr_html_())
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_terminal():
    shown = agr.show([Prediction(age=30.0), Prediction(error="a & b")])
    assert repr(shown) == "<Prediction: 30.0 years>\n<Prediction: error: a & b>"
    assert crops(shown) == []
    assert "error: a &amp; b" in shown._repr_html_()


def test_each_face_is_cut_out(photo):
    first, second = crops(agr.show(FACES, photo))
    assert (first.size, second.size) == ((40, 30), (20, 30))
    assert np.asarray(first).mean((0, 1)).argmax() == 0
    assert np.asarray(second).mean((0, 1)).argmax() == 2


def test_a_picture_for_each_result(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "a.png")
    results = [Prediction(age=1.0), Prediction(error="no picture"), FACES]
    shown = crops(agr.show(results, [str(tmp_path / "a.png"), "gone.png", photo]))
    assert [crop.size for crop in shown] == [(60, 30), (40, 30), (20, 30)]


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "image"])
def test_kinds_of_pictures(photo, tmp_path, kind):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    one = {
        "path": lambda: Path(path),
        "text": lambda: str(path),
        "bytes": path.read_bytes,
        "file": lambda: io.BytesIO(path.read_bytes()),
        "image": lambda: Image.open(path),
    }[kind]()
    assert len(crops(agr.show(FACES, one))) == 2


def test_a_large_photo_is_shrunk(tmp_path):
    """The box is in pixels of the whole photo, of which fewer are decoded."""
    pixels = np.zeros((100, 9000, 3), np.uint8)
    pixels[:, 8000:] = (0, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    (crop,) = crops(agr.show([Face(box=(8100, 0, 8900, 100))], tmp_path / "wide.png"))
    assert np.asarray(crop)[..., 1].min() > 200


def test_a_picture_that_is_gone():
    with pytest.raises(ImageError, match="gone.png"):
        agr.show([Prediction(age=1.0)], ["gone.png"])._repr_html_()
