"""Spoiled pictures: each kind does what its name says, more so at each severity."""

import inspect

import numpy as np
import pytest

from agr.errors import ParameterError
from agr.evaluation import corruptions
from agr.evaluation.corruptions import CORRUPTIONS, SEVERITIES, SIDE, corrupt


@pytest.fixture(scope="module")
def face():
    """Draw a picture with light, colour and detail."""
    rng = np.random.default_rng(0)
    blotches = rng.integers(40, 220, (16, 16, 3), dtype=np.uint8)
    return blotches.repeat(8, axis=0).repeat(8, axis=1)


def spoilt(face, kind):
    return [corrupt(face, kind, severity, seed=1).astype(float) for severity in SEVERITIES]


@pytest.mark.parametrize("kind", CORRUPTIONS)
class TestEveryKind:
    def test_is_a_picture_and_the_same_again(self, face, kind):
        before = face.copy()
        found = corrupt(face, kind, 3, seed=5)
        assert (found.shape, found.dtype) == ((SIDE, SIDE, 3), np.uint8)
        np.testing.assert_array_equal(found, corrupt(face, kind, 3, seed=5))
        np.testing.assert_array_equal(face, before)

    def test_grows_with_the_severity(self, face, kind):
        away = [abs(image - face).mean() for image in spoilt(face, kind)]
        assert away[0] > 0.2
        assert away == sorted(away), away


class TestKinds:
    def test_noise_adds_nothing_on_average(self):
        gray = np.full((SIDE, SIDE, 3), 128, np.uint8)
        image = corrupt(gray, "noise", 1).astype(float)
        assert image.mean() == pytest.approx(128, abs=1)
        assert image.std() == pytest.approx(0.08 * 255, rel=0.05)

    def test_low_light_is_dark(self, face):
        means = [image.mean() for image in spoilt(face, "low_light")]
        assert means == sorted(means, reverse=True)
        assert means[-1] < face.mean() / 2

    @pytest.mark.parametrize("kind", ["blur", "motion", "small"])
    def test_detail_is_lost_and_light_is_kept(self, face, kind):
        image = spoilt(face, kind)[-1]
        assert abs(np.diff(image, axis=1)).mean() < abs(np.diff(face.astype(float), axis=1)).mean()
        assert image.mean() == pytest.approx(face.mean(), abs=3)

    def test_contrast(self, face):
        image = spoilt(face, "contrast")[1]
        assert image.std(axis=(0, 1)) == pytest.approx(0.3 * face.std(axis=(0, 1)), rel=0.05)

    def test_gray_has_no_colour(self, face):
        assert np.ptp(spoilt(face, "gray")[-1], axis=2).max() <= 1
        assert np.ptp(spoilt(face, "gray")[0], axis=2).max() > 1

    def test_cast_is_of_one_colour(self):
        white = np.full((SIDE, SIDE, 3), 250, np.uint8)
        image = corrupt(white, "colour_cast", 5)
        assert (image == image[0, 0]).all()
        assert np.ptp(image[0, 0].astype(int)) > 40

    @pytest.mark.parametrize(
        ("kind", "covered", "free"),
        [("mask", (110, 64), (40, 64)), ("sunglasses", (48, 42), (110, 64))],
    )
    def test_clothes_cover_their_place_only(self, face, kind, covered, free):
        image = corrupt(face, kind, 4)
        patch = image[covered[0] - 3 : covered[0] + 3, covered[1] - 3 : covered[1] + 3]
        assert (patch == patch[0, 0]).all()
        np.testing.assert_array_equal(image[free], face[free])


class TestErrors:
    def test_unknown_kind(self, face):
        with pytest.raises(ParameterError, match="Did you mean 'noise'"):
            corrupt(face, "nois", 1)

    @pytest.mark.parametrize("severity", [0, 6, 1.5])
    def test_severity(self, face, severity):
        with pytest.raises(ParameterError, match="whole number from 1 to 5"):
            corrupt(face, "noise", severity)


def test_is_not_what_training_practises():
    assert "agr.training" not in inspect.getsource(corruptions)
