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
    path: Path, *, device: str = "cpu", calls: int = 1
) -> Callable[[Pixels], npt.NDArray[np.float32]]:
    """Open a network.

    Parameters
    ----------
    path : path
        An ONNX file.
    device : str, default="cpu"
        One of OpenVINO's, such as ``"cpu"``, ``"gpu"`` or ``"npu"``.
    calls : int, default=1
        How many calls are computed at once, on the CPU with one core each; more calls wait.

    Returns
    -------
    callable
        A batch in, its first output out; several threads may call at once.

    Raises
    ------
    MissingExtraError
        OpenVINO is not installed.
    ParameterError
        There is no such device.
    """
    core = _import().Core()
    devices = [name.lower() for name in core.available_devices]
    if device not in devices:
        raise ParameterError(choice("device", device, devices))
    # By itself OpenVINO computes float networks in bfloat16 where the processor can, which moves
    # probabilities by up to 0.011; int8 networks are as fast with this as without.
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
    if device == "cpu":
        settings |= {"INFERENCE_NUM_THREADS": calls, "NUM_STREAMS": calls}
    compiled = _compile(core, path, device.upper(), settings)
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


def _compile(core: Any, path: Path, device: str, settings: dict[str, Any]) -> Any:
    cache = cache_folder()
    if cache is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # OpenVINO itself knows a file by its name, size and date, which another network may share.
        settings = {**settings, "CACHE_DIR": str(cache / digest[:32])}
    return core.compile_model(path, device, settings)


def cache_folder() -> Path | None:
    """Find the folder for compiled networks, and make it.

    Returns
    -------
    Path or None
        ``agr/openvino`` in the user's cache folder (``XDG_CACHE_HOME``, or the system's usual
        place); None where nothing can be written there.
    """
    usual = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA", "~")}
    base = os.environ.get("XDG_CACHE_HOME") or usual.get(sys.platform, "~/.cache")
    try:
        folder = Path(base).expanduser() / "agr" / "openvino"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: the user has no home
        return None
