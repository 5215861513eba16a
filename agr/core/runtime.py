"""Opens networks in ONNX Runtime, and keeps it from reporting to its makers.

Since version 1.29 its packages for Linux write an id of the machine below ``~/.cache`` when they
are imported, and tell Microsoft which networks are opened. agr promises that nothing is sent
anywhere, so this is the only file that imports ONNX Runtime, and it says no before.
``ORT_DISABLE_TELEMETRY=0`` has it otherwise.
"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: E402


def open_session(network: Path | bytes, threads: int | None = None) -> Any:
    """Open an ONNX file, or what one holds, on the CPU; by default with a thread for each core."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
