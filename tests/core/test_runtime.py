import os
import subprocess
import sys

import pytest

from agr.core.runtime import devices, open_session
from agr.errors import ParameterError

NETWORK = "agr/photo/detectors/centerface.onnx"

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


def test_no_thread_waits_for_work_by_spinning():
    options = open_session(NETWORK, threads=2).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert open_session(NETWORK).get_session_options().intra_op_num_threads == 1


class TestDevices:
    def test_none_sends_pictures_away(self, monkeypatch):
        names = ["CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: names)
        assert devices() == {"cuda": names[0], "cpu": names[2]}

    def test_unknown(self):
        with pytest.raises(ParameterError, match="device must be one of .*'cpu'.*got 'azure'"):
            open_session(NETWORK, device="azure")

    def test_one_that_does_not_start(self, monkeypatch):
        class Without:
            """What ONNX Runtime gives when a provider's libraries are missing."""

            def get_providers(self):
                return ["CPUExecutionProvider"]

        asked = []

        def start(path, options, providers):
            asked.extend(providers)
            return Without()

        names = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: names)
        monkeypatch.setattr("onnxruntime.InferenceSession", start)
        with pytest.raises(ParameterError, match="'cuda:1' cannot be used.*choose another of"):
            open_session(NETWORK, device="cuda:1")
        assert asked == [("CUDAExecutionProvider", {"device_id": "1"})]
