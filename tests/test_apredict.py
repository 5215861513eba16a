"""Predictions that a service awaits, and those that it no longer wants."""

import asyncio
import inspect
import threading

import numpy as np
import pytest

from agr import Predictor
from agr.errors import FaceNotFoundError, ImageError, ParameterError

PHOTO = "examples/astronaut.jpg"


@pytest.fixture(scope="module")
def predictor():
    return Predictor(["age"], engine="onnxruntime", threads=2)


class Slow:
    """A picture that is being read until it is let go, and tells how many are."""

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.n_begun = 0

    def read(self, size):
        self.n_begun += 1
        self.begun.release()
        assert self.go.wait(60)
        raise ImageError("let go")


@pytest.mark.parametrize("faces", ["detect", "crop"])
def test_answers_as_predict_does(predictor, faces):
    one = asyncio.run(predictor.apredict(PHOTO, faces=faces))
    assert one == predictor.predict(PHOTO, faces=faces)
    pictures = [PHOTO, "gone.png", np.zeros((32, 32, 3), np.uint8)]
    many = asyncio.run(predictor.apredict(iter(pictures), faces=faces))
    assert [face.error for face in many] == [
        face.error for face in predictor.predict(pictures, faces=faces)
    ]
    assert many[0].age == pytest.approx(one.age, abs=0.01)


def test_errors(predictor):
    with pytest.raises(FaceNotFoundError):
        asyncio.run(predictor.apredict(np.zeros((99, 99, 3), np.uint8)))
    with pytest.raises(ImageError, match=r"gone.png does not exist"):
        asyncio.run(predictor.apredict("gone.png"))
    with pytest.raises(ParameterError, match="faces must be one of"):
        asyncio.run(predictor.apredict(PHOTO, faces="none"))


def test_the_loop_goes_on(predictor):
    async def both():
        slow = Slow()
        waiting = asyncio.create_task(predictor.apredict([slow]))
        await asyncio.to_thread(slow.begun.acquire)
        quick = await predictor.apredict(PHOTO)  # on the other core
        assert not waiting.done()
        slow.go.set()
        return quick, await waiting

    quick, (failed,) = asyncio.run(both())
    assert quick.age and failed.error == "let go"


@pytest.mark.parametrize("many", [True, False], ids=["many", "one"])
def test_cancelled(predictor, many):
    """What waits is dropped, what is being read ends, and others are answered."""

    async def cancel():
        slow = [Slow() for _ in range(10)]
        work = [slow] if many else slow
        tasks = [asyncio.create_task(predictor.apredict(one)) for one in work]
        for one in slow[:2]:
            await asyncio.to_thread(one.begun.acquire)
        for task in tasks:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in found)
        for one in slow:
            one.go.set()
        answer = await asyncio.wait_for(predictor.apredict(PHOTO), 60)
        assert answer.age
        assert [one.n_begun for one in slow] == [1, 1] + [0] * 8

    asyncio.run(cancel())


def test_an_error_of_the_source_leaves_nothing_behind(predictor):
    slow = Slow()

    def pictures():
        yield slow
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        asyncio.run(predictor.apredict(pictures()))
    assert slow.n_begun == 0
    assert inspect.iscoroutinefunction(predictor.apredict)
