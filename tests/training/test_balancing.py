"""Balancing: the plans by themselves, and that training follows them."""

import importlib

import numpy as np
import pandas as pd
import pytest

from agr.errors import ParameterError
from agr.tasks import TASKS
from agr.training import balancing as balance
from agr.training import loop as training
from agr.training.augmentation import make_augmentation
from agr.training.batches import ImageStore
from agr.training.strategies import LABEL_STRATEGIES

Y = np.array(["white"] * 12 + ["black"] * 3 + ["asian"] * 5)


def plan_labels(y, value, seed):
    return balance.find_strategy(value, LABEL_STRATEGIES, tuple(np.unique(y))).plan(y, seed)


def counts(plan, y=Y):
    labels, n = np.unique(y[plan.rows], return_counts=True)
    return dict(zip(labels.tolist(), n.tolist(), strict=True))


class TestWeights:
    @pytest.mark.parametrize("task", TASKS)
    def test_rooms_have_a_default_that_they_offer_and_search_what_they_offer(self, task):
        room = importlib.import_module(f"agr.{task}.balance")
        assert TASKS[task].load_estimator()().balance == room.DEFAULT
        assert room.DEFAULT in (None, *room.STRATEGIES)
        assert set(room.SEARCHED) <= set(room.STRATEGIES)

    @pytest.mark.parametrize("n", [(7, 1), (1, 1), (3, 9)], ids=str)
    def test_every_label_counts_the_same(self, n):
        y = np.repeat(["a", "b"], n)
        weights = balance.inverse_frequency(y)
        assert weights.mean() == pytest.approx(1)
        assert [weights[y == label].sum() for label in "ab"] == pytest.approx([sum(n) / 2] * 2)

    def test_square_root_is_half_way(self):
        weights = balance.inverse_frequency(np.array(["a", "b", "a", "a", "a"]), power=0.5)
        assert weights[1] / weights[0] == pytest.approx(2)
        assert weights.mean() == pytest.approx(1)

    @pytest.mark.parametrize(("name", "ratio"), [("weights", 4), ("sqrt_weights", 2)])
    def test_plan(self, name, ratio):
        plan = plan_labels(Y, name, 0)
        assert plan.weights[12] / plan.weights[0] == pytest.approx(ratio)
        assert counts(plan) == {"white": 12, "black": 3, "asian": 5}


class TestRows:
    def test_nothing_asked_for(self):
        plan = plan_labels(Y, None, 0)
        np.testing.assert_array_equal(plan.rows, np.arange(20))
        np.testing.assert_array_equal(plan.weights, np.ones(20))
        assert plan.augmented.all()

    def test_undersample(self):
        plan = plan_labels(Y, "undersample", 0)
        assert counts(plan) == {"white": 3, "black": 3, "asian": 3}
        assert len(set(plan.rows)) == 9
        assert list(plan.rows) != list(plan_labels(Y, "undersample", 1).rows)

    def test_share_of_chosen_labels(self):
        plan = plan_labels(Y, {"white": 0.5}, 0)
        assert counts(plan) == {"white": 6, "black": 3, "asian": 5}
        assert len(set(plan.rows)) == 14

    def test_a_share_leaves_at_least_one(self):
        assert counts(plan_labels(Y, {"black": 0.01}, 0))["black"] == 1

    def test_oversample_repeats_each_as_often(self):
        plan = plan_labels(Y, "oversample", 0)
        assert counts(plan) == {"white": 12, "black": 12, "asian": 12}
        assert set(np.bincount(plan.rows)[12:15]) == {4}
        assert set(np.bincount(plan.rows)[15:]) == {2, 3}
        assert plan.augmented.all()

    def test_augment_changes_the_copies_alone(self):
        plan = plan_labels(Y, "augment", 0)
        assert counts(plan) == {"white": 12, "black": 12, "asian": 12}
        assert sorted(plan.rows[~plan.augmented]) == list(range(20))

    def test_batches_hold_every_label_alike(self):
        plan = plan_labels(Y, "batches", 0)
        order = plan.order(np.random.default_rng(0))
        assert len(order) == 20
        for k in range(0, 18, 3):
            assert sorted(Y[order[k : k + 3]]) == ["asian", "black", "white"]
        assert list(order) != list(plan.order(np.random.default_rng(1)))


class TestCheck:
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("smot", "Did you mean 'smote'"),
            ({"grey": 0.5}, "every label in balance must be one of"),
            ({"white": 0}, "what share of 'white' is kept, above 0 and at most 1; got 0"),
            ({"white": 1.5}, "got 1.5"),
            ({"white": "half"}, "got 'half'"),
            ({"white": float("nan")}, "got nan"),
            ({"white": True}, "got True"),
        ],
        ids=["name", "label", "zero", "more", "word", "nan", "truth"],
    )
    def test_refused(self, value, message):
        with pytest.raises(ParameterError, match=message):
            balance.find_strategy(value, LABEL_STRATEGIES, ("black", "white"))

    @pytest.mark.parametrize(
        "value",
        [None, *LABEL_STRATEGIES, {"white": 0.5}, {"white": 1}, {"white": np.float32(0.5)}],
        ids=str,
    )
    def test_known(self, value):
        balance.find_strategy(value, LABEL_STRATEGIES, ("black", "white"))


class TestJoint:
    groups = pd.DataFrame(
        {"gender": ["f"] * 60 + ["m"] * 30 + ["m"] * 10, "race": ["a"] * 90 + [None] * 10}
    )

    def test_cells_count_the_same(self):
        weights = balance.joint_weight(self.groups, floor=1)
        assert weights.mean() == pytest.approx(1)
        masses = [weights[:60].sum(), weights[60:90].sum(), weights[90:].sum()]
        assert masses == pytest.approx([100 / 3] * 3)

    def test_floor(self):
        weights = balance.joint_weight(self.groups, floor=30)
        assert weights[-1] == pytest.approx(weights[60])
        assert weights[60] / weights[0] == pytest.approx(2)

    def test_default_floor_is_half_the_mean_cell(self):
        weights = balance.joint_weight(self.groups)
        assert weights[0] * 60 == pytest.approx(weights[60] * 30)
        assert weights[-1] * 100 / 6 == pytest.approx(weights[0] * 60)  # the cell of 10

    def test_bad_floor(self):
        with pytest.raises(ParameterError, match="at least 1 picture, got 0"):
            balance.joint_weight(self.groups, floor=0)


class TestTraining:
    """What the network is shown."""

    def test_only_copies_are_changed(self):
        X = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
        plan = plan_labels(Y, "augment", 0)
        recipe = training.Settings(
            1, len(plan), 0.01, 0.0, "constant", 0.0, None, make_augmentation("strong"), 0
        )
        targets = np.arange(20, dtype=np.float32)[:, None]
        lessons = training.Lessons(ImageStore(X, 16), targets, plan)
        images, rows, _ = training.Batches(lessons, 16, recipe, 0)[0]
        rows = rows[:, 0].astype(int)
        same = (images == X[rows]).all(axis=(1, 2, 3))
        assert sorted(rows[same]) == list(range(20))
        copies = images[~same]
        assert len(np.unique(copies.reshape(len(copies), -1), axis=0)) == len(copies) == 16

    @pytest.mark.parametrize("value", [v for v in LABEL_STRATEGIES if "smote" not in v])
    def test_every_kind_trains(self, new_estimator, faces_drawn, value, monkeypatch):
        X, labels = faces_drawn(60, seed=6)
        seen = []

        def spy(model, loss, metrics, lessons, *args, **kwargs):
            seen.append(lessons.plan)
            return real(model, loss, metrics, lessons, *args, **kwargs)

        real = training.train
        monkeypatch.setattr(training, "train", spy)
        held = faces_drawn(20, seed=7)
        y = np.where(np.arange(60) < 50, "white", labels["race"])
        estimator = new_estimator("race", epochs=1, balance=value)
        estimator.fit(X, y, validation_data=(held[0], held[1]["race"]))
        expected = plan_labels(y, value, 0)
        np.testing.assert_array_equal(seen[0].rows, expected.rows)
        assert seen[0].weights.mean() == pytest.approx(1)
        ratio = seen[0].weights / expected.weights
        assert ratio == pytest.approx(ratio[0])

    def test_own_weights_multiply_those_of_the_balance(self, new_estimator, faces_drawn):
        X, labels = faces_drawn(40, seed=6)
        weights = np.where(labels["gender"] == "female", 3.0, 1.0)
        one = new_estimator("gender", epochs=1).fit(X, labels["gender"], sample_weight=weights)
        two = new_estimator("gender", epochs=1, balance="weights").fit(
            X, labels["gender"], sample_weight=weights
        )
        np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-5)
