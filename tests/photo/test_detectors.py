import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from agr.errors import MissingExtraError, ParameterError
from agr.photo.alignment import warp
from agr.photo.detectors import DETECTORS, Detection, Detector, open_detector
from agr.photo.detectors.centerface import CenterFace
from agr.photo.detectors.shrinking import largest_first, shrink
from agr.photo.detectors.yunet import YuNet

# Of examples/astronaut.jpg, in pixels, looked at in the picture.
EYES = {"left_eye": (58, 61), "right_eye": (138, 59)}


@pytest.fixture(scope="module")
def astronaut():
    with Image.open("examples/astronaut.jpg") as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request):
    if request.param == "mtcnn":
        pytest.importorskip("mtcnn", reason="the extra agr-faces[detect] is not installed")
    return open_detector(request.param)


def place(crop, size, spots):
    """Put copies of a crop on a grey photo: (left, top, side, angle in degrees) each."""
    photo = np.full((size[1], size[0], 3), 127, np.uint8)
    matrices = []
    for left, top, side, angle in spots:
        scale, turn = side / crop.shape[0], np.radians(angle)
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.array([left, top]) + side / 2
        shift = middle - rotation @ np.full(2, crop.shape[0] / 2)
        matrix = np.column_stack([rotation, shift])
        mask = warp(np.full_like(crop, 255), matrix, max(size))[: size[1], : size[0]] > 127
        photo[mask] = warp(crop, matrix, max(size))[: size[1], : size[0]][mask]
        matrices.append(matrix)
    return photo, matrices


class TestDetectors:
    def test_is_a_detector(self, detector):
        assert isinstance(detector, Detector)
        assert set(EYES) <= set(detector.framing)

    @pytest.mark.parametrize("side", [90, 200, 380], ids=["small", "medium", "large"])
    @pytest.mark.parametrize("angle", [0, 25, -25], ids=["upright", "right", "left"])
    def test_eyes(self, detector, astronaut, side, angle):
        photo, (matrix,) = place(astronaut, (640, 480), [(120, 40, side, angle)])
        (face,) = detector(photo)
        for name, eye in EYES.items():
            true = matrix[:, :2] @ eye + matrix[:, 2]
            assert np.linalg.norm(np.subtract(face.landmarks[name], true)) < 0.05 * side
        left, top, right, bottom = face.box
        middle = matrix[:, :2] @ (100, 100) + matrix[:, 2]
        assert left < middle[0] < right
        assert top < middle[1] < bottom
        assert 0.5 < face.score <= 1

    def test_largest_first(self, detector, astronaut):
        spots = [(20, 30, 120, 0), (300, 100, 300, 0), (30, 280, 180, 0)]
        photo, _ = place(astronaut, (640, 480), spots)
        found = detector(photo)
        assert len(found) == 3
        assert [face.area for face in found] == sorted((f.area for f in found), reverse=True)
        assert found[0].box[0] > 300

    @pytest.mark.parametrize("shape", [(480, 640), (3, 900), (1, 1)], ids=["photo", "strip", "dot"])
    def test_no_face(self, detector, shape):
        noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        assert detector(noise) == []

    def test_large_photo_is_told_in_its_own_pixels(self, detector, astronaut):
        photo, (matrix,) = place(astronaut, (2400, 1300), [(1200, 300, 800, 0)])
        (face,) = detector(photo)
        for name, eye in EYES.items():
            true = matrix[:, :2] @ eye + matrix[:, 2]
            assert np.linalg.norm(np.subtract(face.landmarks[name], true)) < 40

    def test_unwritable_photo_stays_as_it_is(self, detector, astronaut):
        photo, _ = place(astronaut, (640, 480), [(120, 40, 200, 0)])
        photo.flags.writeable = False
        before = photo.copy()
        detector(photo)
        np.testing.assert_array_equal(photo, before)


class TestCenterFace:
    def test_many_faces_are_looked_at_again_in_batches(self, astronaut):
        spots = [(10 + 90 * k, 10 + 90 * j, 80, 0) for j in range(5) for k in range(7)]
        photo, _ = place(astronaut, (640, 480), spots)
        assert len(CenterFace()(photo)) == 35

    def test_the_second_look_sharpens(self, astronaut, monkeypatch):
        def error(detector):
            off = []
            for angle in (-25, -10, 10, 25):
                photo, (matrix,) = place(astronaut, (640, 480), [(120, 40, 330, angle)])
                (face,) = detector(photo)
                true = [matrix[:, :2] @ eye + matrix[:, 2] for eye in EYES.values()]
                seen = [face.landmarks[name] for name in EYES]
                off.append(np.linalg.norm(np.subtract(seen, true), axis=1).mean())
            return np.mean(off)

        both = error(CenterFace())
        unchanged = lambda self, image, found: [(face, 1.0) for face in found]  # noqa: E731
        monkeypatch.setattr(CenterFace, "look_again", unchanged)
        assert both < 0.7 * error(CenterFace())

    def test_a_larger_side_finds_smaller_faces(self, astronaut):
        photo, _ = place(astronaut, (1600, 1200), [(800, 500, 40, 0)])
        assert CenterFace(max_side=640)(photo) == []
        assert len(CenterFace(max_side=1600)(photo)) == 1

    def test_least_score(self, astronaut):
        photo, _ = place(astronaut, (640, 480), [(120, 40, 200, 0)])
        (face,) = CenterFace()(photo)
        assert CenterFace(least_score=face.score - 0.001)(photo) == [face]
        assert CenterFace(least_score=face.score + 0.001)(photo) == []
        assert CenterFace(least_score=1)(photo) == []

    def test_score_0_lets_everything_through(self, astronaut):
        photo, _ = place(astronaut, (320, 240), [(60, 20, 200, 0)])
        (face,) = CenterFace()(photo)
        found = CenterFace(least_score=0)(photo)
        assert len(found) > 20
        assert face in found

    def test_one_thread_finds_the_same(self, astronaut):
        photo, _ = place(astronaut, (640, 480), [(120, 40, 200, 10)])
        (one,), (many,) = CenterFace(threads=1)(photo), CenterFace(threads=2)(photo)
        np.testing.assert_allclose(one.box, many.box, atol=0.01)


class TestYuNet:
    def test_centerface_decides(self, astronaut, monkeypatch):
        photo, _ = place(astronaut, (640, 480), [(20, 40, 200, 0), (300, 40, 300, 0)])
        detector = YuNet()
        assert len(detector(photo)) == 2
        scores = iter([0.99, 0.05])
        monkeypatch.setattr(
            CenterFace, "look_again", lambda self, image, found: [(f, next(scores)) for f in found]
        )
        (face,) = detector(photo)
        assert face.score == 0.99
        assert face.box[0] > 250

    def test_small_faces_that_it_is_unsure_of(self, astronaut):
        photo, _ = place(astronaut, (640, 480), [(300, 200, 23, 0)])
        levels = YuNet()._session.run(None, {"images": photo[None]})
        logits = [maps[0, :2].reshape(2, -1) for maps in levels]
        first = max(np.sqrt((1 / (1 + np.exp(-pair))).prod(axis=0)).max() for pair in logits)
        assert first < 0.5
        (face,) = YuNet()(photo)
        assert face.score > 0.5

    def test_a_face_that_fills_the_photo_is_one(self, astronaut):
        crop = np.asarray(Image.fromarray(astronaut).crop((40, 40, 160, 160)).resize((640, 640)))
        (face,) = YuNet()(crop)
        left, _, right, _ = face.box
        assert abs((left + right) / 2 - 320) < 64
        assert right - left > 500

    def test_finds_what_centerface_finds(self, astronaut):
        spots = [(10 + 90 * k, 10 + 90 * j, 80, 0) for j in range(5) for k in range(7)]
        photo, _ = place(astronaut, (640, 480), spots)
        middles = [
            sorted(((f.box[0] + f.box[2]) // 90, (f.box[1] + f.box[3]) // 90) for f in found)
            for found in (YuNet()(photo), CenterFace()(photo))
        ]
        assert len(middles[0]) == 35
        assert middles[0] == middles[1]

    def test_least_score(self, astronaut):
        photo, _ = place(astronaut, (640, 480), [(120, 40, 200, 0)])
        (face,) = YuNet()(photo)
        assert YuNet(least_score=face.score - 0.001)(photo) == [face]
        assert YuNet(least_score=face.score + 0.001)(photo) == []


class TestParameters:
    def test_unknown_device(self):
        with pytest.raises(ParameterError, match="device must be one of .*'cpu'.*got 'cudo'"):
            open_detector(device="cudo")

    def test_unknown_name(self):
        with pytest.raises(ParameterError, match="Did you mean 'mtcnn'"):
            open_detector("mtcn")

    @pytest.mark.parametrize("kind", [CenterFace, YuNet])
    @pytest.mark.parametrize("max_side", [0, 63, -640])
    def test_max_side(self, kind, max_side):
        with pytest.raises(ParameterError, match="at least 64 pixels"):
            kind(max_side)

    def test_mtcnn_is_absent(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "mtcnn", None)
        with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[detect\]"'):
            open_detector("mtcnn")


class TestShrinking:
    @pytest.mark.parametrize(
        ("size", "multiple", "expected"),
        [
            ((640, 480), 32, (640, 480)),
            ((2000, 1000), 32, (640, 320)),
            ((641, 480), 1, (640, 480)),
            ((100, 30), 32, (128, 32)),
            ((5000, 2), 32, (640, 32)),
        ],
        ids=["fits", "half", "just-over", "small", "strip"],
    )
    def test_sizes(self, size, multiple, expected):
        small, factors = shrink(np.zeros((size[1], size[0], 3), np.uint8), 640, multiple)
        assert small.shape[1::-1] == expected
        np.testing.assert_allclose(factors * expected, size)

    def test_a_photo_that_fits_is_not_copied(self):
        photo = np.zeros((480, 640, 3), np.uint8)
        assert shrink(photo, 640, 32)[0] is photo

    def test_order_of_equal_faces_is_kept(self):
        one = Detection((0, 0, 10, 10), 0.9, {})
        two = replace(one, score=0.5)
        larger = replace(one, box=(0, 0, 20, 10))
        assert largest_first([one, two, larger]) == [larger, one, two]


def test_no_detector_is_imported_unasked(environment):
    code = (
        "import sys, agr, agr.cli, agr.predictor;"
        "print([m for m in sys.modules if m in ('mtcnn', 'tensorflow', 'agr.photo.alignment') "
        "or m.startswith('agr.photo.detectors')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_centerface_needs_no_tensorflow(environment):
    code = (
        "import sys; from agr.photo.detectors import open_detector; import numpy as np;"
        "open_detector()(np.zeros((64, 64, 3), np.uint8)); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
