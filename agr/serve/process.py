"""The handle by which the service holds one process that reads pictures."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from agr import errors
from agr.errors import AgrError
from agr.serve.picture import Answer, Picture

COMMAND = (sys.executable, "-m", "agr.serve.reader")
MAX_REPLY = 16 * 2**20  # bytes; a photo of a thousand faces takes one
# One thread each, and large blocks given back at once.
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(4 * 2**20),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class EndedError(AgrError):
    """The process ended before it answered."""


class Reader:
    """A process that reads one picture at a time."""

    def __init__(
        self,
        predictor: dict[str, Any],
        *,
        memory: int,
        nice: int = 0,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._given = {"predictor": predictor, "memory": memory, "nice": nice}
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Number of the process."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> tuple[str, ...]:
        """Start the process, in place of one that ended."""
        self.close()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Without the service's settings: nobody who breaks into a reader finds the key.
            env={k: v for k, v in os.environ.items() if not k.startswith("AGR_")} | ENVIRONMENT,
        )
        reply = self._ask(self._given)
        if "error" in reply:
            self.close()
            raise getattr(errors, reply["kind"], AgrError)(reply["error"])
        return tuple(reply["tasks"])

    def read(self, picture: Picture, max_pixels: int, seconds: float, *, large: bool) -> Answer:
        """Have a picture read; blocks."""
        asked = {**asdict(picture), "data": len(picture.data), "seconds": seconds}
        reply = self._ask({**asked, "large": large, "max_pixels": max_pixels}, picture.data)
        if "failed" in reply:
            raise (MemoryError if reply["memory"] else RuntimeError)(reply["failed"])
        return Answer(**reply)

    def kill(self) -> None:
        """End the process at once; a `read` in another thread raises `EndedError`."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process, and wait for that."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(OSError):  # of what was still to be written to a process that is gone
                stream.close()
        self._process = None

    def _ask(self, asked: dict[str, Any], data: bytes = b"") -> Any:
        process = self._process
        if process is None:
            raise EndedError("The process was not started.")
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.write(data)
            process.stdin.flush()
            line = process.stdout.readline(MAX_REPLY)
        except (OSError, ValueError):  # it is gone; or closed by another thread
            line = b""
        if not line.endswith(b"\n"):
            process.kill()
            raise EndedError(f"It ended with status {process.wait()}.")
        return json.loads(line)
