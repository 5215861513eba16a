"""What bad clients can do to ``agr serve``: a good client's waiting time, and the memory.

    python benchmarks/attacks.py

starts the service here, once for each attack, asks it over the loopback only, and writes
``results/attacks.csv``. Each attack runs for ``--seconds``, from an address of its own and then
from that of the good client. ``--only NAME`` runs one and writes nothing.

The service has two readers, whatever the machine. The memory is the sum over its processes of what
the kernel calls PSS: a page that several of them share, as they share ONNX Runtime's code, counts
once. (RSS counts it for each, which adds some 75 MiB that nobody holds.)
"""

import argparse
import csv
import http.client
import io
import os
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
PICTURE = HERE.parent / "examples/astronaut.jpg"
GOOD, BAD = "127.0.0.1", "127.0.0.2"
SIDE = 5000  # 25 megapixels, the most that the service reads
CONNECTIONS = 4  # of an attacker that sends pictures
LORIS = 1300
BOUNDARY = "agr-benchmark"


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def grey16(side: int = SIDE) -> bytes:
    """Draw a PNG of 16 bits a pixel and one level."""
    return encode(Image.fromarray(np.zeros((side, side), np.uint16)), "PNG")


def transparent(side: int = SIDE) -> bytes:
    return encode(Image.new("RGBA", (side, side), (90, 100, 120, 128)), "PNG")


def scans(side: int = SIDE, n: int = 100) -> bytes:
    """Draw a progressive JPEG whose last scan comes again and again."""
    data = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True, quality=90)
    at, parts, found = 2, [], []
    while data[at + 1] != 0xD9:
        end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        if data[at + 1] == 0xDA:
            while not (data[end] == 0xFF and data[end + 1] != 0):
                end += 1
            found.append(data[at:end])
        parts.append(data[at:end])
        at = end
    again = found[-1] * (n - len(found))
    return data[:2] + b"".join(parts) + again + data[at:]


def crowd(faces: int = 10) -> bytes:
    """Draw a photo of many faces: of so many squared."""
    with Image.open(PICTURE) as opened:
        face = opened.convert("RGB").resize((64, 64))
    photo = Image.new("RGB", (64 * faces, 64 * faces))
    for i in range(faces * faces):
        photo.paste(face, (64 * (i % faces), 64 * (i // faces)))
    return encode(photo, "JPEG", quality=80)


def request(pictures: list[bytes], query: str = "") -> bytes:
    """Write a whole request."""
    head = 'Content-Disposition: form-data; name="images"; filename="a"'
    body = b"".join(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + p + b"\r\n" for p in pictures)
    body += f"--{BOUNDARY}--\r\n".encode()
    return (
        f"POST /v1/predict{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n"
    ).encode() + body


class Attack:
    """Clients that do one bad thing until the time is over; each in a thread of its own.

    Parameters
    ----------
    port : int
        Of the service.
    source : str
        Address that they come from.
    seconds : float
        How long.
    """

    def __init__(self, port: int, source: str, seconds: float) -> None:
        self.port, self.source = port, source
        self.until = time.monotonic() + seconds
        self.answers: Counter[str] = Counter()

    def connect(self) -> socket.socket:
        """Open a connection from the attacker's address."""
        return socket.create_connection(("127.0.0.1", self.port), 40, (self.source, 0))

    def flood(self, data: bytes) -> None:
        """Send a request again and again over a few connections."""

        def one() -> None:
            while time.monotonic() < self.until:
                try:
                    with self.connect() as connection:
                        connection.sendall(data)
                        self.answers[connection.recv(65536)[9:12].decode() or "closed"] += 1
                except OSError as error:
                    self.answers[type(error).__name__] += 1
                    time.sleep(0.05)

        threads = [threading.Thread(target=one, daemon=True) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self.until - time.monotonic()))

    def png16(self) -> None:
        """Send 32 PNGs of 16 bits a pixel."""
        self.flood(request([grey16()] * 32))

    def scans(self) -> None:
        """Send 32 JPEGs of 100 scans."""
        self.flood(request([scans()] * 32))

    def rgba(self) -> None:
        """Send 32 PNGs with transparency."""
        self.flood(request([transparent()] * 32))

    def detect(self) -> None:
        """Send 30 of these as photos."""
        self.flood(request([transparent(), grey16(), scans()] * 10, "?faces=detect"))

    def crowd(self) -> None:
        """Send 32 photos of a hundred faces."""
        self.flood(request([crowd()] * 32, "?faces=detect"))

    def gone(self) -> None:
        """Send much work, go away, and come again."""
        data = request([scans()] * 32)
        while time.monotonic() < self.until:
            try:
                with self.connect() as connection:
                    connection.sendall(data)
                    time.sleep(0.3)
                self.answers["left"] += 1
            except OSError as error:
                self.answers[type(error).__name__] += 1

    def slow_headers(self) -> None:
        """Hold many connections, and send a byte on each now and then."""
        open_ones: list[socket.socket] = []
        while time.monotonic() < self.until:
            while len(open_ones) < LORIS and time.monotonic() < self.until:
                try:
                    one = self.connect()
                    one.sendall(b"GET / HTTP/1.1\r\nX-A: ")
                    one.setblocking(False)
                    open_ones.append(one)
                except OSError as error:
                    self.answers[type(error).__name__] += 1
            for one in list(open_ones):
                try:
                    one.send(b"a")
                except OSError:
                    self.answers["let go"] += 1
                    open_ones.remove(one)
                    one.close()
            time.sleep(0.2)

    def endless_header(self) -> None:
        """Send a header that never ends, as fast as it is taken."""
        while time.monotonic() < self.until:
            try:
                with self.connect() as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\nX-A: ")
                    while time.monotonic() < self.until:
                        connection.sendall(b"a" * 65536)
                        self.answers["64 KiB sent"] += 1
            except OSError:
                self.answers["cut off"] += 1

    def slow_bodies(self) -> None:
        """Hold as many bytes as the service takes."""
        data = request([os.urandom(9_000_000)] * 4)[:-100]
        held: list[socket.socket] = []
        while time.monotonic() < self.until:
            if len(held) < 16:
                try:
                    one = self.connect()
                    one.settimeout(1)
                    held.append(one)
                    one.sendall(data)
                except OSError as error:
                    self.answers[type(error).__name__] += 1
            else:
                time.sleep(0.1)


NAMES = (
    "png16", "scans", "rgba", "detect", "crowd", "gone",
    "slow_headers", "endless_header", "slow_bodies",
)  # fmt: skip


class Memory:
    """The peak of what the service's processes hold together."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak = pid, 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.03):
            pids = [self.pid, *children(self.pid)]
            held = sum(in_use(pid, "smaps_rollup", "Pss") for pid in pids)
            self.peak = max(self.peak, held)


def children(pid: int) -> list[int]:
    """List a process's children, but for those that are it still: between fork and exec."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return [child for child in found if program(child) != program(pid)]


def program(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def in_use(pid: int, file: str, name: str) -> float:
    """Read a size in MiB from one of the files about a process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.split(":")[0] == name)


def be_good(port: int, seconds: float) -> tuple[list[float], Counter[str]]:
    """Send one picture after another, each over a new connection, every other as a photo."""
    took: list[float] = []
    answers: Counter[str] = Counter()
    until, picture = time.monotonic() + seconds, PICTURE.read_bytes()
    kinds = [request([picture]), request([picture], "?faces=detect")]
    while time.monotonic() < until:
        start = time.monotonic()
        try:
            with socket.create_connection((GOOD, port), 40) as connection:
                connection.sendall(kinds[len(took) % 2])
                reply = http.client.HTTPResponse(connection)
                reply.begin()
                good = reply.status == 200 and b'"error":null' in reply.read()
                answers["200" if good else f"not {reply.status}"] += 1
        except (OSError, http.client.HTTPException) as error:
            answers[type(error).__name__] += 1
        took.append(time.monotonic() - start)
        time.sleep(0.02)
    return took, answers


@contextmanager
def service(log: Any) -> Iterator[tuple[int, int]]:
    """Run ``agr serve``; gives its port and process."""
    with socket.socket() as probe:
        probe.bind((GOOD, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "agr", "serve", "--port", str(port)]
    command += ["--engine", "onnxruntime", "--readers", "2"]
    with subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(600):
                try:
                    socket.create_connection((GOOD, port), 1).close()
                    break
                except OSError:
                    if process.poll() is not None:
                        raise SystemExit("agr serve did not start; try it by hand") from None
                    time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()


def measure(name: str, source: str, seconds: float, port: int, pid: int) -> dict[str, Any]:
    """Run one attack beside a good client; an empty name: the good client alone."""
    be_good(port, 0.5)
    command = [sys.executable, __file__, "--attack", name, "--port", str(port)]
    command += ["--source", source, "--seconds", str(seconds + 1)]
    attack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True) if name else None
    if attack is not None and attack.stdout is not None:
        attack.stdout.readline()  # it is about to begin
    with Memory(pid) as memory:
        time.sleep(0.5)
        took, answers = be_good(port, seconds)
    said = attack.communicate()[0].strip() if attack else ""
    cuts = statistics.quantiles(took * 2, n=100, method="inclusive")  # of one even
    return {
        "attack": name or "none",
        "attacker": "-" if not name else "same address" if source == GOOD else "own address",
        "good_requests": len(took),
        "good_failed": len(took) - answers["200"],
        "p50_ms": round(cuts[49] * 1000),
        "p99_ms": round(cuts[98] * 1000),
        "max_ms": round(max(took) * 1000),
        "peak_pss_mib": round(memory.peak),
        "answers_to_attacker": said,
    }


def run_attack(name: str, port: int, source: str, seconds: float) -> None:
    attack = Attack(port, source, seconds)
    print("begins", flush=True)
    act: Callable[[], None] = getattr(attack, name)
    act()
    print(", ".join(f"{n} x {answer}" for answer, n in sorted(attack.answers.items())), flush=True)
    os._exit(0)  # threads may still wait for answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each attack")
    parser.add_argument("--only", choices=NAMES, help="this attack; write nothing")
    parser.add_argument("--attack", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--source", default=BAD, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.attack:
        run_attack(given.attack, given.port, given.source, given.seconds)
        return
    rows = []
    for name in [given.only] if given.only else ["", *NAMES]:
        for source in (BAD, GOOD) if name else (BAD,):
            with service(subprocess.DEVNULL) as (port, pid):
                rows.append(measure(name, source, given.seconds, port, pid))
            print(rows[-1], flush=True)
    if not given.only:
        with (HERE / "results/attacks.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
