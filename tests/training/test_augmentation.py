from dataclasses import FrozenInstanceError, fields
from types import MappingProxyType

import numpy as np
import pytest

from agr.errors import ParameterError
from agr.training import augmentation as augment
from agr.training.augmentation import LEVELS, NONE, Augmentation, make_augmentation

NAMES = [field.name for field in fields(Augmentation)]


def only(**values):
    return Augmentation(**{**NONE.to_dict(), **values})


def draw(augmentation, image, size=None, seed=0):
    return augmentation.apply(image, size or image.shape[0], np.random.default_rng(seed))


class TestChance:
    @pytest.mark.parametrize("level", list(LEVELS))
    def test_same_seed_same_copy(self, level, picture):
        image = picture(0)
        np.testing.assert_array_equal(draw(LEVELS[level], image), draw(LEVELS[level], image))

    @pytest.mark.parametrize("level", ["light", "medium", "strong"])
    def test_other_seed_other_copy(self, level, picture):
        image = picture(0)
        copies = {draw(LEVELS[level], image, seed=seed).tobytes() for seed in range(8)}
        assert len(copies) == 8

    def test_global_seed_is_not_used(self, picture):
        before = np.random.get_state()[1].copy()
        draw(LEVELS["strong"], picture(0))
        np.testing.assert_array_equal(np.random.get_state()[1], before)

    def test_picture_is_not_altered(self, picture):
        image = picture(0).copy()
        before = image.copy()
        for seed in range(5):
            draw(only(erasing=1.0, colour=0.5, flip=0.5), image, seed=seed)
        np.testing.assert_array_equal(image, before)


class TestNone:
    @pytest.mark.parametrize("side", [31, 64, 100])
    def test_is_the_identity(self, side, picture):
        image = picture(0, side=side)
        for seed in range(3):
            np.testing.assert_array_equal(draw(NONE, image, seed=seed), image)

    def test_scales_to_size(self, quarters):
        copy = draw(NONE, quarters, size=10)
        assert copy.shape == (10, 10, 3)
        assert tuple(copy[1, 1]) == (255, 0, 0)
        assert tuple(copy[1, 8]) == (0, 255, 0)
        assert tuple(copy[8, 1]) == (0, 0, 255)


class TestEachChange:
    @pytest.mark.parametrize("level", list(LEVELS))
    @pytest.mark.parametrize("size", [16, 40])
    def test_shape_and_dtype(self, level, size, quarters):
        copy = draw(LEVELS[level], quarters, size=size)
        assert copy.shape == (size, size, 3)
        assert copy.dtype == np.uint8

    def test_flip(self, picture):
        image = picture(0)
        np.testing.assert_array_equal(draw(only(flip=1.0), image), image[:, ::-1])

    def test_half_of_the_pictures_are_flipped(self, picture):
        image = picture(0)
        rng = np.random.default_rng(0)
        copies = [only(flip=0.5).apply(image, 64, rng) for _ in range(200)]
        flipped = sum(np.array_equal(copy, image[:, ::-1]) for copy in copies)
        assert flipped + sum(np.array_equal(copy, image) for copy in copies) == 200
        assert 75 < flipped < 125

    @pytest.mark.parametrize("flip", [0.0, 1.0], ids=["plain", "flipped"])
    def test_shift_stays_within_its_bound(self, flip):
        image = np.zeros((100, 100, 3), np.uint8)
        image[48:52, 48:52] = 255
        moves = []
        for seed in range(40):
            copy = draw(only(shift=0.1, flip=flip), image, seed=seed)[..., 0].astype(float)
            centre = (np.indices(copy.shape) * copy).sum(axis=(1, 2)) / copy.sum()
            moves.append(centre - 49.5)
        assert 7 < np.abs(moves).max() < 10.1
        assert np.min(moves) < -5
        assert np.max(moves) > 5

    def test_zoom_stays_within_its_bound(self):
        image = np.zeros((100, 100, 3), np.uint8)
        image[25:75, 25:75] = 255
        sides = [
            np.sqrt((draw(only(zoom=0.2), image, seed=seed)[..., 0] / 255).sum())
            for seed in range(40)
        ]
        assert 50 / 1.2 - 1 < min(sides) < 45
        assert 56 < max(sides) < 50 / 0.8 + 1

    def test_rotation_stays_within_its_bound(self):
        image = np.zeros((100, 100, 3), np.uint8)
        image[48:52, 10:90] = 255
        angles = []
        for seed in range(40):
            y, x = np.nonzero(draw(only(rotation=15.0), image, seed=seed)[..., 0] > 127)
            angles.append(np.degrees(np.arctan(np.polyfit(x, y, 1)[0])))
        assert 10 < max(angles) < 15.5
        assert -15.5 < min(angles) < -10

    @pytest.mark.parametrize("flip", [0.0, 1.0], ids=["plain", "flipped"])
    def test_rotation_keeps_right_angles(self, flip):
        bar = np.zeros((100, 100, 3), np.uint8)
        bar[48:52, 10:90] = 255
        turn = only(rotation=20.0, flip=flip)
        for seed in range(10):
            y, x = np.nonzero(draw(turn, bar, seed=seed)[..., 0] > 127)
            across = np.polyfit(x, y, 1)[0]
            y, x = np.nonzero(draw(turn, bar.transpose(1, 0, 2).copy(), seed=seed)[..., 0] > 127)
            assert np.polyfit(y, x, 1)[0] == pytest.approx(-across, abs=0.01)

    def test_shear_slants_columns_only(self):
        image = np.zeros((100, 100, 3), np.uint8)
        image[10:90, 48:52] = 255
        y, x = np.nonzero(draw(only(shear=0.3), image, seed=1)[..., 0] > 127)
        slope = np.polyfit(y, x, 1)[0]
        assert 0.02 < abs(slope) < 0.31
        image = image.transpose(1, 0, 2).copy()
        y, x = np.nonzero(draw(only(shear=0.3), image, seed=1)[..., 0] > 127)
        assert abs(np.polyfit(x, y, 1)[0]) < 0.01

    def test_colour_stays_within_its_bound(self):
        image = np.full((8, 8, 3), 100, np.uint8)
        values = [draw(only(colour=0.3), image, seed=seed).mean() for seed in range(60)]
        assert 69 <= min(values) < 80
        assert 120 < max(values) <= 131

    def test_grayscale(self, picture):
        copy = draw(only(grayscale=1.0), picture(0))
        assert (copy == copy[..., :1]).all()
        assert copy.std() > 10

    def test_erasing_stays_within_its_bounds(self):
        image = np.zeros((100, 100, 3), np.uint8)
        shares = []
        for seed in range(60):
            changed = (draw(only(erasing=1.0), image, seed=seed) > 0).any(axis=2)
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            h, w = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert changed.sum() >= 0.99 * h * w  # one rectangle, filled
            assert 1 / 3 < h / w < 3
            shares.append(h * w / 10_000)
        assert 0.018 < min(shares) < 0.05
        assert 0.15 < max(shares) < 0.21

    def test_erasing_fits_into_tiny_pictures(self):
        for seed in range(40):
            assert draw(only(erasing=1.0), np.zeros((2, 2, 3), np.uint8), seed=seed).any()


class TestMake:
    @pytest.mark.parametrize("name", list(LEVELS))
    def test_levels(self, name):
        assert make_augmentation(name) is LEVELS[name]

    def test_none_is_none(self):
        assert make_augmentation(None) is NONE

    def test_an_augmentation_is_kept(self):
        mine = Augmentation(flip=0.0)
        assert make_augmentation(mine) is mine

    @pytest.mark.parametrize("kind", [dict, MappingProxyType], ids=["dict", "other-mapping"])
    def test_mapping_changes_the_default(self, kind):
        made = make_augmentation(kind({"flip": 0.0, "zoom": np.float32(0.5)}))
        assert made.to_dict() == {**Augmentation().to_dict(), "flip": 0.0, "zoom": 0.5}

    def test_to_dict_round_trip(self):
        for level in LEVELS.values():
            assert make_augmentation(level.to_dict()) == level

    def test_unknown_level(self):
        with pytest.raises(ParameterError, match="got 'mediun'. Did you mean 'medium'"):
            make_augmentation("mediun")

    @pytest.mark.parametrize("value", [3, ["light"], True], ids=["int", "list", "bool"])
    def test_wrong_type(self, value):
        with pytest.raises(ParameterError, match="augmentation must be one of 'none', 'light'"):
            make_augmentation(value)

    def test_unknown_name(self):
        with pytest.raises(ParameterError, match="got 'rotate'. Did you mean 'rotation'"):
            make_augmentation({"rotate": 3})

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        "value", [-0.1, 181, float("nan"), "0.5", None], ids=["low", "high", "nan", "str", "none"]
    )
    def test_out_of_bounds(self, name, value):
        with pytest.raises(ParameterError, match=f"{name} in augmentation must be a number betw"):
            make_augmentation({name: value})
        with pytest.raises(ParameterError, match=f"{name} in augmentation"):
            make_augmentation(only(**{name: value}))

    @pytest.mark.parametrize("name", NAMES)
    def test_bounds_are_allowed(self, name, quarters):
        for value in (0, 180 if name == "rotation" else 1):
            made = make_augmentation({name: value})
            assert draw(made, quarters, size=12).shape == (12, 12, 3)

    def test_frozen(self):
        with pytest.raises(FrozenInstanceError):
            augment.NONE.flip = 1.0
