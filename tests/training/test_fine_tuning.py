"""From the command line: the list of networks, their options, and fine-tuning in two stages."""

import numpy as np
import pytest
from typer.testing import CliRunner

from agr.cli import app
from agr.errors import ParameterError
from agr.gender import GenderEstimator
from agr.runs.train import Run, train_run
from agr.tasks import TASKS
from agr.training.loop import seeded
from agr.training.networks import build as networks
from agr.training.networks.registry import BACKBONES


def test_networks_are_listed():
    lines = CliRunner().invoke(app, ["networks"]).stdout.splitlines()
    assert lines[0].split()[:5] == ["network", "size", "parameters", "ms", "weights"]
    assert [line.split()[0] for line in lines[1:]] == list(BACKBONES)
    assert lines[5].split()[:5] == ["imdb_wiki", "128", "31,716,033", "3.9", "random"]
    assert lines[7].split()[:5] == ["resnet50", "224", "24,112,513", "33.4", "imagenet"]
    assert max(map(len, lines)) <= 120


def test_options_reach_the_training(monkeypatch, tmp_path):
    seen = []

    def train(run, say):
        seen.append(run.parameters)
        raise ParameterError("enough")

    monkeypatch.setattr("agr.runs.train.train_run", train)
    given = {"weights": "imagenet", "trainable": "last:3", "image_size": 64, "color": "grayscale"}
    words = [w for k, v in given.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    words = ["train", "gender", "--data", str(tmp_path), "--output", str(tmp_path / "m"), *words]
    assert CliRunner().invoke(app, words).exit_code == 2
    assert seen == [given]


@pytest.mark.parametrize("task", TASKS)
def test_recipe_trains_the_head_first(task):
    head, whole = TASKS[task].load_recipes()["fine_tune"].stages
    assert (head["weights"], head["trainable"], whole["trainable"]) == ("imagenet", "head", "all")
    assert BACKBONES[head["network"]].start == "imagenet"
    assert "weights" not in whole  # they are those of the first stage
    assert whole["learning_rate"] < GenderEstimator().learning_rate


def test_two_stages(drawn_utkface, tmp_path):
    run = Run(
        task="gender",
        data=drawn_utkface,
        output=tmp_path / "model",
        recipe="fine_tune",
        parameters={
            "network": "tiny",
            "weights": None,
            "image_size": 16,
            "epochs": 1,
            "batch_size": 16,
        },
        validation=0.1,
        test=0.2,
        checkpoint=tmp_path / "state",
    )
    lines = []
    train_run(run, lines.append)
    assert "stage 2 of 2" in lines
    (folder,) = (tmp_path / "state").glob("*1-model")
    stages = GenderEstimator.load(folder), GenderEstimator.load(run.output)
    with seeded(0):
        start = networks.build(
            "tiny",
            16,
            weights=None,
            dropout=0.2,
            last_layer=("sigmoid", 1),
            task="gender",
        )
    kernels = [
        model.get_layer("conv1").get_weights()[0]
        for model in (start, *(stage.model_ for stage in stages))
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.allclose(kernels[1], kernels[2], atol=1e-7)
    np.testing.assert_allclose(kernels[1], kernels[2], atol=1e-2)
