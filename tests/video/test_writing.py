from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from agr.errors import VideoError
from agr.video.writing import VideoWriter, check_suffix

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 220)]
TIMES = [0.0, 0.1, 0.5, 0.6]


def write(path, size=(64, 48), times=TIMES):
    with path.open("wb") as stream, VideoWriter(stream, path.suffix, 10) as writer:
        for colour, time in zip(COLOURS, times, strict=True):
            writer.write(Image.new("RGB", size, colour), time)
    return path


def read(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode()]


class TestVideoWriter:
    @pytest.mark.parametrize("suffix", [".mp4", ".gif"])
    def test_pictures_and_times(self, tmp_path, suffix):
        frames = read(write(tmp_path / f"a{suffix}"))
        assert [time for time, _ in frames] == pytest.approx(TIMES)
        for (_, pixels), colour in zip(frames, COLOURS, strict=True):
            assert pixels.shape == (48, 64, 3)
            assert abs(pixels.astype(int) - colour).max() <= 12

    def test_pillow_reads_the_gif(self, tmp_path):
        with Image.open(write(tmp_path / "a.gif")) as image:
            assert image.n_frames == 4
            assert image.info["loop"] == 0
            shown = []
            for number in range(3):
                image.seek(number)
                shown.append(image.info["duration"])
        assert shown == [100, 400, 100]

    @pytest.mark.parametrize(
        ("suffix", "expected"), [(".mp4", (46, 64)), (".gif", (47, 65))], ids=["mp4", "gif"]
    )
    def test_odd_sides(self, tmp_path, suffix, expected):
        frames = read(write(tmp_path / f"a{suffix}", (65, 47)))
        assert frames[0][1].shape[:2] == expected

    def test_a_size_that_changes(self, tmp_path):
        path = tmp_path / "a.mp4"
        with path.open("wb") as stream, VideoWriter(stream, ".mp4", 10) as writer:
            writer.write(Image.new("RGB", (64, 48)), 0)
            writer.write(Image.new("RGB", (128, 96), (255, 255, 255)), 0.1)
        assert read(path)[1][1].shape == (48, 64, 3)
        assert read(path)[1][1].min() > 240

    def test_a_gif_is_not_faster_than_it_can_be_shown(self, tmp_path):
        frames = read(write(tmp_path / "a.gif", times=[0, 0.01, 0.02, 0.05]))
        assert [time for time, _ in frames] == pytest.approx([0, 0.02, 0.05])

    def test_many_colours(self, tmp_path):
        y, x = np.mgrid[:48, :64]
        pixels = np.stack([4 * x, 5 * y, 128 + 0 * x], axis=-1).astype(np.uint8)
        path = tmp_path / "a.gif"
        with path.open("wb") as stream, VideoWriter(stream, ".gif", 10) as writer:
            writer.write(Image.fromarray(pixels), 0)
        assert abs(read(path)[0][1].astype(int) - pixels).mean() < 10


class TestCheckSuffix:
    @pytest.mark.parametrize("name", ["a.mp4", "a.GIF"])
    def test_written(self, name):
        check_suffix(Path(name))

    @pytest.mark.parametrize("name", ["a.avi", "a", "mp4"])
    def test_not_written(self, name):
        with pytest.raises(VideoError, match=r"must end in \.mp4 or \.gif"):
            check_suffix(Path(name))
