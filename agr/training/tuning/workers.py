"""KerasTuner's chief and workers: one process hands out trials, others fit them."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from agr.errors import ParameterError, TrainingError
from agr.training.tuning.progress import Progress

NAME, HOST, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
LOOK = 0.2  # seconds between two looks at the workers
SILENCE = 60.0  # seconds after which a worker that was not heard of is given up
FAREWELL = 5.0  # seconds for the last workers to hear that the search is over


def role() -> str:
    """Tell what KerasTuner's environment variables make of this process."""
    missing = [name for name in (NAME, HOST, PORT) if not os.environ.get(name)]
    if HOST in missing:
        return "alone"
    if missing:
        raise ParameterError(f"{HOST} is set, so set {' and '.join(missing)} too.")
    return "chief" if "chief" in os.environ[NAME] else "worker"


@contextmanager
def local_workers(n: int, work: Callable[..., None], *args: Any) -> Iterator[dict[str, Any]]:
    """Make this process the chief of n workers on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    threads = str(max(1, (os.cpu_count() or 1) // n))
    # TensorFlow would give every worker as many threads as there are cores.
    limits = {name: threads for name in THREADS if name not in os.environ}
    context = multiprocessing.get_context("spawn")
    processes = {}
    os.environ.update({HOST: "127.0.0.1", PORT: port, NAME: "chief"})
    try:
        for k in range(1, n + 1):
            variables = {**limits, NAME: f"worker{k}"}
            process = context.Process(
                target=_start, args=(variables, work, args), name=f"worker{k}", daemon=True
            )
            process.start()
            processes[f"worker{k}"] = process
        yield processes
    finally:
        for name in (HOST, PORT, NAME):
            os.environ.pop(name, None)
        for process in processes.values():
            process.terminate()
            process.join()


def _start(variables: dict[str, str], work: Callable[..., None], args: tuple[Any, ...]) -> None:
    os.environ.update(variables)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the chief, which ends its workers
    threading.Thread(target=_end_with_the_chief, daemon=True).start()
    work(*args)


def _end_with_the_chief() -> None:
    chief = multiprocessing.parent_process()
    assert chief is not None  # this runs in a child only
    chief.join()
    os._exit(1)


def follow(tuner: Any) -> None:
    """Work for a chief until it says that the search is over."""
    try:
        tuner.search(verbose=0)
    except grpc.RpcError as error:
        raise TrainingError(
            f"The chief at {os.environ[HOST]}:{os.environ[PORT]} fails or does not answer: "
            f"{error.code()}, {error.details()}"
        ) from error


def lead(tuner: Any, progress: Progress, processes: dict[str, Any]) -> None:
    """Hand out trials until all have ended.

    KerasTuner's own chief waits for every worker that it ever heard of, killed ones too; so it runs
    beside, and this decides when the search is over.
    """
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            tuner.search(verbose=0)
        except Exception as error:
            failures.append(error)

    oracle = tuner.oracle
    threading.Thread(target=serve, daemon=True).start()
    while not oracle.finished:
        time.sleep(LOOK)
        progress.update()
        if failures:
            address = f"{os.environ[HOST]}:{os.environ[PORT]}"
            raise TrainingError(f"No chief can listen on {address}: {failures[0]}")
        dead = [name for name, process in processes.items() if not process.is_alive()]
        gone = [name for name in dead if name in oracle.tuner_ids]
        for name in {*gone, *oracle.silent(SILENCE)}:
            trial = oracle.lose(name)
            what = f"; trial {int(trial.trial_id) + 1} goes to another" if trial else ""
            progress.say(f"{name} was killed or cut off{what}")
        if processes and len(dead) == len(processes) and not oracle.finished:
            raise TrainingError(
                "All workers have ended before the search; what they said is above. Their trials "
                "are kept: go on with resume."
            )
    progress.update()
    until = time.monotonic() + FAREWELL
    while oracle.tuner_ids and time.monotonic() < until:
        time.sleep(LOOK)
    for process in processes.values():
        process.join(max(0.0, until - time.monotonic()))
