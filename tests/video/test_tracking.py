import numpy as np
import pytest

from agr.video.tracking import PATIENCE, Tracker


def square(x, y, side=40.0):
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def follow(paths, times, side=40.0):
    """Follow points whose places at the times are given; None is out of sight."""
    tracker, found = Tracker(), []
    for k, time in enumerate(times):
        seen = [i for i, path in enumerate(paths) if path[k] is not None]
        ids = tracker.update(time, [square(*paths[i][k], side) for i in seen])
        found.append(dict(zip(seen, ids, strict=True)))
    return found


def line(start, step, n):
    return [tuple(np.add(start, np.multiply(step, k))) for k in range(n)]


class TestTracker:
    def test_people_who_cross_keep_their_ids(self):
        times = np.arange(20) / 10
        paths = [line((0, 100), (20, 0), 20), line((380, 104), (-20, 0), 20)]
        assert follow(paths, times) == [{0: 1, 1: 2}] * 20

    @pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=["same", "swapped"])
    def test_the_sum_of_the_distances_decides(self, order):
        tracker = Tracker()
        tracker.update(0.0, [square(0, 0), square(40, 0)])
        # The first box is nearest to person 2, but then person 1 would have to jump.
        boxes = [square(22, 0), square(70, 0)]
        assert tracker.update(0.1, [boxes[i] for i in order]) == [i + 1 for i in order]

    def test_a_walker_is_followed_at_few_frames_a_second(self):
        path = line((0, 0), (50, 0), 8)  # 1.25 sides a frame, 6.25 a second
        assert follow([path], np.arange(8) / 5) == [{0: 1}] * 8

    def test_a_jump_is_somebody_else(self):
        assert follow([[(0, 0), (400, 0)]], [0, 0.1]) == [{0: 1}, {0: 2}]

    def test_another_size_is_somebody_else(self):
        tracker = Tracker()
        tracker.update(0.0, [square(100, 100, 40)])
        assert tracker.update(0.04, [square(100, 100, 120)]) == [2]

    @pytest.mark.parametrize(("hidden", "expected"), [(0.8, 1), (1.3, 2)])
    def test_hidden_for_a_moment(self, hidden, expected):
        assert PATIENCE == 1
        path = [(0, 0), (4, 0), None, (10, 0)]
        times = [0, 0.1, 0.2, 0.1 + hidden]
        assert follow([path], times)[-1] == {0: expected}

    def test_who_is_hidden_goes_on_at_the_same_speed(self):
        path = [(0, 0), (30, 0), (60, 0), None, None, None, (180, 0)]
        assert follow([path], np.arange(7) / 10)[-1] == {0: 1}

    def test_frames_further_apart_than_patience(self):
        assert follow([[(0, 0), (5, 0), (9, 0)]], [0, 2, 4]) == [{0: 1}] * 3

    def test_known_ids_lead_to_the_same_state(self):
        times = np.arange(12) / 10
        paths = [line((0, 100), (15, 3), 12), line((300, 90), (-14, 0), 12)]
        free, told = Tracker(), Tracker()
        for k, time in enumerate(times):
            boxes = [square(*path[k]) for path in paths]
            told.update(time, boxes, free.update(time, boxes))
        assert told.tracks == free.tracks
        assert told.n_started == free.n_started == 2

    def test_nobody(self):
        tracker = Tracker()
        assert tracker.update(0.0, []) == []
        assert tracker.update(0.1, [square(0, 0)]) == [1]
        assert tracker.update(0.2, []) == []

    def test_forget(self):
        tracker = Tracker()
        tracker.update(0.0, [square(0, 0)])
        tracker.forget()
        assert tracker.update(0.1, [square(0, 0)]) == [2]
