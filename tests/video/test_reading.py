import socket
import struct
import sys
import threading
import time

import av
import numpy as np
import pytest
from PIL import Image

from agr.errors import MissingExtraError, ParameterError, VideoError
from agr.video import Video


def read(path, fps=None):
    with Video(path) as video:
        return list(video.frames(fps)), video


@pytest.fixture(scope="module")
def noise():
    """60 frames that do not compress, so that half of the bytes are about half of the frames."""
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)) for _ in range(60)]


class TestFrames:
    def test_all(self, grey_video):
        frames, video = read(grey_video)
        assert [frame.number for frame in frames] == list(range(20))
        assert [frame.time for frame in frames] == pytest.approx(np.arange(20) / 10)
        for frame in frames:
            assert frame.pixels.shape == (48, 64, 3)
            assert frame.pixels.dtype == np.uint8
            assert abs(frame.pixels.astype(int) - 12 * frame.number).max() <= 4
        assert video.duration == 2
        assert video.damage is None
        assert not video.live

    @pytest.mark.parametrize(
        ("fps", "expected"),
        [(5, range(0, 20, 2)), (3, [0, 4, 7, 10, 14, 17]), (1, [0, 10]), (60, range(20))],
    )
    def test_fewer(self, grey_video, fps, expected):
        frames, video = read(grey_video, fps)
        assert [frame.number for frame in frames] == list(expected)
        assert video.count(fps) == len(frames)

    @pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
    def test_rate_that_cannot_be(self, grey_video, fps):
        with Video(grey_video) as video:
            with pytest.raises(ParameterError, match="fps must be a positive number"):
                next(video.frames(fps))
            with pytest.raises(ParameterError):
                video.count(fps)

    def test_phones_are_held_upright(self, write_video, tmp_path):
        lying = Image.new("RGB", (64, 48))
        lying.paste((255, 255, 255), (0, 0, 64, 10))
        path = write_video(tmp_path / "phone.mp4", [lying] * 3)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40  # the matrix of the track's header
        quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
        data[at : at + 36] = quarter
        path.write_bytes(data)
        pixels = read(path)[0][0].pixels
        assert pixels.shape == (64, 48, 3)
        assert pixels[:, -8:].min() > 200  # what was on top is on the right, a turn clockwise
        assert pixels[:, :30].max() < 50

    @pytest.mark.parametrize(
        ("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "libx264")]
    )
    def test_containers(self, write_video, noise, tmp_path, name, codec):
        frames, video = read(write_video(tmp_path / name, noise[:20], codec=codec))
        assert len(frames) == 20
        assert frames[0].time == 0
        assert video.damage is None


class TestDamage:
    @pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
    def test_what_was_read_of_a_cut_file_is_kept(self, write_video, noise, tmp_path, name):
        options = {"movflags": "faststart"} if name.endswith("mp4") else None
        path = write_video(tmp_path / name, noise, options=options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        frames, video = read(path)
        assert 30 <= len(frames) <= 40
        assert "breaks off at 3." in video.damage
        assert "its file states 6.0 s" in video.damage

    def test_a_damaged_place_is_left_out(self, write_video, noise, tmp_path):
        path = write_video(tmp_path / "hole.mp4", noise)
        with av.open(str(path)) as container:
            at = [packet.pos for packet in container.demux() if packet.pos is not None][30]
        data = bytearray(path.read_bytes())
        data[at : at + 100] = b"\xff" * 100  # among them the length of what follows
        path.write_bytes(data)
        frames, video = read(path)
        assert 50 <= len(frames) < 60
        assert frames[-1].time == 5.9
        assert "hole.mp4 that could not be decoded: 1." in video.damage

    def test_nothing_left(self, write_video, noise, tmp_path):
        path = write_video(tmp_path / "cut.mp4", noise, options={"movflags": "faststart"})
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"mdat") + 8])
        with pytest.raises(VideoError, match=r"cut\.mp4 holds no frame that can be read"):
            read(path)


class TestNoVideo:
    def test_absent(self, tmp_path):
        with pytest.raises(VideoError, match=r"film\.mp4 cannot be opened: there is no such file"):
            Video(tmp_path / "film.mp4")

    @pytest.mark.parametrize("data", [b"", b"no video at all", bytes(5000)])
    def test_other_files(self, tmp_path, data):
        path = tmp_path / "film.mp4"
        path.write_bytes(data)
        with pytest.raises(VideoError, match=r"film\.mp4 cannot be opened"):
            Video(path)

    def test_folder(self, tmp_path):
        with pytest.raises(VideoError, match="cannot be opened"):
            Video(tmp_path)

    def test_picture(self):
        with pytest.raises(VideoError, match="is a single picture, not a video"):
            Video("examples/astronaut.jpg")

    def test_sound(self, tmp_path):
        path = tmp_path / "sound.wav"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
            frame.rate = 8000
            container.mux(stream.encode(frame))
        with pytest.raises(VideoError, match="holds no video, only sound"):
            Video(path)

    def test_a_playlist_leads_to_no_other_server(self, tmp_path):
        asked = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(2)

            def wait():
                try:
                    server.accept()[0].close()
                    asked.set()
                except TimeoutError:
                    pass

            thread = threading.Thread(target=wait)
            thread.start()
            path = tmp_path / "list.m3u8"
            address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
            path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n")
            with pytest.raises(VideoError, match="is a playlist"):
                read(path)
            thread.join()
        assert not asked.is_set()

    def test_no_camera(self):
        with pytest.raises(VideoError, match="^Camera 99 cannot be opened"):
            Video("99")

    def test_absent_package(self, monkeypatch, grey_video):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(MissingExtraError, match=r'pip install "agr-faces\[video\]"'):
            Video(grey_video)


class TestLive:
    @pytest.fixture
    def address(self, write_video, noise, tmp_path):
        """Serve 60 frames as a network camera would."""
        data = write_video(tmp_path / "camera.ts", noise).read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve():
                connection = server.accept()[0]
                with connection:
                    connection.sendall(data)

            thread = threading.Thread(target=serve)
            thread.start()
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
            thread.join()

    def test_frames_are_skipped_rather_than_kept_waiting(self, address):
        numbers = []
        with Video(address) as video:
            assert video.live
            assert video.count() is None
            for frame in video.frames():
                numbers.append(frame.number)
                time.sleep(0.3)
        assert len(numbers) < 30
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 59  # the newest, however many were passed over

    def test_one_may_stop_at_any_time(self, address):
        before = threading.active_count()
        with Video(address) as video:
            next(video.frames())
        assert threading.active_count() <= before

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with pytest.raises(VideoError, match="cannot be opened: connection refused"):
            Video(f"tcp://127.0.0.1:{port}")
