"""Faces are found first, on every picture, unless crops are asked for."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from agr import Face, Predictor
from agr.errors import FaceNotFoundError, ParameterError
from agr.photo.detectors import Detection


@pytest.fixture(scope="module")
def models(trained):
    return {task: model.folder for task, model in trained.items()}


@pytest.fixture(scope="module")
def predictor(models):
    return Predictor(**models)


@pytest.fixture(scope="module")
def photo():
    """Give a photo with a small and a large face."""
    with Image.open("examples/astronaut.jpg") as image:
        face = image.convert("RGB")
    canvas = Image.new("RGB", (640, 480), (127, 127, 127))
    canvas.paste(face.resize((120, 120)), (20, 30))
    canvas.paste(face.resize((240, 240)), (300, 150))
    return canvas


@pytest.fixture(scope="module")
def blank():
    return np.full((200, 300, 3), 90, np.uint8)


class TestLargest:
    def test_answers_for_the_largest_face(self, predictor, photo):
        found = predictor.predict(photo)
        large, small = predictor.predict_photo(photo)
        assert found == large
        assert (found.n_faces, small.n_faces, found.warning) == (2, 2, None)
        assert found.box[0] > 290
        assert found.landmarks["left_eye"][0] < found.landmarks["right_eye"][0]

    def test_no_face_says_what_to_do(self, predictor, blank):
        with pytest.raises(FaceNotFoundError, match="No face was found.*use faces='crop'"):
            predictor.predict(blank)
        assert predictor.predict_photo(blank) == []

    def test_many(self, predictor, photo, blank):
        found = predictor.predict([photo, blank, "gone.png", photo])
        assert [one.n_faces for one in found] == [2, None, None, 2]
        assert "No face was found" in found[1].error
        assert "gone.png does not exist" in found[2].error
        assert found[3] == predictor.predict(photo)
        assert list(predictor.stream(pd.Series([np.asarray(photo)]))) == found[:1]

    def test_crop_for_one_call(self, predictor, models, photo):
        found = predictor.predict(photo, faces="crop")
        assert found == Predictor(**models, faces="crop").predict(photo)
        assert (found.box, found.n_faces) == (None, None)
        assert predictor.predict([photo], faces="crop")[0].gender == found.gender

    @pytest.mark.parametrize(
        "make", [lambda p, m: Predictor(faces="detct"), None], ids=["constructor", "call"]
    )
    def test_unknown(self, predictor, models, photo, make):
        with pytest.raises(ParameterError, match="faces must be one of.*Did you mean 'detect'"):
            make(predictor, models) if make else predictor.predict(photo, faces="detct")


def test_a_doubtful_face_says_so(models, photo):
    class Unsure:
        framing = {"left_eye": (0.35, 0.4), "right_eye": (0.65, 0.4)}

        def __call__(self, image):
            eyes = {"left_eye": (60.0, 80.0), "right_eye": (100.0, 80.0)}
            return [Detection((40.0, 40.0, 120.0, 140.0), 0.55, eyes)]

    found = Predictor(**models, detector=Unsure()).predict(photo)
    assert found.warning.startswith("The detector is unsure that this is a face (score 0.55).")
    assert isinstance(found, Face)
    assert found.gender is not None
