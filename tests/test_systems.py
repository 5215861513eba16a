"""The named configurations of the published systems, and the benchmark that compares them."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from typer.testing import CliRunner

from agr.cli import app
from agr.datasets import utkface
from agr.datasets.faces import Split
from agr.errors import ParameterError
from agr.tasks import TASKS
from agr.training.networks import build as networks
from agr.training.networks.registry import BACKBONES

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "systems.md").read_text()
LINES = re.findall(r"^agr train .*$", DOCUMENT, flags=re.MULTILINE)
RECIPES = {
    (task, name): recipe.stages
    for task in TASKS
    for name, recipe in TASKS[task].load_recipes().items()
}
sys.path.insert(0, str(ROOT / "benchmarks"))
try:
    import measuring
    import systems
finally:
    sys.path.pop(0)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Give a function from the words of ``agr train`` to what they ask for."""
    seen = []

    def train(run, say):
        seen.append(run)
        raise ParameterError("enough")

    monkeypatch.setattr("agr.runs.train.train_run", train)

    def ask(words):
        result = CliRunner().invoke(app, words)
        assert seen, result.output
        return seen.pop()

    return ask


class TestRecipes:
    @pytest.mark.parametrize(("task", "name"), RECIPES)
    def test_is_documented(self, task, name):
        assert f"`{name}`" in DOCUMENT

    @pytest.mark.parametrize("line", LINES, ids=[line.split("--output ")[1] for line in LINES])
    def test_documented_line_is_understood(self, line, asked):
        run = asked(line.split()[1:])
        if run.recipe:
            assert (run.task, run.recipe) in RECIPES
        stages = RECIPES[run.task, run.recipe] if run.recipe else [{}]
        for stage in stages:
            TASKS[run.task].load_estimator()(**{**stage, **run.parameters})._check_own_parameters()

    @pytest.mark.parametrize(
        ("name", "cycles", "activation"),
        [
            ("conv_cycles", 4, "relu"),
            ("conv_cycles_3", 3, "relu"),
            ("conv_cycles_5", 5, "relu"),
            ("conv_cycles_6", 6, "relu"),
            ("conv_cycles_leaky", 4, "leaky_relu"),
        ],
    )
    def test_conv_cycles(self, name, cycles, activation):
        (stage,) = RECIPES["gender", name]
        assert RECIPES["age", name] == RECIPES["race", name] == (stage,)
        model = built(stage, 64)
        kinds = [type(layer).__name__ for layer in model.layers]
        assert kinds.count("Conv2D") == cycles
        assert model.get_layer("conv1").activation.__name__ == activation
        assert [model.get_layer(f"dropout{i}").rate for i in (1, 2)] == [0.5, 0.5]

    def test_inception_first_learns_the_head_then_the_layers_from_52_on(self):
        head, rest = RECIPES["gender", "inception"]
        assert RECIPES["race", "inception"] == (head, rest)
        number = {"head": "regression"}
        assert RECIPES["age", "inception"] == (head | number, rest | number)
        assert (head["weights"], "weights" in rest) == ("imagenet", False)
        for stage, first in ((head, None), (rest, 52)):
            model = built({**stage, "weights": None}, 75)
            trunk = next(layer for layer in model.layers if hasattr(layer, "layers"))
            learns = [layer.trainable for layer in trunk.layers]
            first = len(learns) if first is None else first
            assert learns == [False] * first + [True] * (len(learns) - first)
            assert model.get_layer("logits").trainable

    @pytest.mark.parametrize(
        ("name", "n_bins"),
        [
            ("conv_cycles_decade", 11),
            ("conv_cycles_balanced", 10),
            ("life_stages", 6),
            ("ad_groups", 8),
        ],
    )
    def test_age_classes(self, name, n_bins):
        estimator = TASKS["age"].load_estimator()(**RECIPES["age", name][0])
        ages = np.arange(7.0, 101)
        estimator.learn_labels(ages)
        targets = estimator.targets(ages)
        assert targets.shape == (94, n_bins)
        assert set(targets.ravel()) == {0, 1}  # one class each, not spread

    @pytest.mark.parametrize("name", ["conv_cycles_regression", "imdb_wiki", "inception"])
    def test_age_as_a_number(self, name):
        assert {stage["head"] for stage in RECIPES["age", name]} == {"regression"}


def built(stage, size):
    estimator = TASKS["gender"].load_estimator()(
        **{k: v for k, v in stage.items() if k not in ("head", "bins", "label_sd")}
    )
    return networks.build(
        estimator.network,
        size,
        weights=None,
        dropout=estimator.dropout,
        last_layer=("sigmoid", 1),
        task="gender",
        options=estimator.network_options,
        trainable=estimator.trainable,
    )


class TestConfigurations:
    @pytest.mark.parametrize("configuration", systems.CONFIGURATIONS, ids=lambda c: c.words)
    def test_words_are_those_of_the_command(self, configuration, asked):
        words = f"train {configuration.task} --data . --output m {configuration.words}".split()
        run = asked(words)
        assert (run.task, run.recipe, run.min_age) == (
            configuration.task,
            configuration.recipe,
            configuration.min_age,
        )
        assert run.parameters == configuration.parameters
        for stage in configuration.stages:
            TASKS[run.task].load_estimator()(**stage)._check_own_parameters()

    def test_every_recipe_of_a_system_is_compared(self):
        compared = {c.recipe for c in systems.CONFIGURATIONS if c.recipe}
        assert {name for _, name in RECIPES} - {"shipped"} == compared

    def test_every_trunk_is_compared(self):
        compared = {stage.get("network") for c in systems.CONFIGURATIONS for stage in c.stages}
        assert {n for n, b in BACKBONES.items() if b.start == "imagenet"} < compared

    def test_no_two_rows_are_the_same(self):
        keys = [(c.system, c.task, c.words) for c in systems.CONFIGURATIONS]
        assert len(set(keys)) == len(keys)


@pytest.fixture(scope="module")
def budget(drawn_utkface, tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    systems.draw_budget(drawn_utkface, folder, 40)
    return measuring.Budget(folder, 40, 2, False)


@pytest.fixture
def small(monkeypatch):
    """Let an estimator without a network be the tiny one."""
    for task in TASKS:
        defaults = TASKS[task].load_estimator().__init__.__kwdefaults__
        monkeypatch.setitem(defaults, "network", "tiny")
        monkeypatch.setitem(defaults, "image_size", 16)
        monkeypatch.setitem(defaults, "batch_size", 8)


class TestBudget:
    def test_learns_train_pictures_and_scores_the_validation_part(self, drawn_utkface, budget):
        real = utkface.read(drawn_utkface).split(validation=0.08, test=0.16, random_state=0)
        drawn = Split.read_csv(budget.folder / "split.csv", budget.folder / "pictures")
        names = [{Path(path).name for path in part.paths} for part in (*real, *drawn)]
        train, validation, _, learned, chosen, scored = names
        assert (len(learned), len(chosen)) == (40, 8)
        assert learned | chosen <= train
        assert not learned & chosen
        assert scored == validation

    def test_gender_row(self, budget, small, monkeypatch):
        kept = []
        scores_of = measuring.scores_of
        monkeypatch.setattr(
            measuring, "scores_of", lambda *given: kept.append(given) or scores_of(*given)
        )
        row = measuring.train_configuration(
            measuring.Configuration("any", "gender", None, {}), budget
        )
        fitted, _, faces = kept[0]
        X, y = faces.labelled("gender")
        male, chances = y == "male", fitted.predict_proba(X)
        answers = chances[:, 1] > 0.5
        expected = {
            "gender_accuracy": (male == answers).mean(),
            "gender_precision": precision_score(male, answers, zero_division=0),
            "gender_recall": recall_score(male, answers),
            "gender_f1": f1_score(male, answers),
            "gender_auc": roc_auc_score(male, chances[:, 1]),
        }
        assert {k: row[k] for k in expected} == pytest.approx(expected, abs=1e-4)
        assert (row["network"], row["image_size"], row["start"]) == ("tiny", 16, "random")
        assert (row["epochs"], row["pictures"]) == (2, 40)
        assert row["parameters"] == fitted.model_.count_params()
        assert row["seconds_per_epoch"] > 0
        assert row["memory_mib"] > 100
        assert set(row) <= set(systems.COLUMNS)

    def test_age_row_leaves_out_the_young(self, budget, small):
        configuration = next(c for c in systems.CONFIGURATIONS if c.recipe == "ad_groups")
        row = measuring.train_configuration(configuration, budget)
        drawn = Split.read_csv(budget.folder / "split.csv", budget.folder / "pictures")
        assert row["pictures"] == (drawn.train.table["age"] >= 7).sum() < 40
        assert 0 <= row["age_bin_accuracy"] <= row["age_one_off_accuracy"] <= 1
        assert row["age_mae"] > 0
        assert set(row) <= set(systems.COLUMNS)

    def test_two_stages_share_the_epochs(self, budget, small):
        given = {"network": "mobilenet_v3_small"}
        configuration = measuring.Configuration("any", "race", "fine_tune", given)
        row = measuring.train_configuration(configuration, budget)
        assert (row["epochs"], row["image_size"], row["start"]) == (2, 64, "random")
        assert row["note"].startswith("64 pixels instead of 224; random start instead of ImageNet")
        assert "the stages' epochs took" in row["note"]
        assert 0 <= row["race_macro_f1"] <= row["race_accuracy"] + 0.5

    def test_three_networks_and_one(self, budget):
        rows = {joint: measuring.time_networks("tiny", joint, budget) for joint in (True, False)}
        trunk = rows[True]["parameters"] - 33 * (121 + 2 + 5)
        assert rows[False]["parameters"] == 3 * trunk + 33 * (121 + 2 + 5)
        for row in rows.values():
            assert row["pictures"] == 40
            assert min(row["seconds_per_epoch"], row["seconds_per_1000_predictions"]) > 0
            assert set(row) <= set(systems.TIMED_COLUMNS)

    def test_start(self):
        assert measuring.start_of("auto", "auto") == "packaged"
        assert measuring.start_of("imagenet", "imagenet") == "imagenet"
        assert measuring.start_of("imagenet", None) == "random"
        assert measuring.start_of(None, "auto") == "random"


class TestTable:
    def table(self, folder, again=False):
        return systems.Table(folder / "t.csv", ("a",), ("a", "parameters", "note"), again)

    def test_goes_on_and_tries_failures_again(self, tmp_path):
        table = self.table(tmp_path)
        table.add({"a": "done", "parameters": 3})
        table.add({"a": "failed", "note": "MemoryError: too large"})
        text = (tmp_path / "t.csv").read_text()
        assert text == "a,parameters,note\ndone,3,\nfailed,,MemoryError: too large\n"
        table = self.table(tmp_path)
        assert {"a": "done"} in table
        assert {"a": "failed"} not in table
        table.add({"a": "failed", "parameters": 4})
        assert (tmp_path / "t.csv").read_text() == "a,parameters,note\ndone,3,\nfailed,4,\n"

    def test_again(self, tmp_path):
        self.table(tmp_path).add({"a": "done", "parameters": 3})
        assert {"a": "done"} not in self.table(tmp_path, again=True)

    @pytest.mark.parametrize(
        ("work", "argument", "note"),
        [
            (int, "x", "ValueError: invalid literal for int"),
            (os._exit, 3, "BrokenProcessPool: A process in the process pool was terminated"),
        ],
        ids=["error", "killed"],
    )
    def test_an_error_becomes_a_note(self, work, argument, note):
        row = systems.in_own_process(work, argument)
        assert list(row) == ["note"]
        assert row["note"].startswith(note)
