import csv
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.photo.annotate import COLOURS


def run(*words):
    return CliRunner().invoke(app, ["video", *map(str, words), "--task", "gender"])


def start(environment, *words):
    # A shell that runs these tests in the background makes its children deaf to Ctrl-C.
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from agr.cli import app\napp()"
    )
    words = [sys.executable, "-c", code, "video", *map(str, words), "--task", "gender"]
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pictures(path):
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24").astype(int) for f in container.decode()])


def wait_for_rows(folder, n, process):
    """Wait until the unfinished table has n lines."""
    while sum(len(part.read_text().splitlines()) for part in folder.glob("*.csv.*.part")) < n:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory):
    """Look at the film once, without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    done = run(film, "--output", folder / "seen.mp4", "--table", folder / "rows.csv")
    assert done.exit_code == 0, done.output
    return folder, done


class TestFile:
    def test_count(self, whole, film):
        assert whole[1].stdout == f"3 people in 24 frames of {film}\n"

    def test_rows(self, whole):
        rows = list(csv.DictReader((whole[0] / "rows.csv").read_text().splitlines()))
        people = [row["person"] for row in rows]
        assert people == ["1", "2"] * 10 + [""] * 10 + ["3"] * 4
        assert {row["gender"] for row in rows if row["person"]} == {"female"}
        assert {row["age"] for row in rows} == {""}

    def test_video(self, whole):
        with av.open(str(whole[0] / "seen.mp4")) as container:
            frames = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode()]
        assert [time for time, _ in frames] == pytest.approx(np.arange(24) / 8)
        first, second, third = (
            [(abs(pixels.astype(int) - colour).max(-1) < 60).sum() for _, pixels in frames]
            for colour in COLOURS[:3]
        )
        assert min(first[:10]) > 100
        assert min(second[:10]) > 100
        assert max(first[10:] + second[10:]) == 0
        assert min(third[20:]) > 100

    def test_nothing_else_is_left(self, whole):
        assert sorted(path.name for path in whole[0].iterdir()) == ["rows.csv", "seen.mp4"]

    def test_gif(self, film, tmp_path):
        done = run(film, "--output", tmp_path / "seen.gif", "--fps", 4)
        assert done.stdout == f"3 people in 12 frames of {film}\n"
        with Image.open(tmp_path / "seen.gif") as image:
            assert image.n_frames == 12
            assert image.info["duration"] == 250

    def test_a_killed_run_goes_on(self, whole, film, tmp_path, environment):
        words = [film, "--output", tmp_path / "seen.mp4", "--table", tmp_path / "rows.csv"]
        first = start(environment, *words)
        wait_for_rows(tmp_path, 12, first)
        first.kill()
        first.communicate()
        assert not (tmp_path / "rows.csv").exists()
        code = (
            "import sys\nfrom agr.cli import app\nfrom agr.predictor import Predictor\n"
            "looks, find = [], Predictor.find\n"
            "Predictor.find = lambda *words: looks.append(1) or find(*words)\n"
            "app(sys.argv[1:], standalone_mode=False)\n"
            "heavy = {'keras', 'pandas', 'sklearn', 'tensorflow'} & set(sys.modules)\n"
            "print(len(looks), heavy)"
        )
        second = subprocess.run(
            [sys.executable, "-c", code, "video", *map(str, words), "--task", "gender"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert second.returncode == 0, second.stderr
        assert "Resuming with" in second.stderr
        count, looks = second.stdout.splitlines()
        assert count == whole[1].stdout.strip()
        assert int(looks.split()[0]) <= 19  # 24 less the five or more frames of the first run
        assert looks.endswith("set()")  # prediction needs none of them
        assert (tmp_path / "rows.csv").read_bytes() == (whole[0] / "rows.csv").read_bytes()
        ours, theirs = pictures(tmp_path / "seen.mp4"), pictures(whole[0] / "seen.mp4")
        # FFmpeg itself does not repeat every pixel at the edges.
        assert ours.shape == theirs.shape == (24, 240, 320, 3)
        assert abs(ours - theirs).mean((1, 2, 3)).max() < 0.1

    def test_what_was_read_of_a_cut_file_is_kept(self, scenes, write_video, tmp_path):
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (90, 320, 3), dtype=np.uint8)  # evens out the frames' bytes
        noisy = [scenes[0].copy() for _ in range(10)]
        for k, picture in enumerate(noisy):
            picture.paste(Image.fromarray(np.roll(noise, 31 * k, 0)), (0, 150))
        path = write_video(tmp_path / "film.mkv", noisy, rate=5)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
        done = run(path, "--output", tmp_path / "seen.mp4", "--table", tmp_path / "rows.csv")
        assert done.exit_code == 1
        assert "breaks off at" in done.stderr
        assert "1 person in" in done.stdout
        n_rows = len((tmp_path / "rows.csv").read_text().splitlines()) - 1
        with av.open(str(tmp_path / "seen.mp4")) as container:
            assert 4 <= len(list(container.decode())) <= n_rows < 10


class TestCamera:
    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
    def test_the_user_ends_it(self, end, scenes, write_video, tmp_path, environment):
        # Longer than what FFmpeg reads ahead to learn what comes.
        data = write_video(tmp_path / "camera.ts", scenes[:10] * 4, rate=5).read_bytes()
        stopped = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve():
                connection = server.accept()[0]
                with connection, suppress(ConnectionError):
                    while not stopped.wait(0.5):
                        connection.sendall(data)

            thread = threading.Thread(target=serve)
            thread.start()
            address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
            table, output = tmp_path / "rows.csv", tmp_path / "seen.mp4"
            process = start(environment, address, "--output", output, "--table", table)
            wait_for_rows(tmp_path, 2, process)
            process.send_signal(end)
            out, err = process.communicate()
            stopped.set()
            thread.join()
        assert process.returncode == 0, err
        assert f"frames of {address}" in out
        assert len(table.read_text().splitlines()) > 1
        with av.open(str(output)) as container:
            assert list(container.decode())


class TestErrors:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "no display to open a window on; name a file with --output or --table instead"),
            (["--output", "seen.avi"], "seen.avi must end in .mp4 or .gif"),
            (["--table", "rows.csv", "--fps", "0"], "fps must be a positive number, got 0.0"),
            (["--output", "seen.mp4", "--fps", "nan"], "fps must be a positive number, got nan"),
        ],
        ids=["nothing", "ending", "zero", "nan"],
    )
    def test_options(self, film, words, message, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DISPLAY", raising=False)
        done = run(film, *words)
        assert done.exit_code == 2
        assert message in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_source_that_is_no_video(self, tmp_path, monkeypatch):
        (tmp_path / "film.mp4").write_bytes(b"no video")
        monkeypatch.chdir(tmp_path)
        names = {"film.mp4": "film.mp4", "absent.mp4": "absent.mp4", "99": "Camera 99"}
        for source, name in names.items():
            done = run(source, "--output", "seen.mp4", "--table", "rows.csv")
            assert done.exit_code == 2
            assert done.stderr.startswith(f"Error: {name} cannot be opened: ")
        assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
