"""What a training from a folder does, apart from the command line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agr.datasets import read_any
from agr.errors import ArtifactError, DatasetError, LabelError, ParameterError
from agr.evaluation.groups import LEAST
from agr.gender import GenderEstimator
from agr.runs.evaluate import evaluate_faces, evaluate_run
from agr.runs.selection import Selection
from agr.runs.train import Run, train_run
from agr.tasks import TASKS
from agr.training.recipes import Recipe

SPLIT = {"validation": 0.1, "test": 0.2, "split": None, "seed": 0}


def make_run(folder, model, **changes):
    fields = {
        "task": "gender",
        "data": folder,
        "output": model,
        "parameters": {"network": "tiny", "image_size": 16, "epochs": 1, "batch_size": 16},
        **SPLIT,
        **changes,
    }
    return Run(**fields)


@pytest.fixture(scope="module")
def done(drawn_utkface, tmp_path_factory):
    """Train once; gives what was asked, the scores and the lines that were said."""
    folder = tmp_path_factory.mktemp("run")
    lines = []
    run = make_run(
        drawn_utkface, folder / "model", seed=3, min_age=5, tensorboard=folder / "boards"
    )
    return run, train_run(run, lines.append), lines


class TestTrain:
    def test_says_what_it_does(self, done):
        run, _, lines = done
        assert lines[0].startswith("80 of 81 entries kept")
        assert "1 left out, malformed name: 39_1_201700000.png" in lines[0]
        n_old = (read_any(run.data).table["age"] >= 5).sum()
        n_test, n_validation = int(n_old * 0.2), int(n_old * 0.8 * 0.125)
        assert f"{n_validation} to choose the best epoch, {n_test} for the scores" in lines[1]
        assert lines[2].startswith("epoch 1/1  ")
        assert "val_loss" in lines[2]
        assert lines[-1] == f"saved to {run.output}"

    def test_saves_scores_and_seed(self, done):
        run, report, _ = done
        manifest = json.loads((run.output / "agr.json").read_text())
        assert manifest["parameters"]["random_state"] == 3
        assert manifest["notes"]["split"] == "seed 3"
        assert manifest["notes"]["data"] == run.data.name
        assert manifest["report"] == report.to_dict()
        card = (run.output / "README.md").read_text()
        assert f"Scores of {report.n} pictures that it has not seen:" in card
        for group, scores in report.by_group.items():
            mark = r"\*" if scores["n"] < LEAST else ""
            line = f"| {group} | {scores['n']}{mark} | {scores['accuracy']:.3f} | "
            assert line in card
        assert list((run.output.parent / "boards").rglob("*tfevents*"))

    def test_evaluation_of_the_test_part_gives_the_same(self, done):
        run, report, _ = done
        faces = read_any(run.data).at_least(5).split(validation=0.1, test=0.2, random_state=3)
        again = evaluate_faces(GenderEstimator.load(run.output), faces.test)
        assert again.overall == pytest.approx(report.overall, abs=1e-6)
        assert again.n == report.n == len(faces.test)
        assert {name.split("=")[0] for name in report.by_group} == {"gender", "race", "age"}

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({"recipe": "shiped"}, ParameterError, "Did you mean 'shipped'"),
            ({"data": Path("nowhere")}, DatasetError, "nowhere is not there; expected a folder"),
            ({"test": 0.9, "validation": 0.2}, ParameterError, "together less than 1"),
            ({"parameters": {"network": "big"}}, ParameterError, "network must be one of"),
            ({"min_age": 200}, LabelError, "The train part is empty"),
            ({"validation": 0.0}, LabelError, "The validation part is empty: .* label gender"),
            ({"test": 0.0}, LabelError, "The test part is empty"),
        ],
        ids=["recipe", "data", "shares", "network", "nobody left", "no validation", "no test"],
    )
    def test_wrong(self, drawn_utkface, tmp_path, changes, error, message):
        with pytest.raises(error, match=message):
            train_run(make_run(drawn_utkface, tmp_path / "m", **changes), lambda line: None)
        assert not (tmp_path / "m").exists()

    @pytest.mark.parametrize(
        ("changes", "error", "message"),
        [
            ({}, ArtifactError, "holds no saved model"),
            ({"output": Path("/proc/x")}, ArtifactError, "No model can be saved in /proc/x"),
            ({"parameters": {"network": "tinny"}}, ParameterError, "Did you mean 'tiny'"),
            ({"parameters": {"color": "grey"}}, ParameterError, "color must be one of"),
            ({"parameters": {"trainable": "last"}}, ParameterError, "trainable must be 'all'"),
            ({"parameters": {"epochs": 0}}, ParameterError, "epochs must be"),
            ({"parameters": {"loss": "huge"}}, ParameterError, "loss must be"),
            (
                {"parameters": {"network": "xception", "image_size": 32}},
                ParameterError,
                "xception needs an image_size of at least 71",
            ),
        ],
        ids=["taken", "unwritable", "network", "color", "trainable", "epochs", "loss", "size"],
    )
    def test_wrong_before_anything_is_read(self, tmp_path, monkeypatch, changes, error, message):
        monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
        (tmp_path / "thesis").touch()
        output = tmp_path if not changes else tmp_path / "m"
        with pytest.raises(error, match=message):
            train_run(make_run(tmp_path, output, **changes), lambda line: None)

    def test_a_saved_model_is_kept(self, done, monkeypatch):
        run, report, _ = done
        monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
        with pytest.raises(ArtifactError, match="holds a saved model already; .* overwrite=True"):
            train_run(run, lambda line: None)

    def test_parameters_of_every_stage_are_checked_first(self, tmp_path, monkeypatch):
        monkeypatch.setattr("agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read"))
        monkeypatch.setattr("agr.gender.recipes.RECIPES", {"two": Recipe(({}, {"dropout": 2}))})
        run = make_run(tmp_path, tmp_path / "m", recipe="two")
        with pytest.raises(ParameterError, match="dropout must be"):
            train_run(run, lambda line: None)

    def test_learns_from_one_of_each_group_of_duplicates(
        self, drawn_utkface, tmp_path, monkeypatch
    ):
        class Stop(Exception):
            pass

        def fit(self, X, y, *, validation_data, **options):
            raise Stop(len(X), len(validation_data[0]))

        monkeypatch.setattr(GenderEstimator, "fit", fit)
        data = shutil.copytree(drawn_utkface, tmp_path / "data")
        for path in sorted(data.glob("*_2017*.png"))[:30]:
            shutil.copyfile(path, data / f"5{path.name[1:]}-copy.png")
        lines = []
        run = make_run(data, tmp_path / "m", validation=0.25, test=0.25)
        with pytest.raises(Stop) as stop:
            train_run(run, lines.append)
        parts = read_any(data).split(validation=0.25, test=0.25, random_state=0)
        n_train = len(parts.train.merge_duplicates())
        assert n_train < len(parts.train)
        assert stop.value.args == (n_train, len(parts.validation))
        assert f"({len(parts.train) - n_train} duplicates merged)" in lines[1]

    def test_published_split_and_the_least_age(self, drawn_utkface, tmp_path):
        everyone = read_any(drawn_utkface)
        parts = everyone.split(validation=0.2, test=0.4, random_state=9)
        parts.write_csv(tmp_path / "split.csv", drawn_utkface)
        run = make_run(drawn_utkface, tmp_path / "m", split=tmp_path / "split.csv", min_age=40)
        report = train_run(run, lambda line: None)
        assert report.n == (parts.test.table["age"] >= 40).sum() < len(parts.test)
        ages = {group for group in report.by_group if group.startswith("age=")}
        assert {"age=041-060", "age=061+"} <= ages <= {"age=021-040", "age=041-060", "age=061+"}

    @pytest.mark.parametrize("task", ["age", "gender", "race"])
    def test_recipe_is_below_what_is_given(self, task, tmp_path):
        from agr.runs.train import _stages

        where = {"task": task, "recipe": "shipped", "teachers": tmp_path}
        run = make_run(tmp_path, tmp_path, **where, parameters={"epochs": 2})
        assert {stage.epochs for stage in _stages(run)} == {2}
        run = make_run(tmp_path, tmp_path, **where, parameters={}, seed=5)
        recipe = TASKS[task].load_recipes()["shipped"]
        for stage, expected in zip(_stages(run), recipe.stages, strict=True):
            assert expected.items() <= stage.get_params().items()
            assert stage.random_state == 5


def test_stages_go_on_from_the_weights_of_the_one_before(drawn_utkface, tmp_path, monkeypatch):
    stages = {"epochs": 2, "learning_rate": 0.01}, {"epochs": 1, "learning_rate": 1e-9}
    monkeypatch.setattr("agr.gender.recipes.RECIPES", {"two": Recipe(stages)})
    parameters = {"network": "tiny", "image_size": 16, "batch_size": 16}
    checkpoint = tmp_path / "state"
    lines = []
    run = make_run(
        drawn_utkface,
        tmp_path / "model",
        recipe="two",
        parameters=parameters,
        checkpoint=checkpoint,
    )
    train_run(run, lines.append)
    assert "stage 2 of 2" in lines
    first = GenderEstimator.load(checkpoint / "gender-1-model")
    last = GenderEstimator.load(run.output)
    assert [len(first.history_), len(last.history_)] == [2, 1]
    # A learning rate of nearly nothing leaves the kernels as the first stage had them.
    kernels = [e.model_.get_layer("conv1").get_weights()[0] for e in (first, last)]
    np.testing.assert_allclose(*kernels, atol=1e-5)


class TestGoingOn:
    """From a saved model, with new pictures."""

    def test_learns_more_and_keeps_the_calibration(self, done, drawn_utkface, tmp_path):
        first, _, _ = done
        run = make_run(
            drawn_utkface,
            tmp_path / "more",
            start=first.output,
            parameters={"epochs": 2, "learning_rate": 1e-3},
            checkpoint=tmp_path / "state",
        )
        train_run(run, lambda line: None)
        old, new = (json.loads((m / "agr.json").read_text()) for m in (first.output, run.output))
        assert len(new["history"]) == len(old["history"]) + 2
        assert new["calibration"] == old["calibration"]  # 8 pictures are too few for another
        assert new["parameters"]["network"] == "tiny"
        assert new["parameters"]["epochs"] == 2
        # The state says that all is done.
        again = train_run(replace(run, overwrite=True), lambda line: None)
        selection = Selection(data=drawn_utkface, **SPLIT)
        expected, _ = evaluate_run("gender", selection, run.output, "test")
        assert again.overall == expected.overall

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"parameters": {"network": "tiny"}}, "so network cannot be chosen"),
            ({"parameters": {}, "recipe": "shipped"}, "so recipe cannot be chosen"),
            ({"parameters": {}, "task": "race"}, "is a model for gender, expected one for race"),
        ],
        ids=["network", "recipe", "task"],
    )
    def test_wrong(self, done, drawn_utkface, tmp_path, changes, message):
        run = make_run(drawn_utkface, tmp_path / "m", start=done[0].output, **changes)
        with pytest.raises((ParameterError, ArtifactError), match=message):
            train_run(run, lambda line: None)


def test_joint_balance(drawn_utkface, tmp_path, monkeypatch):
    seen = []

    def fit(self, X, y, *, sample_weight, **options):
        seen.append((len(X), sample_weight, self.balance))
        return real(self, X, y, sample_weight=sample_weight, **options)

    real = GenderEstimator.fit
    monkeypatch.setattr(GenderEstimator, "fit", fit)
    recipe = Recipe(({"balance": "sqrt_weights"},))  # which the option replaces
    monkeypatch.setattr("agr.gender.recipes.RECIPES", {"balanced": recipe})
    run = make_run(drawn_utkface, tmp_path / "model", recipe="balanced")
    run.parameters["balance"] = "joint"
    train_run(run, lambda line: None)
    assert json.loads((tmp_path / "model" / "agr.json").read_text())["notes"]["balance"] == "joint"
    n, weights, balance = seen[0]
    assert balance is None
    assert len(weights) == n
    assert np.mean(weights) == pytest.approx(1)
    assert np.ptp(weights) > 0.1
