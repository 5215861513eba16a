"""Drawn faces whose colours tell the labels, and tiny models trained on them once."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from agr.datasets.faces import make_faces
from agr.tasks import TASKS

ROOT = Path(__file__).parents[1]
GENDERS = ("female", "male")
RACES = ("asian", "black", "indian", "other", "white")
UTK_GENDERS, UTK_RACES = ("male", "female"), ("white", "black", "asian", "indian", "other")
SETTINGS = {
    "network": "tiny",
    "image_size": 16,
    "epochs": 2,
    "batch_size": 16,
    "learning_rate": 0.01,
    "augmentation": "none",
}
EPOCHS = {"age": 12, "gender": 8, "race": 10}
# With several processes a file is one process's. Those that take longest come first, so that none
# of them is still running when all others are done.
LONGEST = (
    "test_attacks.py", "test_fuzz.py", "test_launch.py", "test_page.py", "test_contract.py",
    "test_readers.py", "test_kills.py", "test_networks.py", "test_loop.py", "test_cli.py",
    "test_noise.py", "test_train.py", "test_types.py", "test_packaging.py", "test_documents.py",
    "test_partial_fit.py", "test_export.py", "test_openapi.py", "test_tune.py",
)  # fmt: skip


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that are marked slow too")


def pytest_collection_modifyitems(config, items):
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow; --slow runs it"))


def paint(ages, genders, races, seed=0, side=24):
    """Draw faces: race is the hue, gender its strength, age is the brightness.

    Every face has blotches of its own, so that no two count as duplicates.
    """
    rng = np.random.default_rng(seed)
    hues = np.array([[255, 60, 60], [60, 255, 60], [60, 60, 255], [255, 255, 60], [255, 60, 255]])
    pixels = np.empty((len(ages), side, side, 3))
    pixels[:] = hues[[RACES.index(race) for race in races]][:, None, None]
    male = np.array([gender == "male" for gender in genders])
    pixels[male] = 0.5 * pixels[male] + 0.5 * pixels[male].mean(axis=-1, keepdims=True)
    pixels *= (0.2 + np.asarray(ages) / 120)[:, None, None, None]
    blotches = rng.uniform(0.8, 1.2, (len(ages), side // 4, side // 4, 1))
    pixels *= blotches.repeat(4, axis=1).repeat(4, axis=2)
    return np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)


def draw_faces(n, seed=0):
    """Draw n faces; gives pictures and labels by task."""
    rng = np.random.default_rng(seed)
    labels = {
        "age": rng.integers(1, 90, n).astype(float),
        "gender": np.array(GENDERS)[np.arange(n) % 2],
        "race": np.array(RACES)[np.arange(n) // 2 % 5],
    }
    return paint(labels["age"], labels["gender"], labels["race"], seed), labels


def make_estimator(task, **parameters):
    """Make an unfitted tiny estimator of a task."""
    return TASKS[task].load_estimator()(**{**SETTINGS, **parameters})


@pytest.fixture(scope="session")
def faces_drawn():
    """Give the function that draws n faces from a seed."""
    return draw_faces


@pytest.fixture(scope="session")
def new_estimator():
    """Give the function that makes an unfitted tiny estimator of a task."""
    return make_estimator


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Give, by task, a fitted and saved tiny estimator and its faces; no test refits them."""
    X, labels = draw_faces(160, seed=1)
    X_test, test_labels = draw_faces(60, seed=2)
    models = {}
    for task in TASKS:
        estimator = make_estimator(task, epochs=EPOCHS[task]).fit(X, labels[task])
        folder = tmp_path_factory.mktemp("models") / task
        estimator.save(folder)
        models[task] = SimpleNamespace(
            estimator=estimator,
            folder=folder,
            X=X,
            y=labels[task],
            X_test=X_test,
            y_test=test_labels[task],
        )
    return models


@pytest.fixture(scope="session")
def drawn_utkface(tmp_path_factory):
    """Give a folder of 80 drawn pictures under UTKFace names, one malformed name among them."""
    folder = tmp_path_factory.mktemp("UTKFace")
    X, labels = draw_faces(80, seed=3)
    for i, pixels in enumerate(X):
        age = int(labels["age"][i])
        gender = UTK_GENDERS.index(labels["gender"][i])
        race = UTK_RACES.index(labels["race"][i])
        Image.fromarray(pixels).save(folder / f"{age}_{gender}_{race}_2017{i:05d}.png")
    Image.fromarray(X[0]).save(folder / "39_1_201700000.png")
    return folder


@pytest.fixture(scope="session")
def utkface_dir():
    """Give the folder of the real UTKFace pictures, or skip."""
    folder = Path(os.environ.get("AGR_UTKFACE") or ROOT.parent / "shared/data/UTKFace")
    if not folder.is_dir():
        pytest.skip(f"the UTKFace pictures are not at {folder}; AGR_UTKFACE may name another place")
    return folder


@pytest.fixture(scope="session")
def environment():
    """Give the environment in which a fresh process finds this agr."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}


def smooth_noise(seed, side=64):
    """Blotches that stay the same when compressed or scaled, and differ between seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture
def picture():
    """Give a picture by seed."""
    return smooth_noise


@pytest.fixture(scope="session")
def quarters():
    """Red, green, blue and white quarters: tells turns, mirrors and channels apart."""
    pixels = np.empty((20, 30, 3), np.uint8)
    pixels[:10, :15] = (255, 0, 0)
    pixels[:10, 15:] = (0, 255, 0)
    pixels[10:, :15] = (0, 0, 255)
    pixels[10:, 15:] = (255, 255, 255)
    return pixels


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """Give 120 labelled pictures: 100 different ones, 10 exact copies, 10 recompressed ones."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(120):
        original = i if i < 100 else (i - 100) * 3
        path = folder / f"{rng.integers(10**9):09d}_{i}.{'jpg' if i >= 110 else 'png'}"
        Image.fromarray(smooth_noise(original)).save(path)
        rows.append(
            {
                "path": str(path),
                "age": float(i % 2 * 30 + 10),
                "gender": ("female", "male")[i // 2 % 2],
                "race": "asian" if i % 5 == 0 else "white",
                "source": "drawn",
                "original": original,
            }
        )
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    table = make_faces(columns).with_hashes()
    table.table["original"] = columns["original"]
    return table
