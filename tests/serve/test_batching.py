import threading
import time

import pytest

from agr.serve.batching import Batcher, QueueFullError


class Doubler:
    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items):
        self.batches.append(list(items))
        self.gate.wait(10)
        if "bad" in items:
            raise ValueError("bad")
        return [item * 2 for item in items]


@pytest.fixture
def doubler():
    return Doubler()


@pytest.fixture
def make(doubler):
    made = []

    def make(**parameters):
        batcher = Batcher(doubler, **{"batch_size": 4, "wait": 0.0, "queue_size": 8, **parameters})
        made.append(batcher)
        batcher.start()
        return batcher

    yield make
    doubler.gate.set()
    for batcher in made:
        batcher.close(10)


def block(batcher, doubler):
    """Fill the worker's hands, so that everything after waits."""
    doubler.gate.clear()
    (first,) = batcher.submit([0])
    while not doubler.batches:
        time.sleep(0.005)
    return first


def test_results_keep_the_order(make):
    futures = make().submit([3, 1, 2])
    assert [future.result(5) for future in futures] == [6, 2, 4]


def test_what_waits_is_answered_together_and_never_more_than_a_batch(make, doubler):
    batcher = make()
    block(batcher, doubler)
    futures = [future for i in range(1, 7) for future in batcher.submit([i])]
    doubler.gate.set()
    assert [future.result(5) for future in futures] == [2, 4, 6, 8, 10, 12]
    assert doubler.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_the_first_waits_for_others_but_not_longer_than_allowed(make, doubler):
    batcher = make(wait=0.4)
    start = time.monotonic()
    (first,) = batcher.submit([1])
    (second,) = batcher.submit([2])
    assert (first.result(5), second.result(5)) == (2, 4)
    assert doubler.batches == [[1, 2]]
    assert 0.35 < time.monotonic() - start < 3


def test_a_full_batch_does_not_wait(make):
    start = time.monotonic()
    for future in make(wait=30).submit([1, 2, 3, 4]):
        future.result(5)
    assert time.monotonic() - start < 5


def test_a_bad_item_fails_alone(make, doubler):
    batcher = make()
    block(batcher, doubler)
    good, bad, other = batcher.submit([1, "bad", 2])
    doubler.gate.set()
    assert good.result(5) == 2
    assert other.result(5) == 4
    with pytest.raises(ValueError, match="bad"):
        bad.result(5)


def test_a_full_queue_takes_nothing_of_a_request(make, doubler):
    batcher = make(queue_size=3)
    block(batcher, doubler)
    batcher.submit([1, 2])
    with pytest.raises(QueueFullError, match="2 pictures wait already"):
        batcher.submit([3, 4])
    assert len(batcher) == 2
    batcher.submit([3])


def test_a_cancelled_item_is_not_answered(make, doubler):
    batcher = make()
    block(batcher, doubler)
    keep, drop = batcher.submit([1, 2])
    assert drop.cancel()
    doubler.gate.set()
    assert keep.result(5) == 2
    assert doubler.batches == [[0], [1]]


def test_close_answers_what_waits_and_takes_no_more(make, doubler):
    batcher = make()
    first = block(batcher, doubler)
    (waiting,) = batcher.submit([5])
    threading.Timer(0.1, doubler.gate.set).start()
    batcher.close(10)
    assert (first.result(0), waiting.result(0)) == (0, 10)
    assert not batcher.alive
    with pytest.raises(QueueFullError, match="stopping"):
        batcher.submit([1])
