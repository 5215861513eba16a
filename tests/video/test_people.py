from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from agr import Predictor
from agr.errors import ParameterError
from agr.photo.detectors import open_detector
from agr.prediction import Face
from agr.video import People
from agr.video.people import person_lines


@pytest.fixture(scope="module")
def predictor():
    return Predictor()


@pytest.fixture(scope="module")
def seen(predictor, scenes):
    """Give the people in each of the scenes, and those who saw them."""
    people = People(predictor, every=3)
    return [people.look(np.asarray(frame), i / 8) for i, frame in enumerate(scenes)], people


class TestPeople:
    def test_everyone_keeps_the_id(self, seen):
        frames, people = seen
        assert [[person.id for person in frame] for frame in frames] == (
            [[1, 2]] * 10 + [[]] * 10 + [[3]] * 4
        )
        assert people.count == 3
        first = [frame[0].box for frame in frames[:10]]
        assert first[9][0] - first[0][0] == pytest.approx(72, abs=12)
        second = [frame[1].box for frame in frames[:10]]
        assert second[9][0] - second[0][0] == pytest.approx(-72, abs=12)

    def test_answers_are_means_over_the_frames_that_were_read(self, seen, predictor, scenes):
        frames, _ = seen
        read = []
        for i in (0, 3, 6):
            faces = predictor.predict_photo(scenes[i])
            read.append(min(faces, key=lambda face: face.box[1]))  # person 1 is above
        for last, n in ((2, 1), (3, 2), (5, 2), (6, 3), (8, 3)):
            person = frames[last][0]
            faces = read[:n]
            assert person.age == pytest.approx(np.mean([face.age for face in faces]))
            for k in (0, 1):
                ends = [face.age_interval[k] for face in faces]
                assert person.age_interval[k] == pytest.approx(np.mean(ends))
            for task in ("gender", "race"):
                shares = getattr(person, f"{task}_probabilities")
                assert sum(shares.values()) == pytest.approx(1)
                assert getattr(person, task) == max(shares, key=shares.get)
                for label, share in shares.items():
                    each = [getattr(face, f"{task}_probabilities")[label] for face in faces]
                    assert share == pytest.approx(np.mean(each))

    def test_a_face_of_one_frame_does_not_count(self, predictor, scenes):
        people = People(predictor)
        for i, frame in enumerate([scenes[0], scenes[12]]):
            people.look(np.asarray(frame), i / 8)
        assert people.count == 0

    def test_recall_leads_to_the_same_people(self, seen, predictor, scenes):
        frames, _ = seen
        people = People(predictor, every=3)
        for i in range(5):
            people.recall(np.asarray(scenes[i]), i / 8, frames[i])
        assert people.count == 2
        for i in range(5, 8):
            assert people.look(np.asarray(scenes[i]), i / 8) == frames[i]

    def test_a_cut_shows_somebody_else(self, predictor, scenes):
        people = People(predictor)
        night = Image.fromarray(255 - np.asarray(scenes[20]))
        night.paste(scenes[20].crop((150, 100, 250, 200)), (150, 100))
        ids = [people.look(np.asarray(frame), i / 8)[0].id for i, frame in
               enumerate([scenes[20], scenes[21], night, night])]  # fmt: skip
        assert ids == [1, 1, 2, 2]

    def test_only_the_asked_tasks(self, scenes):
        person = People(Predictor("gender")).look(np.asarray(scenes[0]), 0)[0]
        assert person.gender in ("female", "male")
        assert person.age is person.race is None

    def test_a_face_that_cannot_be_aligned_is_read_in_a_later_frame(self, scenes):
        """Of three readings the first and the third fail."""

        class Erring:
            def __init__(self):
                self.sound, self.frames = open_detector(), 0

            @property
            def framing(self):
                return self.sound.framing

            def __call__(self, image):
                face = self.sound(image)[0]
                self.frames += 1
                if self.frames == 2:
                    return [face]
                return [replace(face, landmarks=dict.fromkeys(face.landmarks, (9.0, 9.0)))]

        people = People(Predictor("age", detector=Erring()), every=1)
        ages = [people.look(np.asarray(scenes[k]), k / 8)[0].age for k in range(3)]
        assert ages[0] is None
        assert 20 < ages[1] < 50
        assert ages[2] == ages[1]

    def test_time_must_grow(self, predictor):
        people = People(predictor)
        blank = np.zeros((48, 64, 3), np.uint8)
        people.look(blank, 0.5)
        with pytest.raises(ParameterError, match=r"time must grow, got 0\.5 after 0\.5"):
            people.look(blank, 0.5)

    def test_every(self, predictor):
        with pytest.raises(ParameterError, match="every must be at least 1, got 0"):
            People(predictor, every=0)


def test_a_person_is_a_face_with_an_id(seen):
    person = seen[0][0][0]
    assert isinstance(person, Face)
    assert person.to_dict()["id"] == 1
    assert person_lines(person)[0] == "person 1"
