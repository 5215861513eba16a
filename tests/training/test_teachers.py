"""Teachers in a folder, and what is learned from them."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from agr.datasets import utkface
from agr.errors import DatasetError, ParameterError
from agr.gender import GenderEstimator
from agr.runs.train import Run, train_run
from agr.training.batches import hold_out
from agr.training.fitting import Part
from agr.training.recipes import Recipe
from agr.training.teachers import Teachers

WIDTHS = {"gender": 2, "race": 5, "age": 121}
HASHES = [f"{i:08x}{'0' * 56}" for i in range(6)]


def write_network(path, answer):
    """A network that says the same of every picture, but for the brightness in its last column."""
    brightness = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Mul", ["column", "unit"], ["given"]),
        helper.make_node("Add", ["given", "answer"], ["out"]),
    ]
    unit = np.zeros((1, len(answer)), np.float32)
    unit[0, -1] = 1
    values = {"answer": np.float32(answer)[None], "unit": unit, "last": np.array([1])}
    graph = helper.make_graph(
        brightness,
        "teacher",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 16, 16, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", len(answer)])],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


def write_teachers(folder, answers, folds):
    folder.mkdir()
    names = [f"teacher-{k}.onnx" for k in range(len(answers))]
    for name, answer in zip(names, answers, strict=True):
        write_network(folder / name, answer)
    pd.DataFrame(folds, columns=["hash", "fold"]).to_csv(folder / "folds.csv", index=False)
    listed = {"image_size": 16, "widths": WIDTHS, "files": names, "folds": "folds.csv"}
    (folder / "teachers.json").write_text(json.dumps(listed))
    return folder


def saying(female, race="asian"):
    """Give an answer side by side: a probability of female, a race, the age of 30."""
    answer = np.zeros(sum(WIDTHS.values()))
    answer[:2] = female, 1 - female
    answer[2 + ("asian", "black", "indian", "other", "white").index(race)] = 1
    answer[7 + 30] = 1
    return answer


@pytest.fixture
def two(tmp_path):
    """Teachers of whom the first says female and the second male; picture 0 is the second's."""
    folds = [(HASHES[0], 1), (HASHES[1], 0)]
    return write_teachers(tmp_path / "teachers", [saying(0.9), saying(0.2)], folds)


class TestAsking:
    def test_a_picture_is_judged_by_the_teacher_of_its_fold(self, two):
        teachers = Teachers(two, "gender", HASHES)
        black = np.zeros((6, 16, 16, 3), np.uint8)
        # The others have no fold and are shared out by their hashes: even ones for the first.
        expected = [[0.2, 0.8], [0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.2, 0.8]]
        np.testing.assert_allclose(teachers(black, np.arange(6)), expected, atol=0.01)
        np.testing.assert_allclose(
            teachers(black[:2], np.array([3, 1])), expected[3:0:-2], atol=0.01
        )

    @pytest.mark.parametrize(("task", "width"), WIDTHS.items())
    def test_gives_the_columns_of_the_task(self, two, task, width):
        answer = Teachers(two, task, HASHES)(np.zeros((2, 16, 16, 3), np.uint8), np.arange(2))
        assert answer.shape == (2, width)
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=0.01)

    def test_sees_these_pictures_in_its_own_size(self, two):
        pictures = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 200)])
        ages = Teachers(two, "age", HASHES)(pictures, np.arange(2))
        np.testing.assert_allclose(ages[:, -1], [0, 200], atol=1)

    def test_no_teachers(self, two, tmp_path):
        with pytest.raises(DatasetError, match="scripts/teachers/README.md says how"):
            Teachers(tmp_path, "gender", HASHES)
        (two / "teacher-1.onnx").unlink()
        with pytest.raises(DatasetError, match="holds no teachers of gender"):
            Teachers(two, "gender", HASHES)


class TestLearning:
    def test_the_same_copies_of_the_same_pictures(self, new_estimator, faces_drawn):
        """Teacher and student see what the augmentation made, in every epoch something else."""
        X, labels = faces_drawn(40, seed=5)
        more = 255 - X[:10]
        asked = []

        def teacher(pictures, rows):
            asked.append((pictures, rows))
            return np.full((len(rows), 2), 0.5)

        estimator = new_estimator("gender", epochs=2, batch_size=8, augmentation="camera")
        estimator.fit(X, labels["gender"], soft_labels=teacher, unlabelled=more)
        shown = np.concatenate([rows for _, rows in asked[1:]])
        kept = hold_out(40, 0)[0]
        assert set(shown) == {*kept, *range(40, 50)}  # and never those held out
        real = np.concatenate([X, more])
        copies = [
            (p, row) for pictures, rows in asked[1:] for p, row in zip(pictures, rows, strict=True)
        ]
        first, second = ([p for p, row in copies if row == kept[0]][i] for i in (0, -1))
        assert (first != second).any()
        for picture, row in copies[:20]:
            size = picture.shape[0]
            means = [np.abs(picture.mean((0, 1)) - one.mean((0, 1))).sum() for one in real]
            assert picture.shape == (size, size, 3)
            assert means[row] < 300

    def test_unlabelled_pictures_are_learned_from_the_teacher_alone(
        self, new_estimator, faces_drawn
    ):
        X, labels = faces_drawn(60, seed=5)
        part = Part.make(X, labels["gender"], None, lambda p, rows: rows, [])
        assert len(part.unlabelled) == 0
        bright = np.full((120, *X.shape[1:]), 250, np.uint8)

        def teacher(pictures, rows):  # who knows that what is bright is male
            male = np.where(rows < 60, labels["gender"][np.minimum(rows, 59)] == "male", 1.0)
            return np.stack([1 - male, male], axis=1)

        kwargs = {"validation_data": (X, labels["gender"])}
        estimator = new_estimator("gender", epochs=8, augmentation="none")
        estimator.fit(X, labels["gender"], soft_labels=teacher, unlabelled=bright, **kwargs)
        assert estimator.predict_proba(bright[:1])[0, 1] > 0.8

    def test_unlabelled_pictures_need_a_teacher(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(20, seed=5)
        with pytest.raises(ParameterError, match="need soft_labels that can be asked"):
            new_estimator("gender").fit(X, labels["gender"], unlabelled=X)

    def test_wrong_answers_show_before_the_training(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(20, seed=5)
        with pytest.raises(ParameterError, match=r"must have shape \(1, 2\), got \(1, 3\)"):
            new_estimator("gender").fit(
                X, labels["gender"], soft_labels=lambda pictures, rows: np.ones((len(rows), 3))
            )


class TestRun:
    def run(self, folder, tmp_path, **options):
        parameters = {"network": "tiny", "image_size": 16, "batch_size": 8, "epochs": 1}
        return Run(
            task="gender",
            data=folder,
            output=tmp_path / "model",
            parameters=parameters,
            **options,
        )

    def test_a_taught_recipe_says_that_it_needs_teachers(
        self, drawn_utkface, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("agr.gender.recipes.RECIPES", {"taught": Recipe(({},), taught=True)})
        with pytest.raises(ParameterError, match="--teachers FOLDER"):
            train_run(self.run(drawn_utkface, tmp_path, recipe="taught"), print)

    def test_asks_about_every_picture_with_its_own_teacher(
        self, drawn_utkface, tmp_path, monkeypatch
    ):
        faces = utkface.read(drawn_utkface).with_hashes().table
        faces.loc[::3, "gender"] = None
        faces[["path", "age", "gender", "race"]].to_csv(tmp_path / "faces.csv", index=False)
        second = faces["hash"][1::2]
        folds = [*((word, 0) for word in faces["hash"][::2]), *((word, 1) for word in second)]
        folder = write_teachers(tmp_path / "teachers", [saying(0.9), saying(0.2)], folds)
        learned, fit = [], GenderEstimator.fit
        monkeypatch.setattr(
            GenderEstimator,
            "fit",
            lambda self, X, y, **o: learned.append((X, o)) or fit(self, X, y, **o),
        )
        train_run(self.run(tmp_path / "faces.csv", tmp_path, teachers=folder), print)
        ((X, options),) = learned
        assert len(options["unlabelled"]) > 10
        paths = [*X, *options["unlabelled"]]
        pictures = np.zeros((len(paths), 16, 16, 3), np.uint8)
        said = options["soft_labels"](pictures, np.arange(len(paths)))[:, 0]
        expected = np.where(pd.Series(paths).isin(faces["path"][1::2]), 0.2, 0.9)
        np.testing.assert_allclose(said, expected, atol=0.01)
