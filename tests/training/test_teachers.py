import numpy as np
import pytest

from agr.datasets import utkface
from agr.datasets.faces import Faces
from agr.race.labels import LABELS
from agr.tasks import TASKS
from agr.training.teachers import Teaching, teach


@pytest.fixture(scope="module")
def parts(drawn_utkface):
    return utkface.read(drawn_utkface).split(validation=0.2, test=0.2, random_state=0)


def run(faces, parts, folder, **changes):
    options = {"network": "tiny", "image_size": 16, "batch_size": 8}
    estimators = {task: TASKS[task].load_estimator()(**options) for task in TASKS}
    how = Teaching(**{"teachers": 2, "epochs": 2, "augmentation": "light", **changes})
    lines = []
    soft = teach(faces, parts.validation, estimators, folder, how, seed=0, say=lines.append)
    return soft, lines


def relabelled(faces, rows):
    table = faces.table.copy()
    table.loc[rows, "gender"] = table.loc[rows, "gender"].map({"male": "female", "female": "male"})
    table.loc[rows, "age"] = 90.0
    return Faces(table)


def test_no_label_reaches_the_soft_labels_of_its_own_fold(parts, tmp_path):
    faces = parts.train
    folds = np.random.default_rng(0).permutation(len(faces)) % 2
    soft, _ = run(faces, parts, tmp_path / "a")
    other, _ = run(relabelled(faces, np.flatnonzero(folds == 0)), parts, tmp_path / "b")
    for task in ("age", "gender"):
        same = np.isclose(soft[task], other[task], atol=1e-5).all(axis=1)
        assert same[folds == 0].all()
        assert not same[folds == 1].any()


def test_probabilities_of_every_task_in_the_order_of_the_pictures(parts, tmp_path):
    changes = {"teachers": 3, "epochs": 15, "learning_rate": 0.01, "augmentation": "none"}
    soft, lines = run(parts.train, parts, tmp_path, **changes)
    assert {task: s.shape for task, s in soft.items()} == {
        "age": (len(parts.train), 121),
        "gender": (len(parts.train), 2),
        "race": (len(parts.train), 5),
    }
    for probabilities in soft.values():
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    truth = parts.train.table["race"].to_numpy(str)
    assert (np.array(LABELS)[soft["race"].argmax(axis=1)] == truth).mean() > 0.8
    assert len([line for line in lines if line.startswith("epoch")]) == 45


def test_goes_on_from_its_folder(parts, tmp_path):
    first, _ = run(parts.train, parts, tmp_path)
    again, lines = run(parts.train, parts, tmp_path)
    assert not any(line.startswith("epoch") for line in lines)
    for task in TASKS:
        np.testing.assert_allclose(first[task], again[task], atol=1e-6)


def test_a_missing_label_leaves_the_other_tasks(parts, tmp_path):
    table = parts.train.table.copy()
    table.loc[:5, "race"] = None
    soft, _ = run(Faces(table), parts, tmp_path)
    assert np.isfinite(soft["race"]).all()
    assert len(soft["age"]) == len(table)
