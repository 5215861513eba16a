"""Opens networks in ONNX Runtime, and keeps it from reporting to its makers.

Since version 1.29 its packages for Linux write an id of the machine below ``~/.cache`` when they
are imported, and tell Microsoft which networks are opened. agr promises that nothing is sent
anywhere, so this is the only file that imports ONNX Runtime, and it says no before.
``ORT_DISABLE_TELEMETRY=0`` has it otherwise.
"""

import os
from pathlib import Path
from typing import Any

from agr.errors import ParameterError, choice

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: E402

REMOTE = "AzureExecutionProvider"  # sends what it is given to another machine


def devices() -> dict[str, str]:
    """Give ONNX Runtime's execution providers by short names, such as ``"cpu"`` or ``"cuda"``."""
    found = onnxruntime.get_available_providers()
    return {n.removesuffix("ExecutionProvider").lower(): n for n in found if n != REMOTE}


def open_session(network: Path | bytes, *, device: str = "cpu", threads: int = 1) -> Any:
    """Open a network.

    Parameters
    ----------
    network : path or bytes
        An ONNX file, or what one holds.
    device : str, default="cpu"
        One of `devices`, with a number where there are several: ``"cuda:1"``.
    threads : int, default=1
        Threads that share one call on the CPU. Several calls at once with one thread each take
        less time than calls one after another with many.

    Returns
    -------
    onnxruntime.InferenceSession
        Ready to be called, by several threads at once.

    Raises
    ------
    ParameterError
        There is no such device, or it cannot be used.
    """
    name, _, number = device.partition(":")
    provider = devices().get(name)
    if provider is None:
        raise ParameterError(choice("device", device, devices()))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    # Threads that spin while they wait take the cores from the other networks' threads.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    chosen = [(provider, {"device_id": number} if number else {})]
    session = onnxruntime.InferenceSession(network, options, providers=chosen)
    if session.get_providers()[0] != provider:  # it went on without: its libraries are missing
        raise ParameterError(
            f"device {device!r} cannot be used: {provider} did not start (ONNX Runtime said why "
            f"above). Install what it needs, or choose another of {', '.join(devices())}."
        )
    return session
