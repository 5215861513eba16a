"""Faults of cameras, for training."""

import numpy as np
import pytest
from PIL import Image

from agr.training import camera
from agr.training.augmentation import LEVELS, make_augmentation

SIDE = 56


@pytest.fixture(scope="module")
def face():
    """Draw blotches with a little grain, which blurs and compression take away."""
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(30, 220, (7, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", camera.CORRUPTIONS, ids=lambda f: f.__name__)
class TestCorruption:
    @pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
    def test_gives_a_changed_picture_and_leaves_the_first(self, face, change, strength):
        before = face.copy()
        found = change(face, strength, np.random.default_rng(0))
        assert (found.dtype, found.shape) == (np.uint8, face.shape)
        np.testing.assert_array_equal(face, before)
        assert (found != face).any()

    def test_is_repeated_by_its_seed(self, face, change):
        one, two = (change(face, 0.5, np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "change",
    [f for f in camera.CORRUPTIONS if f not in (camera.mask, camera.sunglasses)],
    ids=lambda f: f.__name__,
)
def test_stronger_changes_more(face, change):
    def distance(strength):
        found = [change(face, strength, np.random.default_rng(s)) for s in range(8)]
        return np.mean([np.abs(one.astype(float) - face).mean() for one in found])

    assert distance(1.0) > distance(0.5) > distance(0.0)


def test_low_light_is_darker_and_glare_brighter(face):
    rng = np.random.default_rng(0)
    assert camera.low_light(face, 1.0, rng).mean() < 0.6 * face.mean()
    assert camera.glare(face, 1.0, rng).mean() > 1.2 * face.mean()


def test_blur_takes_detail_away(face):
    grain = np.random.default_rng(0).integers(0, 256, face.shape, dtype=np.uint8)
    for change in (camera.blur, camera.motion, camera.small):
        found = change(grain, 1.0, np.random.default_rng(0)).astype(float)
        assert np.abs(np.diff(found, axis=1)).mean() < 0.5 * 85  # 85: of pure grain


def test_share_of_pictures(face):
    rng = np.random.default_rng(0)
    changed = [(camera.corrupt(face, 0.6, rng) != face).any() for _ in range(400)]
    assert np.mean(changed) == pytest.approx(0.6, abs=0.08)


def test_borders_are_repeated():
    image = np.zeros((10, 10, 3), np.uint8)
    image[0] = 200
    found = camera.with_borders(image, 0.3)
    assert found.shape == (16, 16, 3)
    assert (found[:4, 3:13] == 200).all()
    assert (found[5:] == 0).all()


class TestLevel:
    def test_is_offered(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(40, seed=2)
        new_estimator("gender", epochs=1, augmentation="camera").fit(X, labels["gender"])

    def test_the_others_stay_what_they_were(self, face):
        """What was trained before can be repeated: no chance is drawn for what is off."""
        level = LEVELS["medium"]
        assert level.camera == 0
        one = level.apply(face, 48, np.random.default_rng(5))
        two = make_augmentation({"camera": 0.0}).apply(face, 48, np.random.default_rng(5))
        np.testing.assert_array_equal(one, two)

    def test_borders_of_turned_pictures_are_black_or_repeated(self):
        bright = np.full((SIDE, SIDE, 3), 200, np.uint8)
        turned = make_augmentation(
            {"flip": 0, "rotation": 45, "zoom": 0, "colour": 0, "grayscale": 0, "erasing": 0}
            | {"camera": 1e-9}
        )
        black = [(turned.apply(bright, 48, np.random.default_rng(s)) == 0).any() for s in range(60)]
        assert 0.25 < np.mean(black) < 0.75
