import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from agr import Predictor
from agr.core import images
from agr.core.images import read_image, read_photo
from agr.errors import ImageError, MissingExtraError, ParameterError
from agr.photo.detectors import DEFAULT, Detection, open_detector
from agr.prediction import Face

FRAMING = {"left_eye": (0.3, 0.3), "right_eye": (0.7, 0.3)}


@pytest.fixture(scope="module")
def astronaut():
    with Image.open("examples/astronaut.jpg") as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def photo(astronaut):
    """Two faces of different sizes on grey."""
    canvas = Image.new("RGB", (640, 480), (127, 127, 127))
    canvas.paste(astronaut.resize((120, 120)), (20, 30))
    canvas.paste(astronaut.resize((240, 240)), (300, 150))
    return canvas


@pytest.fixture(scope="module")
def models(trained):
    return {task: trained[task].folder for task in trained}


@pytest.fixture(scope="module")
def predictor(models):
    return Predictor(**models)


class Painted:
    """A detector that knows where the faces are."""

    framing = FRAMING

    def __init__(self, *boxes):
        self.boxes = boxes

    def __call__(self, image):
        self.shape = image.shape
        found = []
        for left, top, side in self.boxes:
            landmarks = {
                name: (left + x * side, top + y * side) for name, (x, y) in FRAMING.items()
            }
            found.append(Detection((left, top, left + side, top + side), 0.75, landmarks))
        return found


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


class TestFaces:
    def test_largest_first_with_places(self, predictor, photo):
        large, small = predictor.predict_photo(photo)
        assert large.box[0] > 300 > small.box[2]
        for face in (large, small):
            left, top, right, bottom = face.box
            assert 0 < left < right < 640
            assert 0 < top < bottom < 480
            assert 0.5 < face.score <= 1
            x, y = face.landmarks["left_eye"]
            assert left < x < right
            assert top < y < bottom
            assert face.error is None
            assert sum(face.gender_probabilities.values()) == pytest.approx(1)

    def test_no_face_is_an_empty_list(self, predictor):
        assert predictor.predict_photo(Image.new("RGB", (300, 200))) == []

    def test_of_many_photos_a_list_each(self, predictor, photo, astronaut):
        nobody = Image.new("RGB", (90, 90))
        found = predictor.predict_photo([photo, "missing.jpg", nobody])
        assert found[0] == predictor.predict_photo(photo)
        assert "missing.jpg" in found[1][0].error
        assert found[2] == []
        (from_batch,) = predictor.predict_photo(np.asarray(photo)[None])
        assert from_batch == found[0]

    def test_to_dict_is_json(self, predictor, photo):
        face = predictor.predict_photo(photo)[0]
        found = json.loads(json.dumps(face.to_dict()))
        assert found["box"] == list(face.box)
        assert found["landmarks"]["nose"] == list(face.landmarks["nose"])
        assert found["gender"] == face.gender

    def test_the_face_is_cut_out_as_the_networks_know_it(self, models, trained):
        X = trained["gender"].X_test[:12]
        canvas = np.full((400, 500, 3), 90, np.uint8)
        boxes = [(20 + 120 * (i % 4), 10 + 120 * (i // 4), X.shape[1]) for i in range(12)]
        for crop, (left, top, side) in zip(X, boxes, strict=True):
            canvas[top : top + side, left : left + side] = crop
        found = Predictor(**models, detector=Painted(*boxes)).predict_photo(canvas)
        direct = Predictor(**models, faces="crop").predict(list(X))
        for face, crop in zip(found, direct, strict=True):
            assert face.gender == crop.gender
            assert face.race == crop.race
            assert face.age == pytest.approx(crop.age, abs=8)

    def test_many_faces(self, models):
        boxes = [(10 * k, 10, 30) for k in range(70)]
        found = Predictor(**models, detector=Painted(*boxes)).predict_photo(
            np.full((100, 800, 3), 99, np.uint8)
        )
        assert [face.box[0] for face in found] == [10 * k for k in range(70)]

    def test_only_the_asked_tasks(self, trained, photo):
        reader = Predictor("gender", gender=trained["gender"].folder)
        face = reader.predict_photo(photo)[0]
        assert face.gender is not None
        assert face.age is None
        assert face.race is None


class TestDetector:
    def test_unknown(self, models):
        with pytest.raises(ParameterError, match="Did you mean 'centerface'"):
            Predictor(**models, detector="centreface")

    def test_absent_package_is_told_at_once(self, models, monkeypatch):
        monkeypatch.setitem(sys.modules, "mtcnn", None)
        with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[detect\]"'):
            Predictor(**models, detector="mtcnn")

    def test_crops_open_no_detector(self, models, astronaut):
        reader = Predictor(**models, faces="crop")
        reader.predict(astronaut)
        assert reader._detector is None

    def test_threads_open_one(self, models, photo, monkeypatch):
        opened = []

        def count(name, **options):
            opened.append(name)
            return open_detector(name, **options)

        monkeypatch.setattr("agr.photo.detectors.open_detector", count)
        reader = Predictor(**models)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(reader.predict_photo, [photo] * 4))
        assert opened == [DEFAULT]
        assert all(answer == answers[0] for answer in answers)

    def test_mtcnn_finds_the_same_faces(self, models, photo, predictor):
        pytest.importorskip("mtcnn", reason="the extra agr-faces[detect] is not installed")
        found = Predictor(**models, detector="mtcnn").predict_photo(photo)
        for ours, theirs, side in zip(
            predictor.predict_photo(photo), found, (240, 120), strict=True
        ):
            for name, spot in ours.landmarks.items():
                # The two were taught different corners of an open mouth.
                limit = 0.08 if name.startswith("mouth") else 0.05
                assert np.hypot(*np.subtract(spot, theirs.landmarks[name])) < limit * side, name


class TestLandmarksThatAreNoFaces:
    """A detector that errs costs the face that it errs in, not the photo and not the stream."""

    class Erring(Painted):
        def __call__(self, image):
            small, large, last = super().__call__(image)
            places = dict.fromkeys(FRAMING, (40.0, 40.0))
            return [small, replace(large, landmarks=places), last]

    @pytest.fixture
    def erring(self, models):
        return Predictor(**models, detector=self.Erring((0, 0, 30), (30, 0, 60), (90, 0, 25)))

    @pytest.fixture
    def blank(self):
        return np.full((60, 120, 3), 99, np.uint8)

    def test_of_one_face_leave_the_others(self, erring, models, blank):
        found = erring.predict_photo(blank)
        assert "landmarks must be different places" in found[1].error
        assert found[1].box == (30, 0, 90, 60)
        assert found[1].gender is None
        sound = Predictor(**models, detector=Painted((0, 0, 30), (90, 0, 25))).predict_photo(blank)
        assert [f.age for f in (found[0], found[2])] == [f.age for f in sound]

    def test_end_no_stream(self, erring, blank):
        assert [len(faces) for faces in erring.stream_photos([blank] * 3)] == [3, 3, 3]

    def test_of_the_largest_face_are_its_error(self, models, blank):
        class Erring(Painted):
            def __call__(self, image):
                (face,) = super().__call__(image)
                return [replace(face, landmarks=dict.fromkeys(FRAMING, (40.0, 40.0)))]

        reader = Predictor(**models, detector=Erring((0, 0, 30)))
        with pytest.raises(ImageError, match="landmarks must be different places"):
            reader.predict(blank)
        assert "landmarks must be different places" in reader.predict([blank])[0].error


class TestStream:
    def test_a_callers_detector_is_asked_by_one_thread_at_a_time(self, models):
        class Alone(Painted):
            inside = most = 0

            def __call__(self, image):
                self.inside += 1
                self.most = max(self.most, self.inside)
                time.sleep(0.01)
                self.inside -= 1
                return super().__call__(image)

        detector = Alone((10, 10, 30))
        reader = Predictor(**models, detector=detector, threads=4)
        blank = np.full((60, 60, 3), 99, np.uint8)
        assert [len(faces) for faces in reader.stream_photos([blank] * 12)] == [1] * 12
        assert detector.most == 1

    def test_few_are_taken_ahead(self, models, photo):
        taken = []

        def endless():
            while True:
                taken.append(photo)
                yield photo

        stream = Predictor(**models, threads=2).stream_photos(endless())
        next(stream)
        assert len(taken) == 4
        stream.close()

    def test_order_and_errors(self, predictor, photo, astronaut, tmp_path):
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"no picture")
        photos = [photo, broken, Image.new("RGB", (90, 90)), astronaut]
        answers = list(predictor.stream_photos(photos))
        assert [len(answer) for answer in answers] == [2, 1, 0, 1]
        assert "broken.jpg is not a picture" in answers[1][0].error
        assert answers[1][0].box is None
        assert answers[0] == predictor.predict_photo(photo)

    def test_reads_no_further_than_two_ahead(self, predictor, astronaut):
        given = []

        def photos():
            for number in range(20):
                given.append(number)
                yield astronaut

        next(predictor.stream_photos(photos()))
        assert len(given) <= 4


class TestFormats:
    @pytest.mark.parametrize(
        ("kind", "mode", "options"),
        [
            ("JPEG", "L", {}),
            ("PNG", "P", {}),
            ("PNG", "RGBA", {}),
            ("JPEG", "CMYK", {}),
            ("PNG", "I;16", {}),
            ("GIF", "P", {}),
            ("WEBP", "RGB", {"quality": 95}),
            ("TIFF", "RGB", {}),
            ("BMP", "RGB", {}),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    def test_faces_are_found_in(self, kind, mode, options, predictor, photo):
        if mode == "I;16":
            gray = np.asarray(photo.convert("L"), dtype=np.uint16) * 257
            image = Image.fromarray(gray)
        else:
            image = photo.convert(mode)
        found = predictor.predict_photo(encode(image, kind, **options))
        expected = predictor.predict_photo(photo)
        assert len(found) == 2
        np.testing.assert_allclose(found[0].box, expected[0].box, atol=25)

    def test_first_frame_of_an_animation(self, predictor, photo):
        blank = Image.new("RGB", photo.size)
        data = encode(photo, "GIF", save_all=True, append_images=[blank, blank])
        assert len(predictor.predict_photo(data)) == 2

    def test_cameras_rotation(self, predictor, photo):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: show it a quarter clockwise
        lying = photo.transpose(Image.Transpose.ROTATE_90)
        found = predictor.predict_photo(encode(lying, "JPEG", exif=exif, quality=95))
        expected = predictor.predict_photo(photo)
        np.testing.assert_allclose(found[0].box, expected[0].box, atol=6)

    def test_heic(self, predictor, photo, tmp_path):
        heif = pytest.importorskip(
            "pillow_heif", reason="the extra agr-faces[heic] is not installed"
        )
        path = tmp_path / "photo.heic"
        heif.from_pillow(photo).save(path, quality=90)
        for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
            assert read_image(source).shape == (480, 640, 3)
        assert len(predictor.predict_photo(path)) == 2

    def test_heic_without_its_package(self, predictor, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        path = tmp_path / "photo.heic"
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        with pytest.raises(MissingExtraError, match=r'photo.heic: .* "agr-faces\[heic\]"'):
            predictor.predict_photo(path)
        assert "agr-faces[heic]" in next(predictor.stream([path])).error

    def test_damaged_heic(self, tmp_path):
        pytest.importorskip("pillow_heif", reason="the extra agr-faces[heic] is not installed")
        path = tmp_path / "photo.heic"
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        with pytest.raises(ImageError, match="cannot be decoded"):
            read_photo(path)


class TestBoundedReading:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "array", "pil"])
    def test_shrinks_and_tells_how_far(self, kind, photo):
        source = {"array": np.asarray(photo), "pil": photo}.get(kind)
        if source is None:
            source = encode(photo, kind)
        pixels, scale = read_photo(source, 160)
        assert pixels.shape == (120, 160, 3)
        assert scale == 4
        small = np.asarray(photo.resize((160, 120), Image.Resampling.BOX), dtype=float)
        assert abs(pixels - small).mean() < 6

    @pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
    def test_shrinks_every_mode(self, mode):
        gray = Image.new("L", (300, 100), 200)
        if mode == "I;16":
            gray = Image.fromarray(np.full((100, 300), 200 * 257, np.uint16))
        else:
            gray = gray.convert(mode)
        pixels, _ = read_photo(gray, 60)
        assert pixels.shape == (20, 60, 3)
        expected = 255 * 200 / 255 if mode != "1" else pixels.mean()
        assert abs(pixels.astype(float) - expected).max() <= (255 if mode == "1" else 2)

    @pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
    def test_rotation_survives_shrinking(self, kind, photo):
        exif = Image.Exif()
        exif[0x0112] = 6
        lying = photo.transpose(Image.Transpose.ROTATE_90)
        pixels, _ = read_photo(encode(lying, kind, exif=exif), 160)
        small = np.asarray(photo.resize((160, 120), Image.Resampling.BOX), dtype=float)
        assert abs(pixels - small).mean() < 6

    def test_small_photos_keep_their_pixels(self, photo):
        pixels, scale = read_photo(encode(photo, "PNG"))
        assert scale == 1
        np.testing.assert_array_equal(pixels, np.asarray(photo))

    def test_boxes_are_in_the_photos_own_pixels(self, predictor, photo, monkeypatch):
        large = photo.resize((5120, 3840))
        found = predictor.predict_photo(encode(large, "JPEG"))
        expected = predictor.predict_photo(photo)
        np.testing.assert_allclose(found[0].box, np.multiply(expected[0].box, 8), atol=60)

    def test_a_jpeg_is_decoded_small(self, photo, monkeypatch):
        decoded = []
        load = JpegImagePlugin.JpegImageFile.load

        def watch(self):
            decoded.append(self.size)
            return load(self)

        data = encode(photo, "JPEG")
        monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", watch)
        read_photo(data, 80)
        assert decoded[0] == (80, 60)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_a_hundred_megapixels_raise_no_warning(self, kind, monkeypatch, photo):
        # As if Pillow began to warn at 1,000 pixels, and stopped at 2,000.
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert read_photo(encode(photo, kind), 64)[0].shape == (48, 64, 3)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_limit(self, kind, monkeypatch, photo):
        monkeypatch.setattr(images, "MAX_PHOTO_PIXELS", 1000)
        with pytest.raises(ImageError, match="640 x 480 pixels; at most 1,000 are read"):
            read_photo(encode(photo, kind), 64)

    def test_damaged(self, photo):
        for data in (b"\xff\xd8\xff nothing", b"\x89PNG nothing"):
            with pytest.raises(ImageError, match=r"cannot be decoded|not a picture"):
                read_photo(data)


def test_face_is_empty_by_default():
    assert set(Face().to_dict().values()) == {None}
