"""Opens networks in OpenVINO, from the extra ``openvino``.

OpenVINO compiles a network for the processor, which takes a second; what it made is kept in the
user's cache folder and opened from there the next time.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.errors import ParameterError, choice, require


def open_network(
    path: Path, *, device: str = "cpu", calls: int = 1, precision: str = "f32"
) -> Callable[[Pixels], npt.NDArray[np.float32]]:
    """Open an ONNX file; ``calls`` are computed at once, each on one core, and more wait."""
    core = _import().Core()
    devices = [name.lower() for name in core.available_devices]
    if device not in devices:
        raise ParameterError(choice("device", device, devices))
    # In bfloat16, which OpenVINO would choose by itself where the processor can, float networks are
    # faster, but probabilities move by up to 0.011; int8 networks are as fast in float32.
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
    if device == "cpu":
        # Pinned, the threads of every process would stand on the same first cores.
        settings |= {"NUM_STREAMS": calls, "INFERENCE_NUM_THREADS": calls}
        settings["ENABLE_CPU_PINNING"] = False
    if (cache := cache_folder()) is not None:
        # OpenVINO itself knows a file by its name, size and date, which another network may share.
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        settings["CACHE_DIR"] = str(cache / digest[:32])
    compiled = core.compile_model(path, device.upper(), settings)
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(calls):
        idle.put(compiled.create_infer_request())

    def run(images: Pixels) -> npt.NDArray[np.float32]:
        request = idle.get()
        try:
            return np.asarray(request.infer({0: images}, share_inputs=True)[0])
        finally:
            idle.put(request)

    return run


def _import() -> Any:
    """Import OpenVINO without the package by which it tells its makers that it was imported."""
    reports = "openvino_telemetry"
    loaded = reports in sys.modules
    try:
        if not loaded:
            sys.modules[reports] = None  # type: ignore[assignment]  # not found: it goes on without
        with require("openvino"):
            import openvino
    finally:
        if not loaded:
            sys.modules.pop(reports, None)
    return openvino


def cache_folder() -> Path | None:
    """Make ``agr/openvino`` in the user's cache folder; None where nothing can be written there."""
    usual = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA", "~")}
    base = os.environ.get("XDG_CACHE_HOME") or usual.get(sys.platform, "~/.cache")
    try:
        folder = Path(base).expanduser() / "agr" / "openvino"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        return None
