"""How fast ``agr serve`` answers, whether bad clients stop good ones, and what memory it keeps.

    python benchmarks/service.py

starts the service here, asks it over 127.0.0.1 only, and writes ``results/service.json``.
``--few`` sends a handful of requests, to see that the script works; nothing is written then.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agr.predictor import Predictor

HERE = Path(__file__).parent
PICTURE = HERE.parent / "examples/astronaut.jpg"
CLIENTS = (1, 8, 64)
BOUNDARY = "agr-benchmark"


def form(data: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}") -> bytes:
    """Write a whole request with one picture."""
    head = 'Content-Disposition: form-data; name="images"; filename="a.jpg"'
    body = f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return (
        f"POST /v1/predict?faces=crop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def read_reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return int(head.split()[1]), await reader.readexactly(int(fields["content-length"]))


class Load:
    """Clients that ask again as soon as they are answered, each over one connection."""

    def __init__(self, port: int, request: bytes) -> None:
        self.port, self.request = port, request

    async def run(self, clients: int, n: int) -> dict[str, float]:
        """Send n requests; gives requests per second and milliseconds."""
        left, seconds, failed = n, [], 0

        async def client() -> None:
            nonlocal left, failed
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            while left > 0:
                left -= 1
                start = time.perf_counter()
                writer.write(self.request)
                status, body = await read_reply(reader)
                seconds.append(time.perf_counter() - start)
                failed += status != 200 or b'"error":null' not in body
            writer.close()

        start = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        took = time.perf_counter() - start
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        return {
            "clients": clients,
            "requests": n,
            "failed": failed,
            "requests_per_second": round(n / took, 1),
            "p50_ms": round(cuts[49] * 1000, 1),
            "p99_ms": round(cuts[98] * 1000, 1),
        }


class Bad:
    """Clients that do what they should not, until they are stopped."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: Counter[str] = Counter()

    async def slow(self) -> None:
        """Send twenty bytes a second."""
        request = form(b"x" * 100_000)
        async with self._connection() as (reader, writer):
            for at in range(len(request)):
                writer.write(request[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0.05)

    async def huge(self) -> None:
        """Send a picture without an end, as fast as it is taken."""
        head = form(b"")
        head = head[: head.index(b"Content-Length")] + b"Transfer-Encoding: chunked\r\n\r\n"
        start = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        )
        piece = b"x" * 65536
        async with self._connection() as (reader, writer):
            writer.write(head + b"%x\r\n" % len(start) + start.encode() + b"\r\n")
            answer = asyncio.create_task(read_reply(reader))
            answer.add_done_callback(lambda task: task.cancelled() or task.exception())
            while not answer.done():
                writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
            self.answers[f"huge {(await answer)[0]}"] += 1

    async def broken(self) -> None:
        """Send half a picture, noise, and a form without an end."""
        whole = PICTURE.read_bytes()
        await self._ask("broken", form(whole[: len(whole) // 3]))
        await self._ask("broken", form(os.urandom(20_000)))
        await self._ask("broken", form(whole).replace(f"--{BOUNDARY}--".encode(), b"x" * 17))

    async def wrong(self) -> None:
        """Send another type, and another method."""
        await self._ask("wrong type", form(b"{}", "application/json"))
        await self._ask("wrong type", b"DELETE /v1/predict HTTP/1.1\r\nHost: x\r\n\r\n")

    async def forever(self, kind: Callable[[], Awaitable[None]]) -> None:
        """Do one of these again and again."""
        while True:
            try:
                await kind()
            except (OSError, asyncio.IncompleteReadError):
                self.answers[f"{kind.__name__} cut off"] += 1
            await asyncio.sleep(0.02)

    async def _ask(self, name: str, request: bytes) -> None:
        async with self._connection() as (reader, writer):
            writer.write(request)
            status, _ = await read_reply(reader)
            self.answers[f"{name} {status}"] += 1

    @asynccontextmanager
    async def _connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()


async def beside_bad_clients(load: Load, n: int) -> dict[str, Any]:
    bad = Bad(load.port)
    kinds = [bad.slow, bad.slow, bad.huge, bad.broken, bad.wrong]
    tasks = [asyncio.create_task(bad.forever(kind)) for kind in kinds]
    await asyncio.sleep(0.2)
    good = await load.run(8, n)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise error
    return {**good, "answers_to_bad_clients": dict(sorted(bad.answers.items()))}


def resident_mib(pid: int) -> float:
    """Add up what the service and its readers hold."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [pid, *(int(n) for path in children for n in path.read_text().split())]
    return round(sum(map(_resident_mib, pids)), 1)


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def batch_throughput(models: dict[str, str], n: int) -> float:
    """Pictures per second without any service: the same file read in batches of 32."""
    predictor = Predictor(**models)
    data = PICTURE.read_bytes()
    predictor.predict([data] * 32)
    start = time.perf_counter()
    predictor.predict([data] * n)
    return round(n / (time.perf_counter() - start), 1)


async def measure(port: int, pid: int, counts: dict[str, int]) -> dict[str, Any]:
    load = Load(port, form(PICTURE.read_bytes()))
    await load.run(8, counts["warm"])
    memory = {"after_start": resident_mib(pid)}
    await load.run(8, counts["first"])
    memory[f"after_{counts['first']}"] = resident_mib(pid)
    await load.run(8, counts["all"] - counts["first"])
    memory[f"after_{counts['all']}"] = resident_mib(pid)
    speed = [await load.run(clients, counts["level"]) for clients in CLIENTS]
    bad = await beside_bad_clients(load, counts["level"])
    return {"memory_mib": memory, "speed": speed, "8_clients_beside_bad_ones": bad}


def start(models: dict[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [text for task, folder in models.items() for text in (f"--{task}", folder)]
    command = [sys.executable, "-m", "agr", "serve", "--port", str(port), *options]
    command += ["--client-requests", "0", "--timeout", "10"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, port
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    raise SystemExit("agr serve did not start; try it by hand")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", action="store_true", help="a handful of requests; write nothing")
    for task in ("age", "gender", "race"):
        parser.add_argument(f"--{task}", help="saved model; default: the one in agr")
    given = parser.parse_args()
    models = {t: vars(given)[t] for t in ("age", "gender", "race") if vars(given)[t]}
    counts = {"warm": 64, "first": 500, "all": 5000, "level": 1000}
    if given.few:
        counts = {"warm": 8, "first": 16, "all": 32, "level": 70}
    process, port = start(models)
    try:
        found = asyncio.run(measure(port, process.pid, counts))
    finally:
        process.terminate()
        process.wait(60)
    report = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "one_picture_a_request": PICTURE.name,
        "batches_of_32_without_service_per_second": batch_throughput(models, counts["level"]),
        **found,
    }
    text = json.dumps(report, indent=1) + "\n"
    print(text)
    if not given.few:
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results/service.json").write_text(text)


if __name__ == "__main__":
    main()
