import numpy as np
import pytest
from PIL import Image

from agr.errors import ImageError, ParameterError
from agr.photo.alignment import FRAMINGS, align, similarity, warp

FRAMING = FRAMINGS["centerface"]


@pytest.fixture(scope="module")
def astronaut():
    with Image.open("examples/astronaut.jpg") as image:
        return np.asarray(image.convert("RGB"))


def turned(angle, scale, shift):
    turn = scale * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=float
    )
    return np.column_stack([turn, shift])


class TestSimilarity:
    @pytest.mark.parametrize("n", [2, 5], ids=["eyes", "five"])
    def test_finds_the_exact_one(self, n):
        points = np.random.default_rng(0).uniform(0, 100, (n, 2))
        matrix = turned(0.5, 1.7, (4, -9))
        found = similarity(points, points @ matrix[:, :2].T + matrix[:, 2])
        np.testing.assert_allclose(found, matrix, atol=1e-9)

    def test_no_mirroring(self):
        # A mirrored copy fits no turn: the best similarity keeps the sense of rotation.
        points = np.array([(0, 0), (2, 0), (2, 1.0)])
        found = similarity(points, points * (1, -1))
        assert np.linalg.det(found[:, :2]) > 0

    @pytest.mark.parametrize(
        "points",
        [
            [(3, 3)] * 5,
            [(float("nan"), 3), *[(3, 3)] * 4],
            [(float("inf"), 3), *[(3, 3)] * 4],
            [(1e200, 3), *[(3, 3)] * 4],
            [(1, 1), (1, -1), (-1, -1), (-1, 1), (0, 0)],
        ],
        ids=["one place", "nan", "infinite", "huge", "mirrored"],
    )
    def test_no_similarity(self, points):
        target = [(1, -1), (1, 1), (-1, 1), (-1, -1), (0, 0)]  # a mirrored square is nearest a dot
        with pytest.raises(ImageError, match="landmarks must be different places"):
            similarity(points, target)


class TestWarp:
    def test_shift_copies_the_pixels(self, astronaut):
        square = warp(astronaut, turned(0, 1, (-20, -30)), 100)
        np.testing.assert_array_equal(square, astronaut[30:130, 20:120])

    def test_black_where_the_photo_ends(self):
        white = np.full((40, 40, 3), 255, np.uint8)
        square = warp(white, turned(0, 1, (20, 0)), 40)
        assert (square[:, :19] == 0).all()
        assert (square[:, 21:] == 255).all()

    @pytest.mark.parametrize("shift", [(500, 0), (0, -500)], ids=["right", "above"])
    def test_wholly_outside(self, astronaut, shift):
        assert (warp(astronaut, turned(0, 1, shift), 50) == 0).all()

    def test_shrinking_is_antialiased(self):
        board = np.zeros((800, 800, 3), np.uint8)
        board[::2, ::2] = board[1::2, 1::2] = 255
        square = warp(board, turned(0.2, 0.05, (10, 5)), 30)
        inside = square[10:25, 10:25].astype(float)
        assert abs(inside.mean() - 127.5) < 3
        assert inside.std() < 8  # without a filter: about 127

    @pytest.mark.parametrize("scale", [0.3, 1.0, 2.5], ids=["smaller", "same", "larger"])
    @pytest.mark.parametrize("angle", [0.0, 0.5, 3.0], ids=["upright", "turned", "upside-down"])
    def test_points_land_where_the_matrix_says(self, scale, angle):
        photo = np.zeros((300, 300, 3), np.uint8)
        spot = np.array([180.0, 120.0])
        photo[112:128, 172:188] = 255
        matrix = turned(angle, scale, (0, 0))
        matrix[:, 2] = (70, 45) - matrix[:, :2] @ spot
        square = warp(photo, matrix, 120)[..., 0].astype(float)
        y, x = np.mgrid[:120, :120] + 0.5  # the middle of a pixel is half a pixel in
        middle = (square * x).sum() / square.sum(), (square * y).sum() / square.sum()
        np.testing.assert_allclose(middle, (70, 45), atol=0.15)


class TestAlign:
    @pytest.mark.parametrize("names", [("left_eye", "right_eye"), tuple(FRAMING)], ids=["2", "5"])
    def test_undoes_a_turn(self, astronaut, names):
        side = astronaut.shape[0]
        matrix = turned(0.4, 1.6, (140, 20))
        photo = warp(astronaut, matrix, 500)
        points = np.array([FRAMING[name] for name in names]) * side
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        landmarks = {name: tuple(point) for name, point in zip(names, moved, strict=True)}
        crop = align(photo, landmarks, side, FRAMING)
        difference = abs(crop.astype(float) - astronaut)[5:-5, 5:-5]
        assert difference.mean() < 4

    def test_an_eye_is_missing(self, astronaut):
        with pytest.raises(ParameterError, match=r"left_eye and right_eye, got \['nose'\]"):
            align(astronaut, {"nose": (1, 2)}, 50, FRAMING)

    @pytest.mark.parametrize("name", sorted(FRAMINGS))
    def test_framings_are_faces(self, name):
        framing = FRAMINGS[name]
        left, right, nose = (framing[key] for key in ("left_eye", "right_eye", "nose"))
        assert 0.2 < left[0] < nose[0] < right[0] < 0.8
        assert max(left[1], right[1]) < nose[1] < framing["mouth_left"][1] < 0.8
