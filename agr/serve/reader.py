"""The process that reads pictures: ``python -m agr.serve.reader``, started by the service.

Whatever is done with a client's bytes beyond counting them is done in here: a damaged or hostile
picture can end this process, or have it ended, and nothing else. Both sides talk through pipes, in
lines of JSON followed by bytes. Nothing is unpickled, so that a reader in foreign hands could only
give wrong answers.
"""

import ctypes
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from agr.core import runtime
from agr.errors import AgrError
from agr.predictor import Predictor
from agr.serve.picture import Answer, Picture
from agr.serve.reading import Reads, read

NETWORK_SECONDS = 0.1  # for a picture that others wait for: some fifteen faces


class LateError(BaseException):
    """The networks have had their time; no Exception, which an engine would call its own."""


class Clock:
    """Tells networks whether there is time for another batch.

    How many faces a photo shows, its header does not tell. Without this a reader would go on until
    it was ended, and whoever sends such photos would leave everybody waiting for readers that start
    again.
    """

    def __init__(self) -> None:
        self._seconds, self._ends = math.inf, math.inf

    def give(self, seconds: float) -> None:
        """Give the networks so many seconds of the processor, from their first batch on."""
        self._seconds, self._ends = seconds, math.nan

    def begin(self) -> None:
        """Count from now, unless that has begun."""
        if math.isnan(self._ends):
            self._ends = time.process_time() + self._seconds

    def check(self) -> None:
        """Raise once the time is over."""
        if time.process_time() > self._ends:
            raise LateError


def main(make: Callable[..., Reads] = Predictor) -> None:
    """Read pictures until the service closes the pipe."""
    asked, answers = _pipes()
    # The service ends its readers itself, once all is answered; a signal to the whole group is
    # meant for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line = asked.readline()
    if not line:
        return
    given = json.loads(line)
    clock = Clock()
    _watch(clock)
    try:
        predictor = make(**given["predictor"])
        _warm_up(predictor)
    except AgrError as error:
        _say(answers, {"error": str(error), "kind": type(error).__name__})
        return
    if sys.platform != "win32":
        os.nice(given["nice"])
    _limit_memory(given["memory"])
    _be_silent()
    _say(answers, {"tasks": predictor.tasks})
    while line := asked.readline():
        one = json.loads(line)
        picture = Picture(one["name"], asked.read(one["data"]), one["error"], one["faces"])
        clock.give(math.inf if one["large"] else NETWORK_SECONDS)
        _end_after(one["seconds"])
        reply = _read(predictor, picture, one["max_pixels"], large=one["large"])
        _end_after(0)
        _say(answers, reply)


def _watch(clock: Clock) -> None:
    """Have ONNX Runtime look at the clock, and give back what it took for a batch.

    By itself it keeps all for the next one: after a photo of thirty faces a reader would hold 150
    MB more for good.
    """
    onnxruntime: Any = vars(runtime)["onnxruntime"]
    make = onnxruntime.SessionOptions

    def frugal() -> Any:
        options = make()
        options.enable_cpu_mem_arena = False
        return options

    class Watched(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, *given: Any, **named: Any) -> Any:
            clock.begin()
            answer = super().run(*given, **named)
            clock.check()
            return answer

    onnxruntime.SessionOptions, onnxruntime.InferenceSession = frugal, Watched


def _warm_up(predictor: Reads) -> None:
    """Open all that is opened late, so that the limit of memory is the picture's alone."""
    blank = np.zeros((160, 160, 3), np.uint8)
    predictor.predict([blank], faces="crop")
    list(predictor.stream_photos([blank]))
    # What was only needed to open it: 12 MiB, which glibc would keep.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _end_after(seconds: float) -> None:
    """End the process after so many processor seconds, wherever it is; 0: never."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _read(predictor: Reads, picture: Picture, max_pixels: int, *, large: bool) -> dict[str, Any]:
    try:
        return asdict(read(predictor, picture, max_pixels, large=large))
    except LateError:
        return asdict(Answer(None, late=True))
    except MemoryError:
        return {"failed": "The memory did not suffice.", "memory": True}
    except Exception:
        return {"failed": traceback.format_exc(), "memory": False}


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes for us alone, so that no library's print gets between the answers."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return asked, answers


def _be_silent() -> None:
    """Say nothing more: what decoders print about a picture would fill the service's log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def _say(answers: IO[bytes], reply: dict[str, Any]) -> None:
    answers.write(json.dumps(reply).encode() + b"\n")
    answers.flush()


def _limit_memory(n: int) -> None:
    if sys.platform != "linux":  # elsewhere the kernel counts otherwise
        return
    import resource

    status = Path("/proc/self/status")
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    limit = int(lines["VmData"].split()[0]) * 1024 + n
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    main()
