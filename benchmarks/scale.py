"""Measure ``agr predict`` over many pictures: time, processor time and memory.

    python benchmarks/scale.py FOLDER_OF_CROPS

Real crops are copied under new names into a temporary folder. Each row of results/scale.csv is a
run of the command in a process of its own. `repeat` is the same command given again when all but
the last hundred pictures are done; `names` goes through a list of a million names and reads no
picture. The processor's seconds are those of all threads; where other programs run beside, they say
more than the clock's.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "scale.csv"
RUNS = (  # source, pictures, faces
    ("folder", 1_000, "crop"),
    ("folder", 10_000, "crop"),
    ("list", 10_000, "crop"),
    ("tars", 10_000, "crop"),
    ("folder", 1_000, "detect"),
    ("folder", 10_000, "detect"),
)
NAMES = (
    "import sys\n"
    "from agr.bulk.sources import Shard, find\n"
    "print(sum(1 for _ in find([sys.argv[1]], shard=Shard(1, 10))))"
)
IN_TAR = 1_000  # pictures


def timed(command: list[str], good: tuple[int, ...] = (0, 1)) -> dict[str, Any]:
    """Run a command, and give its seconds and most memory."""
    started = time.perf_counter()
    with subprocess.Popen(command) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in good:
        sys.exit(f"{command} ended with {process.returncode}")
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "memory_mib": round(used.ru_maxrss / 1024),
    }


def predict(sources: list[Path], output: Path, faces: str, *words: str) -> dict[str, Any]:
    named = [str(source) for source in sources]
    options = ["--output", str(output), "--faces", faces, *words]
    found = timed([sys.executable, "-m", "agr", "predict", *named, *options])
    manifest = json.loads((output / "_manifest.json").read_text())
    assert manifest["complete"]
    return {"engine": manifest["settings"]["engine"], "rows": manifest["rows"], **found}


def copy(crops: Path, folder: Path, n: int) -> None:
    folder.mkdir()
    files = sorted(crops.iterdir())
    for k in range(n):
        path = files[k % len(files)]
        (folder / f"{k:06d}{path.suffix}").write_bytes(path.read_bytes())


def sources_of(kind: str, folder: Path, scratch: Path) -> list[Path]:
    """Give the pictures of a folder as another kind of source."""
    paths = sorted(folder.iterdir())
    if kind == "list":
        (scratch / "list.txt").write_text("".join(f"{path}\n" for path in paths))
        return [scratch / "list.txt"]
    if kind == "tars":
        for start in range(0, len(paths), IN_TAR):
            with tarfile.open(scratch / f"{start:06d}.tar", "w") as archive:
                for path in paths[start : start + IN_TAR]:
                    archive.add(path, path.name)
        return sorted(scratch.glob("*.tar"))
    return [folder]


def repeat(crops: Path, folder: Path, output: Path) -> dict[str, Any]:
    """Go on with a run that has a hundred pictures more to do."""
    n = len(list(folder.iterdir()))
    for k, path in enumerate(sorted(crops.iterdir())[:100], n):
        (folder / f"{k:06d}{path.suffix}").write_bytes(path.read_bytes())
    manifest = output / "_manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete": false'))
    found = predict([folder], output, "crop")
    assert found["rows"] == n + 100
    return {"source": "repeat", "faces": "crop", "pictures": n + 100, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("crops", type=Path)
    crops = parser.parse_args().crops
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        for n in sorted({n for _, n, _ in RUNS}):
            copy(crops, scratch / str(n), n)
        for k, (kind, n, faces) in enumerate(RUNS):
            sources = sources_of(kind, scratch / str(n), scratch)
            found = predict(sources, scratch / f"out-{k}", faces)
            rows.append({"source": kind, "faces": faces, "pictures": n, **found})
            print(rows[-1], flush=True)
        rows.append(repeat(crops, scratch / "10000", scratch / "out-1"))
        (scratch / "names.txt").write_text("".join(f"{k:09d}.jpg\n" for k in range(1_000_000)))
        found = timed([sys.executable, "-c", NAMES, str(scratch / "names.txt")])
        rows.append({"source": "names", "pictures": 1_000_000, **found})
    for row in rows:
        row["pictures_per_second"] = round(row["pictures"] / row["seconds"], 1)
        row["pictures_per_processor_second"] = round(row["pictures"] / row["processor_seconds"], 1)
        row["cores"] = os.cpu_count()
        print(row)
    with RESULTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
