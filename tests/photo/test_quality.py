import numpy as np
import pytest
from PIL import Image

from agr import Predictor
from agr.core.images import read_image
from agr.photo.quality import LIMITS, doubts, measure
from agr.prediction import QUALITIES
from agr.training import camera

FRONT = {
    "left_eye": (30.0, 40.0), "right_eye": (70.0, 40.0), "nose": (50.0, 60.0),
    "mouth_left": (35.0, 80.0), "mouth_right": (65.0, 80.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def face():
    """A real face, 112 pixels a side."""
    picture = Image.open("examples/astronaut.jpg").convert("RGB")
    return np.asarray(picture.resize((112, 112), Image.Resampling.BILINEAR))


def spoiled(face, name, strength=0.9):
    return getattr(camera, name)(face, strength, np.random.default_rng(0))


class TestMeasure:
    def test_of_a_plain_picture(self):
        found = measure(np.full((50, 50, 3), 51, np.uint8), 50)
        assert found["light"] == pytest.approx(0.2)
        assert (found["contrast"], found["noise"]) == pytest.approx((0, 0), abs=1e-6)
        assert found["size"] == 50

    def test_noise_is_its_standard_deviation(self):
        rng = np.random.default_rng(0)
        grain = np.repeat(rng.normal(128, 10, (112, 112, 1)), 3, axis=2)
        assert measure(grain.astype(np.uint8), 112)["noise"] == pytest.approx(10 / 255, rel=0.05)

    def test_side_does_not_matter(self, face):
        """What is measured at 112 pixels is the same for a larger copy."""
        larger = np.asarray(Image.fromarray(face).resize((224, 224), Image.Resampling.BICUBIC))
        one, two = measure(face, 112), measure(larger, 112)
        for part in ("light", "contrast", "sharpness"):
            assert two[part] == pytest.approx(one[part], abs=0.08)

    def test_pose(self):
        found = measure(np.zeros((9, 9, 3), np.uint8), 9, FRONT)
        assert (found["turn"], found["nod"], found["tilt"]) == pytest.approx((0, 0.5, 0))
        aside = measure(np.zeros((9, 9, 3), np.uint8), 9, {**FRONT, "nose": (70.0, 60.0)})
        assert aside["turn"] == pytest.approx(0.5)

    def test_pose_of_a_tilted_face_is_the_same(self):
        angle = np.exp(0.3j)
        turned = {name: ((z := complex(*at) * angle).real, z.imag) for name, at in FRONT.items()}
        found = measure(np.zeros((9, 9, 3), np.uint8), 9, turned)
        assert (found["turn"], found["nod"]) == pytest.approx((0, 0.5), abs=1e-4)
        assert found["tilt"] == pytest.approx(np.degrees(0.3), abs=1e-4)

    def test_parts_have_columns(self, face):
        assert set(measure(face, 112, FRONT)) == set(QUALITIES) >= set(LIMITS)


class TestDoubts:
    def test_a_good_face_has_none(self, face):
        assert doubts(measure(face, 112, FRONT), 0.9) == []

    @pytest.mark.parametrize(
        ("kind", "words"),
        [("blur", "blurred"), ("motion", "blurred"), ("noise", "grainy"), ("glare", "bright")],
    )  # fmt: skip
    def test_a_spoiled_face_has_its_own(self, face, kind, words):
        assert words in " ".join(doubts(measure(spoiled(face, kind), 112)))

    def test_dark_and_flat(self, face):
        assert "dark" in " ".join(doubts(measure(face // 8, 112)))
        assert "little contrast" in " ".join(doubts(measure(100 + face // 8, 112)))

    def test_detector_size_and_pose(self, face):
        parts = measure(face, 20, {**FRONT, "nose": (70.0, 60.0)})
        said = " ".join(doubts(parts, 0.55))
        assert "unsure that this is a face (score 0.55)" in said
        assert "small: 20 pixels" in said and "turned aside (0.50)" in said


class TestPredictor:
    def test_beside_the_answers(self):
        found = Predictor("age").predict("examples/portrait.jpg")
        assert found.readable and found.warning is None
        assert found.quality["size"] == pytest.approx(115, abs=2)
        assert set(found.quality) == set(QUALITIES)

    def test_refused(self, face):
        dark = face // 8
        found = Predictor("age", faces="crop").predict(dark)
        assert found.readable is False and "too dark" in found.warning
        assert found.age is not None
        refused = Predictor("age", faces="crop", refuse=True).predict([dark, face])
        assert refused[0].withheld == {"age": found.warning}
        assert (refused[0].age, refused[0].age_interval, refused[0].at_least(18)) == (None,) * 3
        assert refused[1].age is not None and refused[1].withheld is None

    def test_size_is_that_of_the_photo(self, tmp_path):
        photo = read_image("examples/portrait.jpg")
        half = Image.fromarray(photo).resize((photo.shape[1] // 2, photo.shape[0] // 2))
        found = [Predictor("age").predict(one).quality["size"] for one in (photo, half)]
        assert found[0] / found[1] == pytest.approx(2, rel=0.1)
