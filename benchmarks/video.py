"""Measure how many frames per second `agr video` manages, and where the time goes.

    python benchmarks/video.py

One to four faces move through a drawn video of 640 x 480 or 1920 x 1080 pixels. It is decoded,
looked at (faces found in every frame, each person read in every fifth), drawn and encoded as MP4;
the first frames, which start the models, are not counted. Writes ``benchmarks/results/video.csv``.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image

from agr.photo.annotate import annotate
from agr.predictor import Predictor
from agr.video.people import People, person_lines
from agr.video.reading import Video
from agr.video.writing import VideoWriter

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "video.csv"
SIZES = ((640, 480), (1920, 1080))
PEOPLE = (1, 2, 4)
WARM_UP = 10


def make_video(path: Path, size: tuple[int, int], n_people: int, n_frames: int) -> None:
    """Move the example's face to and fro, once for each person, at 25 frames per second."""
    width, height = size
    with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
        face = image.convert("RGB").resize((height // 5, height // 5))
    points = np.random.default_rng(0).integers(60, 130, (12, 16, 3), dtype=np.uint8)
    background = Image.fromarray(points).resize(size)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(n_frames):
            frame = background.copy()
            for k in range(n_people):
                swing = (1 + np.sin(i / 25 + k)) / 2
                frame.paste(face, (int(swing * (width - face.width)), k * height // 4))
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def measure(path: Path, predictor: Predictor) -> tuple[dict[str, float], int]:
    """Give the mean milliseconds of each step of a frame, and the people that were counted."""
    took: dict[str, list[float]] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        took.setdefault(step, []).append(1000 * (time.perf_counter() - start))

    people = People(predictor)
    with Video(path) as video, VideoWriter(io.BytesIO(), ".mp4", video.rate) as writer:
        frames = video.frames()
        while True:
            with timed("decode"):
                frame = next(frames, None)
            if frame is None:
                break
            with timed("find and read"):
                seen = people.look(frame.pixels, frame.time)
            with timed("draw"):
                drawn = annotate(frame.pixels, seen, lines=person_lines)
            with timed("encode"):
                writer.write(drawn, frame.time)
    return {step: float(np.mean(times[WARM_UP:])) for step, times in took.items()}, people.count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=150, help="frames of each video")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    predictor = Predictor()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            for n_people in PEOPLE:
                path = Path(folder) / "film.mp4"
                make_video(path, size, n_people, args.n)
                steps, counted = measure(path, predictor)
                rows.append(
                    {
                        "size": f"{size[0]}x{size[1]}",
                        "people": n_people,
                        "counted": counted,
                        "frames per second": 1000 / sum(steps.values()),
                        **{f"ms to {step}": value for step, value in steps.items()},
                    }
                )
    table = pd.DataFrame(rows).round(1)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.output, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
