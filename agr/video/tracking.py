"""Tell which box of a frame belongs to which person of the frames before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Box = tuple[float, float, float, float]
Point = tuple[float, float]

PATIENCE = 1.0  # seconds that a person may be hidden
# How far a face may be from where it is expected, in sides of its box: detectors shake a little,
# and somebody who walks past covers six or seven heights of a face in a second.
SHAKE, SPEED, FARTHEST = 0.5, 6.5, 2.0
INERTIA = 0.5  # weight of the speed so far against the speed since the last frame


@dataclass(frozen=True)
class Track:
    """Where a person was last seen.

    Attributes
    ----------
    id : int
        From 1, in the order of first sight.
    box : tuple of float
        Left, top, right and bottom in pixels.
    time : float
        Seconds, of the last sight.
    sightings : int
        Frames in which the person was seen.
    speed : (float, float)
        Pixels per second in x and y.
    """

    id: int
    box: Box
    time: float
    sightings: int = 1
    speed: Point = (0.0, 0.0)

    def seen(self, box: Box, time: float) -> "Track":
        """Give the track after another sight."""
        elapsed = time - self.time
        now = [(b - a) / elapsed for a, b in zip(_centre(self.box), _centre(box), strict=True)]
        if self.sightings > 1:  # one sight alone says nothing about speed
            pairs = zip(self.speed, now, strict=True)
            now = [INERTIA * old + (1 - INERTIA) * new for old, new in pairs]
        return Track(self.id, box, time, self.sightings + 1, (now[0], now[1]))

    def cost(self, box: Box, time: float) -> float:
        """Say how badly a box fits: off its place and size, or infinite where too far."""
        elapsed = time - self.time
        x, y = (at + v * elapsed for at, v in zip(_centre(self.box), self.speed, strict=True))
        sides = _side(self.box), _side(box)
        off = math.dist((x, y), _centre(box)) * 2 / sum(sides)
        growth = abs(math.log(sides[1] / sides[0]))
        reach = min(SHAKE + SPEED * elapsed, FARTHEST)
        return off + growth if max(off, growth) <= reach else math.inf


class Tracker:
    """Follows boxes from frame to frame.

    Attributes
    ----------
    tracks : dict of int to Track
        People that are in sight, or were a moment ago, by id.
    n_started : int
        Ids given so far.

    Examples
    --------
    >>> tracker = Tracker()
    >>> tracker.update(0.0, [(0, 0, 10, 10), (50, 0, 60, 10)])
    [1, 2]
    >>> tracker.update(0.1, [(48, 0, 58, 10), (2, 0, 12, 10), (90, 0, 99, 9)])
    [2, 1, 3]
    """

    def __init__(self) -> None:
        self.tracks: dict[int, Track] = {}
        self.n_started = 0
        self._time = 0.0

    def update(self, time: float, boxes: Sequence[Box], ids: Sequence[int] = ()) -> list[int]:
        """Take in the boxes of the next frame."""
        # Whoever was in the last frame may go on, however long ago that was.
        oldest = min(time - PATIENCE, self._time)
        self.tracks = {k: t for k, t in self.tracks.items() if t.time >= oldest}
        self._time = time
        ids = list(ids) or self._match(time, boxes)
        for number, box in zip(ids, boxes, strict=True):
            old = self.tracks.get(number)
            self.tracks[number] = Track(number, box, time) if old is None else old.seen(box, time)
        self.n_started = max([self.n_started, *ids])
        return ids

    def forget(self) -> None:
        """Begin anew: the next boxes are other people's."""
        self.tracks = {}

    def _match(self, time: float, boxes: Sequence[Box]) -> list[int]:
        tracks = list(self.tracks.values())
        costs: npt.NDArray[np.float64] = np.array(
            [[track.cost(box, time) for box in boxes] for track in tracks]
        ).reshape(len(tracks), len(boxes))
        # The solver refuses infinity: a large number stands for it and is thrown out again.
        never = 1e6
        pairs = zip(*linear_sum_assignment(np.minimum(costs, never)), strict=True)
        found = {int(b): tracks[t].id for t, b in pairs if costs[t, b] < never}
        new = iter(range(self.n_started + 1, self.n_started + 1 + len(boxes)))
        return [found[b] if b in found else next(new) for b in range(len(boxes))]


def _centre(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _side(box: Box) -> float:
    """Give the side of a square as large as the box."""
    return math.sqrt(max(box[2] - box[0], 1) * max(box[3] - box[1], 1))
