"""Kill ``agr predict`` at random moments, and count the rows that are lost or doubled.

    python benchmarks/kills.py FOLDER_OF_CROPS [--kills 20] [--pictures 4000]

For each kind of output the command is started again and again, killed (SIGKILL) at a random moment,
a third of the time at any, else within half a second of its first row, and at last left alone. What
it has written by then must name every picture once. Writes results/kills.csv.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "kills.csv"
OUTPUTS = {"out": "csv", "out.csv": "csv", "out.jsonl": "jsonl", "out.parquet": "parquet"}
# The command, with parts so small that about every second run is killed near the end of one.
COMMAND = (
    "from agr.bulk import parts; parts.PICTURES = 50\nfrom agr.cli import app; app(prog_name='agr')"
)
OPTIONS = ("--faces", "crop", "--task", "age", "--engine", "onnxruntime")


def start(source: Path, output: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", COMMAND, "predict", str(source), "--output", str(output)]
    return subprocess.Popen([*command, *OPTIONS], stderr=subprocess.PIPE)


def read(output: Path, form: str) -> Counter[str]:
    """Count the rows of an output by picture."""
    found: Counter[str] = Counter()
    for path in sorted(output.glob(f"part-*.{form}")) or [output]:
        if form == "csv":
            with path.open() as stream:
                rows = list(csv.DictReader(stream))
        elif form == "jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        else:
            import pyarrow.parquet as pq

            rows = pq.read_table(path).to_pylist()
        found.update(row["image"] for row in rows)
    return found


def pictures_done(folder: Path) -> int:
    """Count the pictures that a killed run has left, by manifest and journal."""
    try:
        parts = json.loads((folder / "_manifest.json").read_text())["parts"]
        journal = (folder / "_journal.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return 0
    # Of a run that was killed just then, the journal may still be that of a finished part.
    fresh = journal and json.loads(journal[0]) == {"part": len(parts)}
    return sum(part["pictures"] for part in parts) + (len(journal) - 1 if fresh else 0)


def attack(
    source: Path, expected: Counter[str], name: str, kills: int, seed: int
) -> dict[str, Any]:
    """Kill runs that write one output; give a row of the table."""
    rng, done, idle = random.Random(seed), [0], 0
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / name
        form = OUTPUTS[name]
        folder = output if name == "out" else output.with_name(f"{name}.parts")
        for _ in range(kills):
            process = start(source, output)
            if rng.random() < 1 / 3:
                time.sleep(rng.uniform(0.1, 3))
            else:
                while pictures_done(folder) == done[-1] and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(rng.uniform(0, 0.5))
            if process.poll() is not None:
                sys.exit(f"{name}: a run ended before it was killed; give more --pictures")
            process.kill()
            process.communicate()
            done.append(pictures_done(folder))
            idle += done[-1] == done[-2]
            if done[-1] < done[-2]:
                sys.exit(f"{name}: {done[-2] - done[-1]} pictures were forgotten")
        process = start(source, output)
        said = process.communicate()[1].decode()
        if process.returncode != 0:
            sys.exit(f"{name}: {said}")
        found = read(output, form)
        left = sorted(path.name for path in Path(scratch).iterdir())
    return {
        "output": f"{name} ({'folder' if name == 'out' else 'file'})",
        "kills": kills,
        "pictures": sum(expected.values()),
        "done_at_last_kill": done[-1],
        "kills_before_a_row": idle,
        "rows_lost": sum((expected - found).values()),
        "rows_doubled": sum((found - expected).values()),
        "files_left_over": len(left) - 1,
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crops", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "crops"
        source.mkdir()
        files = sorted(options.crops.iterdir())[: options.pictures]
        for k, path in enumerate(files):
            (source / f"{k:05d}{path.suffix}").write_bytes(path.read_bytes())
        expected = Counter(str(path) for path in source.iterdir())
        rows = []
        for seed, name in enumerate(OUTPUTS):
            rows.append(attack(source, expected, name, options.kills, seed))
            print(rows[-1], flush=True)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
