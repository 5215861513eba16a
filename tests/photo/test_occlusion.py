import numpy as np
import pytest

from agr.errors import ParameterError
from agr.photo.occlusion import CAPTION, covers, draw_map, sensitivity


def test_every_pixel_is_covered():
    pictures, masks = covers(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))
    times = masks.sum(axis=0)
    assert len(pictures) == len(masks) == 169
    assert times.min() >= 4 and times.max() <= 16
    assert all(
        (picture[mask] == picture[mask][0]).all()
        for picture, mask in zip(pictures, masks, strict=True)
    )


def test_map_peaks_where_the_number_comes_from():
    crop = np.full((60, 60, 3), 100, np.uint8)
    crop[6:12, 42:48] = 255

    def brightest(pictures):
        return np.array([[one.max(), -float(one.max())] for one in pictures])

    falls, rises = sensitivity(crop, brightest)
    row, column = np.unravel_index(falls.argmax(), falls.shape)
    assert 4 <= row < 14 and 40 <= column < 50
    assert falls[40:, :30].max() == 0
    np.testing.assert_allclose(rises, -falls)


def test_drawn():
    crop = np.full((60, 60, 3), 100, np.uint8)
    heat = np.zeros((60, 60))
    heat[:10], heat[50:] = 2, -2
    drawn = np.asarray(draw_map(crop, heat, "age 30"))
    assert drawn.shape == (60 + CAPTION, 60, 3)
    red, plain, blue = drawn[5, 5], drawn[30, 30], drawn[55, 5]
    assert red[0] > 150 > red[2] and blue[2] > 150 > blue[0]
    assert (plain == 100).all()


def test_no_square():
    with pytest.raises(ParameterError, match="crop must be a square"):
        covers(np.zeros((20, 30, 3), np.uint8))
