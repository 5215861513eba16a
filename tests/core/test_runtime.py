import os
import subprocess
import sys

import pytest

from agr.core.runtime import open_session

OPEN = """
import os
import numpy as np
from agr.photo.detectors import open_detector
open_detector()(np.zeros((64, 64, 3), np.uint8))
print(os.environ.get("ORT_DISABLE_TELEMETRY"))
"""


@pytest.fixture
def fresh(environment, tmp_path):
    """Give the environment of a user with an empty home, who has said nothing about reports."""
    home = tmp_path / "home"
    home.mkdir()
    # ONNX Runtime reports nothing from a test machine either, which is not what is tested.
    silent = {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI", "GITHUB_ACTIONS"}
    return {k: v for k, v in environment.items() if k not in silent} | {"HOME": str(home)}


def run(environment):
    done = subprocess.run(
        [sys.executable, "-c", OPEN], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_onnx_runtime_leaves_no_trace(fresh):
    assert run(fresh) == "1"
    assert os.listdir(fresh["HOME"]) == []


def test_who_wants_reports_says_so(fresh):
    assert run(fresh | {"ORT_DISABLE_TELEMETRY": "0"}) == "0"


def test_threads():
    path = "agr/photo/detectors/centerface.onnx"
    assert open_session(path, 1).get_session_options().intra_op_num_threads == 1
    assert open_session(path).get_session_options().intra_op_num_threads == 0
