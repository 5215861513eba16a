"""The live window, on a display that is made for the test."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image, ImageGrab
from typer.testing import CliRunner

from agr.cli import app
from agr.errors import VideoError
from agr.photo.annotate import COLOURS
from agr.video.window import Window

SCREEN = (800, 600)


@pytest.fixture(scope="module")
def screen():
    """Give the name of a display."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    size = "x".join(map(str, (*SCREEN, 24)))
    words = ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        yield f":{int(server.stdout.readline())}"
        server.terminate()


@pytest.fixture
def display(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", screen)
    return screen


def n_pixels(display, colour):
    """Count the pixels of the screen that have a colour."""
    shown = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"), int)
    return (abs(shown - colour).max(-1) < 60).sum()


class TestWindow:
    def test_shows_pictures(self, display):
        with Window(live=True) as window:
            window.show(Image.new("RGB", (300, 200), (10, 200, 30)), 0)
            assert n_pixels(display, (10, 200, 30)) == 300 * 200
            window.show(Image.new("RGB", (2000, 1000), (200, 30, 10)), 0.1)
            assert n_pixels(display, (200, 30, 10)) == 720 * 360  # nine tenths of the screen
        assert n_pixels(display, (200, 30, 10)) == 0

    def test_a_file_is_shown_in_its_own_time(self, display):
        picture = Image.new("RGB", (30, 20))
        start = time.monotonic()
        with Window(live=False) as window:
            for seconds in (0, 0.2, 0.4):
                window.show(picture, seconds)
            assert time.monotonic() - start >= 0.4
        start = time.monotonic()
        with Window(live=True) as window:
            window.show(picture, 0)
            window.show(picture, 60)
        assert time.monotonic() - start < 30

    @pytest.mark.parametrize("key", ["q", "Escape"])
    def test_a_key_closes_it(self, key, display):
        with Window(live=True) as window:
            window.show(Image.new("RGB", (300, 200), (10, 200, 30)), 0)
            window._root.focus_force()
            window._root.update()
            window._root.event_generate(f"<Key-{key}>")
            assert window.closed
            window.show(Image.new("RGB", (300, 200), (10, 200, 30)), 0.1)
            window._root.update()
            assert n_pixels(display, (10, 200, 30)) == 0

    def test_no_display(self, monkeypatch):
        pytest.importorskip("tkinter", reason="this Python has no tkinter")
        monkeypatch.delenv("DISPLAY", raising=False)
        with pytest.raises(VideoError, match="no display .* name a file with --output or --table"):
            Window(live=True)

    def test_no_tkinter(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "tkinter", None)
        with pytest.raises(VideoError, match="apt install python3-tk"):
            Window(live=True)


class TestCommand:
    def test_labels_are_seen(self, film, display, environment):
        words = [sys.executable, "-m", "agr", "video", str(film), "--task", "gender"]
        process = subprocess.Popen(
            words, env={**environment, "DISPLAY": display}, stdout=subprocess.PIPE, text=True
        )
        most = 0
        while process.poll() is None:
            most = max(most, n_pixels(display, COLOURS[0]))
            time.sleep(0.05)
        assert most > 100
        assert process.communicate()[0] == f"3 people in 24 frames of {film}\n"

    @pytest.mark.parametrize("written", [False, True], ids=["shown", "written too"])
    def test_closing_ends_what_is_only_shown(self, written, film, display, monkeypatch, tmp_path):
        show = Window.show

        def close(window, picture, seconds):
            show(window, picture, 0)
            if seconds > 0.2:
                window._close()

        monkeypatch.setattr(Window, "show", close)
        words = ["--show", "--table", str(tmp_path / "rows.csv")] if written else []
        done = CliRunner().invoke(app, ["video", str(film), "--task", "gender", *words])
        assert done.exit_code == 0, done.output
        assert done.stdout.split(" in ")[1] == f"{24 if written else 3} frames of {film}\n"
