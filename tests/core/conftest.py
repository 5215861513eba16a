"""Pictures and tables that the tests of agr.core share."""

import numpy as np
import pytest
from PIL import Image

from agr.core.data import make_faces


def smooth_noise(seed, side=64):
    """Blotches that stay the same when compressed or scaled, and differ between seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def build():
    """Give a function that builds a network of gender, by default the tiny one."""
    from agr.core import networks

    def build(network="tiny", image_size=32, *, weights=None, n_outputs=3):
        return networks.build(
            network, image_size, weights=weights, dropout=0.1, n_outputs=n_outputs, task="gender"
        )

    return build


@pytest.fixture
def picture():
    """Give a picture by seed."""
    return smooth_noise


@pytest.fixture(scope="session")
def quarters():
    """Red, green, blue and white quarters: tells turns, mirrors and channels apart."""
    pixels = np.empty((20, 30, 3), np.uint8)
    pixels[:10, :15] = (255, 0, 0)
    pixels[:10, 15:] = (0, 255, 0)
    pixels[10:, :15] = (0, 0, 255)
    pixels[10:, 15:] = (255, 255, 255)
    return pixels


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """Give 120 labelled pictures: 100 different ones, 10 exact copies, 10 recompressed ones."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(120):
        original = i if i < 100 else (i - 100) * 3
        path = folder / f"{rng.integers(10**9):09d}_{i}.{'jpg' if i >= 110 else 'png'}"
        Image.fromarray(smooth_noise(original)).save(path)
        rows.append(
            {
                "path": str(path),
                "age": float(i % 2 * 30 + 10),
                "gender": ("female", "male")[i // 2 % 2],
                "race": "asian" if i % 5 == 0 else "white",
                "source": "drawn",
                "original": original,
            }
        )
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    table = make_faces(columns).with_hashes()
    table.table["original"] = columns["original"]
    return table
