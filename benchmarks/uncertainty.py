"""Measure what the models in agr say of their uncertainty, on the test part of UTKFace.

    python benchmarks/uncertainty.py --data UTKFace   # measures, and writes the document's tables
    python benchmarks/uncertainty.py                  # only the document's tables

The models are taken as they are: their calibration was fitted to the validation part by ``agr
calibrate``, and nothing is chosen here. Writes to ``benchmarks/results/``, with the number of
pictures of each figure:

- ``uncertainty.csv``: coverage and width of the intervals at several levels, in each decade of
  predicted age, and as the network and the calibration are; bias by true age; how well ``at_least``
  is calibrated; what is answered, and how often wrongly, from each confidence on.
- ``corruptions.csv``: for every kind and strength of `agr.training.camera`, and for pictures
  without a face, how many are readable, and the coverage and width of the intervals of all and of
  the readable ones.

About a minute on one core.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw

from agr import Predictor
from agr.core.answers import Asked
from agr.core.images import Pixels, read_image, resize
from agr.datasets.faces import Faces, Split
from agr.engines.engine import Engine
from agr.evaluation.metrics import expected_calibration_error, regression_metrics
from agr.evaluation.selective import risk_coverage
from agr.prediction import Face, Prediction
from agr.tasks import TASKS
from agr.training.camera import CORRUPTIONS

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "explanation" / "confidence.md"
LEVELS = (0.5, 0.8, 0.9, 0.95)
CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
TRUE_AGES = ((0, 2), (3, 12), (13, 20), (21, 40), (41, 60), (61, 120))
LIMITS = (13, 16, 18, 21, 25)  # years, of `at_least`
LEAST = 100  # pictures of a decade that is told
STRENGTHS = (0.2, 0.5, 0.8)
N_CORRUPTED = 200  # test pictures that every corruption is shown on
PAD = 50  # pixels around a crop, so that the detector sees a photo
SEED = 0
BATCH = 64
DEFAULT = Asked()
# Of scikit-image, those that come with the package and show nobody.
PHOTOS = (
    "brick", "cat", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "moon", "page", "rocket", "text",
)  # fmt: skip

Floats = npt.NDArray[np.float64]
Row = tuple[str, str, str, int, float]


def intervals_of(answers: Sequence[Prediction]) -> Floats:
    return np.array([answer.age_interval for answer in answers])


def outputs_of(paths: list[str]) -> dict[str, tuple[Engine, Floats]]:
    """Open the models, and let each see every picture once."""
    engines = {task: Engine(TASKS[task].pretrained, task) for task in TASKS}
    found: dict[str, list[Floats]] = {task: [] for task in TASKS}
    for start in range(0, len(paths), BATCH):
        images = [read_image(path) for path in paths[start : start + BATCH]]
        for task, engine in engines.items():
            found[task].append(engine(np.stack([resize(i, engine.image_size) for i in images])))
    return {task: (engines[task], np.concatenate(found[task])) for task in TASKS}


def answers_of(
    task: str, opened: tuple[Engine, Floats], asked: Asked = DEFAULT
) -> list[Prediction]:
    engine, outputs = opened
    answer = TASKS[task].load_answer()
    return [Prediction(**fields) for fields in answer(outputs, engine.manifest, asked)]


def inside(ends: Floats, years: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((ends[:, 0] <= years) & (years <= ends[:, 1]))


def age_rows(opened: tuple[Engine, Floats], years: Floats) -> Iterator[Row]:
    """Measure intervals, bias and `at_least`."""
    n = len(years)
    for level in LEVELS:
        answers = answers_of("age", opened, Asked(coverage=level))
        ends = intervals_of(answers)
        held, widths = inside(ends, years), np.diff(ends)[:, 0]
        yield "age", "all", f"coverage at {level:.0%}", n, held.mean()
        yield "age", "all", f"interval years at {level:.0%}", n, widths.mean()
        if level != 0.9:
            continue
        ages = np.array([answer.age for answer in answers])
        decades = (ages // 10).astype(int)
        for decade in range(decades.max() + 1):
            of = decades == decade
            if of.sum() >= LEAST:
                group = f"predicted {10 * decade} to {10 * decade + 9}"
                yield "age", group, "coverage at 90%", int(of.sum()), held[of].mean()
                yield "age", group, "interval years at 90%", int(of.sum()), widths[of].mean()
        for name, value in regression_metrics(years, ages).items():
            yield "age", "all", name, n, value
        for low, high in TRUE_AGES:
            of = (years >= low) & (years <= high)
            yield "age", f"true {low} to {high}", "bias", int(of.sum()), (ages - years)[of].mean()
        curve = risk_coverage(-widths, np.abs(ages - years))
        yield "age", "all", "area under risk-coverage, years", n, curve.area
        for limit in LIMITS:
            chances = np.array([answer.at_least(limit) for answer in answers])
            old = years >= limit
            group = f"at least {limit}"
            yield "age", group, "ece", n, expected_calibration_error(chances, old)
            yield "age", group, "brier", n, ((chances - old) ** 2).mean()
            yield "age", group, "mean probability", n, chances.mean()
            yield "age", group, "share", n, old.mean()


def label_rows(task: str, opened: tuple[Engine, Floats], truth: npt.NDArray[Any]) -> Iterator[Row]:
    """Measure what is gained by answering only where the model is sure."""
    answers = answers_of(task, opened, Asked(min_confidence={task: 0}))
    said = np.array([getattr(answer, task) for answer in answers])
    sure = np.array([max(getattr(answer, f"{task}_probabilities").values()) for answer in answers])
    wrong = said != truth
    yield task, "all", "ece", len(truth), expected_calibration_error(sure, ~wrong)
    curve = risk_coverage(sure, wrong)
    yield task, "all", "area under risk-coverage", len(truth), curve.area
    for least in CONFIDENCES:
        kept = sure >= least
        group = f"confidence of at least {least:.2f}"
        yield task, group, "answered", len(truth), kept.mean()
        yield task, group, "wrong", int(kept.sum()), wrong[kept].mean()


def corruption_rows(
    test: Faces,
) -> Iterator[tuple[str, float, int, int, float, float, float, float]]:
    """Measure the quality flag and the intervals on pictures as bad cameras have them."""
    rng = np.random.default_rng(SEED)
    predictor = Predictor("age", faces="crop")
    chosen = rng.permutation(len(test))[:N_CORRUPTED]
    years = test.table["age"].to_numpy(float)
    yield "clean", 0.0, *told(list(predictor.stream(test.paths)), years)
    shown = [resize(read_image(test.paths[k]), 112) for k in chosen]
    for change in CORRUPTIONS:
        for strength in STRENGTHS:
            images = [change(image, strength, rng) for image in shown]
            yield change.__name__, strength, *told(predictor.predict(images), years[chosen])


def told(
    answers: list[Face], years: Floats | None = None
) -> tuple[int, int, float, float, float, float]:
    """Give n, how many are readable, and coverage and width of all and of the readable ones."""
    readable = np.array([bool(answer.readable) for answer in answers])
    ends = intervals_of(answers)
    widths = np.diff(ends)[:, 0]
    held = np.full(len(answers), np.nan) if years is None else inside(ends, years).astype(float)

    def mean(values: Floats) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return (
        len(answers), int(readable.sum()),
        mean(held), mean(held[readable]), mean(widths), mean(widths[readable]),
    )  # fmt: skip


def found_rows(test: Faces) -> Iterator[tuple[str, float, int, int, float, float, float, float]]:
    """Measure the flag on photos: faces that are found, and what the detector takes for one."""
    predictor = Predictor("age")
    some = np.random.default_rng(SEED).permutation(len(test))[:300]
    answers, years = [], []
    for k in some:
        photo = np.pad(read_image(test.paths[k]), ((PAD, PAD), (PAD, PAD), (0, 0)))
        found = predictor.predict_photo(photo)
        if found:
            answers.append(found[0])
            years.append(float(test.table["age"].iloc[k]))
    yield "clean, found in a photo", 0.0, *told(answers, np.array(years))
    pictures = list(without_faces())
    taken = [face for picture in pictures for face in predictor.predict_photo(picture)]
    n, readable = len(taken), sum(bool(face.readable) for face in taken)
    yield (
        f"what the detector finds in {len(pictures)} pictures without a face",
        0.0,
        n,
        readable,
        *[np.nan] * 4,
    )
    crops = [resize(picture, 200) for picture in pictures]
    whole = Predictor("age", faces="crop").predict(crops)
    yield "pictures without a face, given as crops", 0.0, *told(whole)


def without_faces() -> Iterator[Pixels]:
    """Give photos and textures of scikit-image and scikit-learn, noise, and drawings."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    yield from load_sample_images().images
    for name in PHOTOS:
        image = np.asarray(getattr(skimage.data, name)())
        yield np.stack([image] * 3, axis=-1) if image.ndim == 2 else image[..., :3]
    rng = np.random.default_rng(SEED)
    for side in (4, 12, 40, 200, 200, 200):
        coarse = rng.integers(0, 256, (side, side, 3), np.uint8)
        yield np.asarray(Image.fromarray(coarse).resize((200, 200), Image.Resampling.BICUBIC))
    for _ in range(10):
        picture = Image.new("RGB", (240, 240), tuple(rng.integers(0, 256, 3).tolist()))
        draw = ImageDraw.Draw(picture)
        for _ in range(12):
            (x, y), (w, h) = rng.integers(0, 200, 2), rng.integers(10, 120, 2)
            shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
            shape((x, y, x + w, y + h), fill=tuple(rng.integers(0, 256, 3).tolist()))
        yield np.asarray(picture)


def age_table(scores: pd.DataFrame) -> str:
    """Write coverage and width of the 90 % intervals, overall and by decade."""
    lines = ["| predicted age | pictures | inside the 90 % interval | mean width, years |"]
    lines.append("| --- | --- | --- | --- |")
    ages = scores[scores["task"] == "age"]
    held = ages[ages["metric"] == "coverage at 90%"]
    widths = ages[ages["metric"] == "interval years at 90%"].set_index("group")["value"]
    for row in held.to_dict("records"):
        name = row["group"].removeprefix("predicted ")
        lines.append(f"| {name} | {row['n']:,} | {row['value']:.1%} | {widths[row['group']]:.1f} |")
    return "\n".join(lines)


def corruption_table(scores: pd.DataFrame) -> str:
    """Write, for each kind of picture, how many are readable and how wide intervals are."""
    lines = ["| pictures | readable | of these inside the 90 % interval | mean width, years |"]
    lines.append("| --- | --- | --- | --- |")
    for row in scores.to_dict("records"):
        strength = f", strength {row['strength']:g}" if row["strength"] else ""
        share = row["readable"] / row["n"] if row["n"] else 0
        held, width = row["coverage of readable"], row["interval years of readable"]
        cells = [
            f"{row['pictures'].replace('_', ' ')}{strength}",
            f"{row['readable']} of {row['n']} ({share:.0%})" if row["n"] else "nothing found",
            "" if np.isnan(held) else f"{held:.1%}",
            "" if np.isnan(width) else f"{width:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tables() -> dict[str, str]:
    """Give the document's tables, by the name of their marks."""
    return {
        "ages": age_table(pd.read_csv(RESULTS / "uncertainty.csv")),
        "corruptions": corruption_table(pd.read_csv(RESULTS / "corruptions.csv")),
    }


def write_tables() -> None:
    """Put the tables between the document's marks."""
    text = DOCUMENT.read_text()
    for name, table in tables().items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        head, _, rest = text.partition(start)
        text = f"{head}{start}{table}{end}{rest.partition(end)[2]}"
    DOCUMENT.write_text(text)


def measure(data: Path) -> None:
    """Measure everything, and write it."""
    test = Split.read_csv(RESULTS / "split.csv.gz", data).test
    opened = outputs_of(test.paths)
    rows = list(age_rows(opened["age"], test.table["age"].to_numpy(float)))
    for task in ("gender", "race"):
        rows += label_rows(task, opened[task], test.table[task].to_numpy(str))
    columns = ["task", "group", "metric", "n", "value"]
    table = pd.DataFrame(rows, columns=columns).round(4)
    table.to_csv(RESULTS / "uncertainty.csv", index=False)
    print(table.to_string())
    columns = ["pictures", "strength", "n", "readable", "coverage", "coverage of readable"]
    columns += ["interval years", "interval years of readable"]
    table = pd.DataFrame([*corruption_rows(test), *found_rows(test)], columns=columns).round(4)
    table.to_csv(RESULTS / "corruptions.csv", index=False)
    print(table.to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of UTKFace pictures")
    data = parser.parse_args().data
    if data:
        measure(data)
    write_tables()


if __name__ == "__main__":
    main()
