"""The people of a video: who is in a frame, and what all frames so far say of each."""

import math
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
from PIL import Image

from agr.core.images import Pixels
from agr.errors import ParameterError
from agr.photo.annotate import label_lines
from agr.prediction import Face, Prediction
from agr.predictor import Predictor
from agr.video.tracking import Tracker

LEAST_SIGHTINGS = 2  # of a person who counts; what is seen in one frame only is often no face
THUMBNAIL, CUT = (16, 12), 40  # pixels, and the mean difference of two that tells a cut


@dataclass(frozen=True, repr=False)
class Person(Face):
    """A face in a frame of a video, with what was read from it and from the person's frames before.

    ``age``, ``age_interval`` and the probabilities are means over what was read so far, ``gender``
    and ``race`` the likeliest of these; the place is that of this frame.

    Attributes
    ----------
    id : int
        From 1, in the order of first sight.
    """

    id: int = field(kw_only=True)


class People:
    """Follows people through the frames of a video.

    Somebody who is hidden for up to a second keeps the id; whoever comes back later, or after a
    cut, gets another. This follows places, and recognises nobody.

    Parameters
    ----------
    predictor : Predictor
        Finds and reads the faces.
    every : int, default=5
        Each person is read at the first sight and at every so many more; faces are found in every
        frame.

    Attributes
    ----------
    count : int
        People that were seen in two frames or more.
    """

    def __init__(self, predictor: Predictor, *, every: int = 5) -> None:
        if every < 1:
            raise ParameterError(f"every must be at least 1, got {every!r}.")
        self.count = 0
        self._predictor = predictor
        self._every = every
        self._tracker = Tracker()
        self._read: dict[int, Prediction] = {}
        self._thumbnail: Any = None
        self._time = -math.inf

    def look(self, pixels: Pixels, time: float) -> list[Person]:
        """Find and read the people of the next frame.

        Parameters
        ----------
        pixels : array of shape (h, w, 3)
            uint8, RGB, upright.
        time : float
            Seconds; more than at the last call.

        Returns
        -------
        list of Person
            By id.
        """
        found = self._predictor.find(pixels)
        places = [face.scaled() for face in found]  # rounded, as a table tells them to `recall`
        ids = self._follow(pixels, time, [place.box for place in places])
        sightings = [self._tracker.tracks[number].sightings for number in ids]
        due = [i for i, n in enumerate(sightings) if (n - 1) % self._every == 0]
        answers = self._predictor.read(pixels, [found[i] for i in due])
        for i, answer in zip(due, answers, strict=True):
            n = 1 + (sightings[i] - 1) // self._every
            self._read[ids[i]] = _blend(self._read[ids[i]], answer, n) if n > 1 else answer
        people = [
            Person(**vars(self._read[number]), **vars(place), id=number)
            for number, place in zip(ids, places, strict=True)
        ]
        return sorted(people, key=attrgetter("id"))

    def recall(self, pixels: Pixels, time: float, people: list[Person]) -> None:
        """Take over what `look` gave for the next frame in an earlier run.

        Parameters
        ----------
        pixels, time
            As for `look`.
        people : list of Person
            What it gave.
        """
        boxes = [person.box for person in people if person.box is not None]
        self._follow(pixels, time, boxes, [person.id for person in people])
        fields = Prediction.__dataclass_fields__
        for person in people:
            self._read[person.id] = Prediction(**{name: getattr(person, name) for name in fields})

    def _follow(
        self, pixels: Pixels, time: float, boxes: list[Any], ids: list[int] | None = None
    ) -> list[int]:
        thumbnail = np.asarray(Image.fromarray(pixels).resize(THUMBNAIL, reducing_gap=2.0), float)
        if time <= self._time:
            raise ParameterError(f"time must grow, got {time} after {self._time}.")
        self._time = time
        if self._thumbnail is not None and abs(thumbnail - self._thumbnail).mean() > CUT:
            self._tracker.forget()
        self._thumbnail = thumbnail
        ids = self._tracker.update(time, boxes, ids or ())
        tracks = self._tracker.tracks
        self.count += sum(tracks[number].sightings == LEAST_SIGHTINGS for number in ids)
        self._read = {number: read for number, read in self._read.items() if number in tracks}
        return ids


def person_lines(person: Person) -> list[str]:
    """Put into words what is known of a person, for `agr.photo.annotate`.

    Parameters
    ----------
    person : Person
        From `People.look`.

    Returns
    -------
    list of str
        The id, and a line for each task that was read.

    Examples
    --------
    >>> person_lines(Person(id=3, age=31.6, race="black"))
    ['person 3', 'age 32', 'black']
    """
    return [f"person {person.id}", *label_lines(person)]


def _blend(mean: Prediction, new: Prediction, n: int) -> Prediction:
    """Take the n-th prediction into the mean of those before it."""

    def blend(a: Any, b: Any) -> Any:
        # A task that is left out, a face that could not be aligned, or an answer that is withheld.
        if a is None or b is None:
            return b if a is None else a
        if isinstance(a, dict):
            return {key: blend(a[key], b[key]) for key in a}
        if isinstance(a, tuple):
            return tuple(map(blend, a, b))
        return a + (b - a) / n

    labels = ("gender", "race")
    shares = {f"{label}_probabilities" for label in labels}
    numbers = {
        name: blend(getattr(mean, name), getattr(new, name))
        for name in ("age", "age_interval", *shares)
    }
    likeliest = {
        label: max(chances, key=chances.__getitem__)
        for label in labels
        if (chances := numbers[f"{label}_probabilities"]) and label not in (new.withheld or ())
    }
    latest = {name: getattr(new, name) for name in ("withheld", "quality", "readable")}
    return Prediction(**numbers, **likeliest, **latest)
