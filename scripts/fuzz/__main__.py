"""Attack agr with seeded cases, and say what broke.

    python scripts/fuzz --cases 3000
    python scripts/fuzz --cases 200000 --table benchmarks/results/fuzz.csv

Every case follows from the seed, the target and its number alone: ``--only pictures --first 417
--cases 1`` repeats one. Each target runs in a process of its own, so that a crash, too, is a
finding. A case that takes more than two seconds of the processor is one, and so is memory above
700 MB. The exit code is 1 when something was found.
"""

import argparse
import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

MOST_SECONDS = 2.0  # of the processor, for a case
MOST_MEMORY = 700  # MB, of a process; targets that load TensorFlow or the service start with more
HANGS = 60  # seconds after which a case is ended
OWN = ("keras",)  # targets in whose processes TensorFlow takes the memory
COLUMNS = ("target", "seed", "cases", "refused", "seconds", "worst_seconds", "peak_mb", "findings")


def work(target: str, seed: int, first: int, n: int) -> None:
    """Attack in this process; writes a line of JSON for each finding, and one at the end."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    told = os.fdopen(os.dup(1), "w")  # what the attacked code prints goes elsewhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from targets import TARGETS

    from agr.errors import AgrError

    def say(**words: Any) -> None:
        told.write(json.dumps(words) + "\n")
        told.flush()

    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, native code or not
    with tempfile.TemporaryDirectory() as scratch:
        attempt = TARGETS[target][0](Path(scratch))
        for k in range(first, first + n):
            say(case=k)
            before, started = time.process_time(), time.perf_counter()
            signal.alarm(HANGS)
            try:
                attempt(random.Random(f"{seed}/{target}/{k}"))
            except AgrError:
                say(refused=True, case=k)
            except BaseException as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__} in {Path(where.filename).name}: {error!s:.200}"
                say(finding=what, case=k)
                if isinstance(error, KeyboardInterrupt):
                    raise
            signal.alarm(0)
            took = time.process_time() - before
            say(case=k, took=took, wall=time.perf_counter() - started)
            if took > MOST_SECONDS:
                say(finding=f"{took:.1f} s of the processor", case=k)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        if peak > MOST_MEMORY and target not in OWN:
            say(finding=f"{peak} MB", case=first)
        say(peak=peak)


def attack(target: str, seed: int, first: int, n: int) -> dict[str, Any]:
    """Attack in processes, anew after each crash; prints what it finds and gives a row."""
    row = {"target": target, "seed": seed, "cases": n, "refused": 0, "seconds": 0.0,
           "worst_seconds": 0.0, "peak_mb": 0, "findings": 0}  # fmt: skip
    end = first + n

    def found(case: int, what: str) -> None:
        row["findings"] += 1
        print(f"{target} {case}: {what}", flush=True)

    while first < end:
        command = [sys.executable, __file__, "--work", target, "--seed", str(seed)]
        # A process is not kept for ever, so that one that grows is told from one that does not.
        n_now = min(end - first, 5000)
        process = subprocess.Popen(
            [*command, "--first", str(first), "--cases", str(n_now)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        errors: list[str] = []
        reader = threading.Thread(target=lambda p=process, e=errors: e.append(p.stderr.read()))
        reader.start()
        case = first - 1
        for line in process.stdout or ():
            said = json.loads(line)
            case = said.get("case", case)
            if "finding" in said:
                found(case, said["finding"])
            row["worst_seconds"] = max(row["worst_seconds"], said.get("took", 0.0))
            row["refused"] += "refused" in said
            row["peak_mb"] = max(row["peak_mb"], said.get("peak", 0))
            row["seconds"] += said.get("wall", 0.0)
        reader.join()
        if process.wait():
            last = (errors[0].strip().splitlines() or [""])[-1][:200]
            found(case, f"the process ended with {process.returncode}: {last}")
            if case < first:  # it did not come to any
                break
            first = case + 1
        else:
            first += n_now
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description="Attack agr with seeded cases.")
    parser.add_argument("--cases", type=int, default=3000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a target; may be given again")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--table", type=Path, help="CSV to write")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.seed, args.first, args.cases)
        return
    from targets import TARGETS

    chosen = args.only or [target for target, (_, share) in TARGETS.items() if share]
    shares = {target: TARGETS[target][1] or 1 for target in chosen}
    counts = {t: max(1, round(args.cases * n / sum(shares.values()))) for t, n in shares.items()}
    rows = []
    with ThreadPoolExecutor(args.jobs) as pool:
        asked = [pool.submit(attack, t, args.seed, args.first, counts[t]) for t in counts]
        for done in as_completed(asked):
            row = done.result()
            row["seconds"] = round(row["seconds"], 1)
            row["worst_seconds"] = round(row["worst_seconds"], 3)
            print(*(f"{name} {row[name]}" for name in COLUMNS), sep="  ", flush=True)
            rows.append(row)
            if args.table:
                _write(args.table, sorted(rows, key=lambda row: chosen.index(row["target"])))
    sys.exit(any(row["findings"] for row in rows))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
