"""Small real videos."""

import av
import pytest
from PIL import Image, ImageOps


@pytest.fixture(scope="session")
def write_video():
    """Give the function that writes pictures as a video."""

    def write(path, pictures, rate=10, codec="libx264", options=None):
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=rate)
            stream.pix_fmt = "yuv420p"
            stream.width, stream.height = pictures[0].size
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            container.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def grey_video(write_video, tmp_path_factory):
    """Give a video of 20 frames in 2 seconds; each is as bright as its number says."""
    pictures = [Image.new("RGB", (64, 48), (12 * i,) * 3) for i in range(20)]
    return write_video(tmp_path_factory.mktemp("grey") / "grey.mp4", pictures)


@pytest.fixture(scope="session")
def scenes():
    """Give 24 frames: two people who walk to each other, nobody, and one of them alone."""
    with Image.open("examples/astronaut.jpg") as image:
        face = image.convert("RGB")
    large, small = face.resize((100, 100)), ImageOps.mirror(face).resize((70, 70))
    frames = []
    for i in range(24):
        frame = Image.new("RGB", (320, 240), (90, 100, 110))
        if i < 10:
            frame.paste(large, (10 + 8 * i, 10))
            frame.paste(small, (240 - 8 * i, 150))
        elif i >= 20:
            frame.paste(large, (150, 100))
        frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def film(scenes, write_video, tmp_path_factory):
    """Give the scenes as a video of 8 frames a second."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", scenes, rate=8)
