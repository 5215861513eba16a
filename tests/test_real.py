"""On the real UTKFace pictures, where they are."""

from pathlib import Path

import numpy as np
import pytest

import agr
from agr.datasets.faces import make_faces
from agr.datasets.utkface import read

pytestmark = pytest.mark.real
N = 500


@pytest.fixture(scope="module")
def faces(utkface_dir, tmp_path_factory):
    """Read a seeded choice of 500 pictures, through links in a folder of their own."""
    folder = tmp_path_factory.mktemp("real")
    names = sorted(path.name for path in utkface_dir.iterdir() if path.suffix == ".jpg")
    for name in np.random.default_rng(0).choice(names, N, replace=False):
        (folder / name).symlink_to(utkface_dir / name)
    return read(folder)


@pytest.fixture(scope="module")
def parts(faces):
    return faces.split(validation=0.2, test=0.2, random_state=0)


def test_read(faces):
    assert len(faces) + faces.report.n_dropped == N
    assert len(faces) > 0.99 * N
    assert faces.table["age"].between(1, 116).all()
    assert set(faces.table["gender"]) == {"female", "male"}
    assert set(faces.table["race"]) == {"asian", "black", "indian", "other", "white"}


def test_split_keeps_duplicates_together(faces, parts):
    """With every tenth picture doubled under another name, no pair is torn apart."""
    table = faces.table.copy()
    copies = table.iloc[::10].assign(path=lambda t: t["path"] + "-copy.jpg")
    doubled = make_faces({c: [*table[c], *copies[c]] for c in table.columns})
    split = doubled.split(validation=0.2, test=0.2, random_state=0)
    assert sum(map(len, split)) == len(doubled)
    side = {path: k for k, part in enumerate(split) for path in part.paths}
    for path in copies["path"]:
        assert side[path] == side[path.removesuffix("-copy.jpg")]
    hashes = [set(part.table["hash"]) for part in parts]
    assert not hashes[0] & hashes[1]
    assert not hashes[2] & (hashes[0] | hashes[1])


def test_tiny_training(new_estimator, parts):
    """300 pictures are enough to leave chance behind, at 0.5 and ln 2, by three standard errors."""
    estimator = new_estimator("gender", image_size=32, learning_rate=0.003, epochs=20)
    estimator.fit(
        *parts.train.labelled("gender"), validation_data=parts.validation.labelled("gender")
    )
    assert estimator.history_[-1]["loss"] < 0.8 * estimator.history_[0]["loss"]
    report = estimator.evaluate(*parts.test.labelled("gender"))
    assert report.overall["accuracy"] > 0.65
    assert report.overall["log_loss"] < 0.62


@pytest.fixture(scope="module")
def read_by(faces):
    """Give a function that reads the 500 with the shipped model of a task, or skips."""

    def predictions(task):
        if not (Path(agr.__file__).parent / task / "pretrained").is_dir():
            pytest.skip(f"this checkout holds no shipped model for {task}")
        return agr.Predictor([task], faces="crop").predict(faces.paths)

    return predictions


class TestShipped:
    """Many of the 500 were learned from, so the bars only tell a broken model from a good one."""

    @pytest.mark.parametrize(("task", "bar"), [("gender", 0.85), ("race", 0.7)])
    def test_labels(self, faces, read_by, task, bar):
        found = [getattr(prediction, task) for prediction in read_by(task)]
        assert np.mean(np.array(found) == faces.table[task].to_numpy(str)) > bar

    def test_age(self, faces, read_by):
        found = read_by("age")
        ages = faces.table["age"].to_numpy()
        assert np.abs(np.array([f.age for f in found]) - ages).mean() < 8
        low, high = np.array([f.age_interval for f in found]).T
        assert ((low <= ages) & (ages <= high)).mean() > 0.85
