import numpy as np
import pytest
from PIL import Image

from agr.photo.annotate import BACKGROUND, COLOURS, LINE, TEXT, annotate, label_lines
from agr.prediction import Face
from agr.video.people import Person

FACE = Face(
    age=33.4,
    age_interval=(25.2, 41.6),
    gender="female",
    gender_probabilities={"female": 0.984, "male": 0.016},
    race="white",
    race_probabilities={"white": 0.9, "black": 0.1},
    box=(200.0, 150.0, 300.0, 280.0),
    score=0.9,
    landmarks={},
)


def at(box):
    return Face(**{**vars(FACE), "box": box})


def colours(picture):
    return {tuple(pixel) for pixel in np.asarray(picture).reshape(-1, 3)}


def letters(picture):
    """Where the picture is nearly as light and grey as the text."""
    pixels = np.asarray(picture).astype(int)
    return (pixels.min(-1) > 140) & (np.ptp(pixels, axis=-1) < 40)


class TestAnnotate:
    @pytest.mark.parametrize("ground", [0, 255], ids=["dark", "light"])
    def test_dark_and_light_edges_whatever_the_ground(self, ground):
        drawn = annotate(Image.new("RGB", (640, 480), (ground,) * 3), [FACE])
        assert {BACKGROUND, LINE, TEXT} <= colours(drawn)
        row = np.asarray(drawn)[215, 190:212]
        assert BACKGROUND in {tuple(p) for p in row}
        assert LINE in {tuple(p) for p in row}

    def test_the_face_stays_visible(self):
        photo = Image.fromarray(
            np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        )
        before, after = np.asarray(photo), np.asarray(annotate(photo, [FACE]))
        np.testing.assert_array_equal(after[160:270, 210:290], before[160:270, 210:290])

    def test_the_photo_is_not_changed(self):
        photo = np.full((300, 400, 3), 80, np.uint8)
        annotate(photo, [FACE])
        assert (photo == 80).all()

    @pytest.mark.parametrize(
        "box",
        [(0, 0, 640, 480), (-20, -30, 60, 70), (600, 440, 660, 500), (0, 0, 60, 480)],
        ids=["whole", "top-left", "bottom-right", "left"],
    )
    def test_labels_stay_in_the_picture(self, box):
        text = letters(annotate(Image.new("RGB", (640, 480)), [at(box)]))
        assert text.sum() == letters(annotate(Image.new("RGB", (640, 480)), [FACE])).sum() > 200
        assert not text[[0, -1]].any()
        assert not text[:, [0, -1]].any()

    def test_labels_of_neighbours_do_not_overlap(self):
        faces = [at((100 + 70 * k, 200, 160 + 70 * k, 270)) for k in range(2)]
        photo = Image.new("RGB", (640, 480))
        alone = sum(letters(annotate(photo, [face])).sum() for face in faces)
        assert letters(annotate(photo, faces)).sum() == alone

    def test_everybody_has_a_colour_and_no_label_covers_a_face(self):
        """Twelve faces that leave room only between the rows."""
        boxes = [
            (10 + 104 * (k % 6), 60 + 220 * (k // 6), 100 + 104 * (k % 6), 180 + 220 * (k // 6))
            for k in range(12)
        ]
        photo = Image.new("RGB", (640, 480), (90, 90, 90))
        drawn = np.asarray(annotate(photo, [at(box) for box in boxes]))
        for (left, top, right, bottom), colour in zip(boxes, COLOURS, strict=True):
            assert (drawn[top + 4 : bottom - 4, left + 4 : right - 4] == 90).all()
            assert (drawn[top + 20 : bottom - 20, left : left + 2] == colour).all()
        assert len(set(COLOURS)) == 12
        alone = letters(annotate(photo, [at(boxes[0])])).sum()
        assert letters(Image.fromarray(drawn)).sum() > 6 * alone  # every label is there, if small

    def test_a_label_that_stands_apart_is_joined_to_its_face(self):
        """A tall face with neighbours around it; free is only the far right."""
        boxes = [(150, 5, 250, 475), (0, 0, 140, 480), (260, 0, 420, 480)]
        drawn = np.asarray(annotate(Image.new("RGB", (900, 480)), [at(box) for box in boxes]))
        joined = (drawn[:, 500:] == COLOURS[0]).all(-1)
        assert joined.any()  # its plate
        assert (drawn[:, 430:440] == COLOURS[0]).all(-1).any()  # the line to it

    def test_people_of_a_video_keep_the_colour_of_their_id(self):
        person = Person(**vars(FACE), id=14)
        found = colours(annotate(Image.new("RGB", (640, 480)), [person]))
        assert COLOURS[1] in found
        assert COLOURS[0] not in found

    def test_large_photos_are_shrunk_with_their_boxes(self):
        drawn = annotate(Image.new("RGB", (1280, 960)), [FACE], max_side=640)
        assert drawn.size == (640, 480)
        line = (np.asarray(drawn) == LINE).all(-1)
        assert line[90, 99:103].any()

    def test_letters_grow_with_the_photo(self):
        small, large = (
            letters(annotate(Image.new("RGB", (side, side)), [FACE])).sum() for side in (640, 2560)
        )
        assert large > 10 * small

    def test_no_face_is_the_photo_itself(self):
        photo = np.full((30, 40, 3), 80, np.uint8)
        np.testing.assert_array_equal(np.asarray(annotate(photo, [])), photo)

    def test_a_row_with_an_error_is_passed_over(self):
        photo = np.full((30, 40, 3), 80, np.uint8)
        drawn = annotate(photo, [Face(error="no face was found")])
        np.testing.assert_array_equal(np.asarray(drawn), photo)


class TestLabelLines:
    def test_all(self):
        assert label_lines(FACE) == ["female 98 %", "age 33 (25 to 42)", "white 90 %"]

    @pytest.mark.parametrize(
        ("face", "expected"),
        [(Face(), []), (Face(age=7.6), ["age 8"]), (Face(race="asian"), ["asian"])],
        ids=["nothing", "age", "race"],
    )
    def test_some(self, face, expected):
        assert label_lines(face) == expected
