"""Measure the face detectors: speed, faces found, and what detection costs the predictions.

    python benchmarks/detection.py --data UTKFace --n 1000
    python benchmarks/detection.py --data UTKFace --n 40 --detector centerface    # a quick look
    python benchmarks/detection.py --data UTKFace --n 0      # speed and small faces alone

Crops of the untouched test part (seed 0, 8 % validation, 16 % test) are pasted into drawn
photos of 1280 x 960 pixels: half to two and a half times their size, turned by up to 30 degrees,
anywhere. Each photo goes through ``Predictor.predict_photo``; its answer is scored beside the
answer to the crop itself, over the faces that were found. Speed is that of the detector alone on
photos of 640 x 480 pixels with one face. Writes ``benchmarks/results/detection.csv``; what was
not measured this time stays there as it was.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from agr.core.images import Pixels, read_image
from agr.datasets import utkface
from agr.datasets.faces import Faces
from agr.photo.alignment import warp
from agr.photo.detectors import DETECTORS, open_detector
from agr.prediction import Face
from agr.predictor import Predictor
from agr.tasks import TASKS

RESULTS = Path(__file__).parent / "results" / "detection.csv"
COLUMNS = ["detector", "measure", "n", "value"]
PHOTO = (1280, 960)
SIDES = (100, 500)  # of a pasted crop; it has 200 pixels itself
SMALL_SIDES = (16, 24, 32, 48, 64)
TURN = 30  # degrees


def draw_background(rng: np.random.Generator, size: tuple[int, int]) -> Pixels:
    """Draw noise, a gradient, soft blobs, stripes or rectangles."""
    width, height = size
    kind = rng.integers(5)
    colours = rng.integers(0, 256, (8, 3))
    if kind == 0:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind in (1, 2):  # few random points, smoothly joined: a gradient or blobs
        cells = 2 if kind == 1 else int(rng.integers(6, 40))
        points = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(points).resize(size, Image.Resampling.BICUBIC))
    y, x = np.mgrid[:height, :width]
    if kind == 3:
        angle, period = rng.uniform(0, math.pi), rng.uniform(8, 120)
        wave = 0.5 + 0.5 * np.sin((x * math.cos(angle) + y * math.sin(angle)) * math.tau / period)
        mixed = colours[0] * wave[..., None] + colours[1] * (1 - wave[..., None])
        return mixed.astype(np.uint8)
    picture = np.full((height, width, 3), colours[0], np.uint8)
    for colour in np.tile(colours, (5, 1)):
        left, top = rng.integers(0, width), rng.integers(0, height)
        picture[top : top + rng.integers(10, 300), left : left + rng.integers(10, 300)] = colour
    return picture


def paste(
    crop: Pixels, side: float, rng: np.random.Generator, size: tuple[int, int] = PHOTO
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Put a crop into a drawn photo; gives the matrix from the crop's pixels to the photo's."""
    width, height = size
    angle = math.radians(rng.uniform(-TURN, TURN))
    scale = side / crop.shape[0]
    cosine, sine = math.cos(angle), math.sin(angle)
    half = side / 2 * (abs(cosine) + abs(sine))
    centre = np.array([rng.uniform(half, width - half), rng.uniform(half, height - half)])
    turn = scale * np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.column_stack([turn, centre - turn @ np.full(2, crop.shape[0] / 2)])
    # `warp` gives squares: the photo is the top left of one that holds it.
    square = max(size)
    mask = np.full_like(crop, 255)
    alpha = warp(mask, matrix, square)[:height, :width] / 255
    pasted = warp(crop, matrix, square)[:height, :width] * alpha
    return (pasted + draw_background(rng, size) * (1 - alpha)).round().astype(np.uint8), matrix


def is_hit(box: tuple[float, ...], matrix: npt.NDArray[np.float64], side: int) -> bool:
    """Say whether a box lies where the crop was pasted."""
    middle = matrix[:, :2] @ np.full(2, side / 2) + matrix[:, 2]
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    return bool(np.linalg.norm(centre - middle) < 0.35 * side * np.hypot(*matrix[:, 0]))


def speed(name: str, crops: list[Pixels], repeats: int = 3) -> dict[str, float]:
    """Time a detector on photos of 640 x 480 with one face, each looked at ``repeats`` times."""
    rng = np.random.default_rng(1)
    made = [paste(crop, rng.uniform(100, 300), rng, (640, 480)) for crop in crops]
    start = time.perf_counter()
    detector = open_detector(name)
    hits = [
        any(is_hit(face.box, matrix, 200) for face in detector(photo)) for photo, matrix in made[:1]
    ]
    first = time.perf_counter() - start
    took = []
    for photo, matrix in made[1:]:
        for _ in range(repeats):
            start = time.perf_counter()
            found = detector(photo)
            took.append(time.perf_counter() - start)
        hits.append(any(is_hit(face.box, matrix, 200) for face in found))
    return {
        "seconds to start and first photo": first,
        "ms per 640x480 photo": 1000 * float(np.median(took)),
        "ms per 640x480 photo, 95 % below": 1000 * float(np.quantile(took, 0.95)),
        "found % in 640x480 photos": 100 * float(np.mean(hits)),
    }


def small_faces(name: str, crops: list[Pixels]) -> dict[str, float]:
    """Count the faces found by the side of the crop, in photos of 640 x 480."""
    detector = open_detector(name)
    shares = {}
    for side in SMALL_SIDES:
        rng = np.random.default_rng(2)
        hits = []
        for crop in crops:
            photo, matrix = paste(crop, side, rng, (640, 480))
            hits.append(any(is_hit(face.box, matrix, 200) for face in detector(photo)))
        shares[f"found % of crops with {side} pixels"] = 100 * float(np.mean(hits))
    return shares


def look(predictor: Predictor, crops: list[Pixels]) -> tuple[list[Face | None], dict[str, float]]:
    """Answer the pasted crops; None where the face was not found."""
    low, high = np.log(SIDES)
    rng = np.random.default_rng(0)
    answers: list[Face | None] = []
    others, drift = 0, []
    corners = np.array([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)])
    for crop in crops:
        photo, matrix = paste(crop, float(np.exp(rng.uniform(low, high))), rng)
        faces = predictor.predict_photo(photo)
        hits = [face for face in faces if is_hit(face.box, matrix, crop.shape[0])]
        others += len(faces) - len(hits[:1])
        answers.append(hits[0] if hits else None)
        if hits:
            drift.append(framing_error(predictor, hits[0], matrix, crop.shape[0], corners))
    shares = {
        "found %": 100 * float(np.mean([answer is not None for answer in answers])),
        "other boxes per 100 photos": 100 * others / len(crops),
        "framing error, median % of the side": 100 * float(np.median(drift)),
        "framing error, 95 % below": 100 * float(np.quantile(drift, 0.95)),
    }
    return answers, shares


def framing_error(
    predictor: Predictor,
    face: Face,
    matrix: npt.NDArray[np.float64],
    side: int,
    corners: npt.NDArray[np.float64],
) -> float:
    """How far the aligned crop's points lie from the pasted crop's, as a share of the side."""
    from agr.photo.alignment import similarity

    framing = predictor._open_detector().framing
    source = [face.landmarks[name] for name in framing]
    aligned = similarity(source, [framing[name] for name in framing])
    placed = (corners * side) @ matrix[:, :2].T + matrix[:, 2]
    back = placed @ aligned[:, :2].T + aligned[:, 2]
    return float(np.linalg.norm(back - corners, axis=1).mean())


def losses(test: Faces, direct: list, answers: list[Face | None], tasks: tuple[str, ...]) -> dict:
    """Score both ways over the found faces."""
    rows = [i for i, answer in enumerate(answers) if answer is not None]
    scores: dict[str, float] = {}
    for task in tasks:
        truth = test.table[task].to_numpy()[rows]
        both = [np.array([getattr(one[i], task) for i in rows]) for one in (direct, answers)]
        if task == "age":
            crop, photo = (float(np.abs(values - truth).mean()) for values in both)
            unit, loss = "MAE in years", photo - crop
        else:
            crop, photo = (100 * float((values == truth).mean()) for values in both)
            unit, loss = "accuracy %", crop - photo
        scores[f"{task} {unit}, crop itself"] = crop
        scores[f"{task} {unit}, from the photo"] = photo
        scores[f"{task} loss"] = loss
    return scores


def write(path: Path, rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    """Put rows into the table, each in the place of an older one for the same thing."""
    old = pd.read_csv(path) if path.exists() else None
    table = pd.concat([old, pd.DataFrame(rows, columns=COLUMNS).round(3)], ignore_index=True)
    order = {name: place for place, name in enumerate([*DETECTORS, *table["measure"].unique()])}
    table = table.drop_duplicates(["detector", "measure"], keep="last")
    table = table.sort_values(["detector", "measure"], key=lambda names: names.map(order))
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of UTKFace")
    parser.add_argument("--n", type=int, default=1000, help="test crops that are pasted")
    parser.add_argument("--n-speed", type=int, default=50, help="photos for speed and small faces")
    parser.add_argument("--detector", action="append", choices=DETECTORS)
    parser.add_argument("--task", action="append", choices=tuple(TASKS))
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    test = utkface.read(args.data).split(validation=0.08, test=0.16, random_state=0).test
    order = np.random.default_rng(0).permutation(len(test))
    few = [read_image(test.paths[i]) for i in order[: args.n_speed]]
    test = test.take(np.sort(order[: args.n]))
    crops = [read_image(path) for path in test.paths]
    tasks = tuple(args.task or TASKS)
    direct = Predictor(tasks, faces="crop").predict(crops) if crops else []
    for name in args.detector or DETECTORS:
        parts = [(len(few), speed(name, few)), (len(few), small_faces(name, few))]
        if crops:
            answers, shares = look(Predictor(tasks, detector=name), crops)
            parts.append((len(crops), shares))
            n_found = sum(answer is not None for answer in answers)
            parts.append((n_found, losses(test, direct, answers, tasks)))
        rows = [(name, key, n, value) for n, values in parts for key, value in values.items()]
        table = write(args.output, rows)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
