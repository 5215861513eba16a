"""Pictures that the tests of the readers share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def draw(tmp_path):
    """Give a function that draws pictures under names in the test's folder."""

    def draw(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = sum(map(ord, name))
            pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, "PNG")
        return tmp_path

    return draw
