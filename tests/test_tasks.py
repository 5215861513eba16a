import inspect

import pytest

from agr.tasks import TASKS


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
class TestTask:
    def test_its_estimator_learns_this_task(self, task):
        assert task.load_estimator().task == task.name

    def test_its_model_comes_with_agr(self, task):
        assert {"agr.json", "model.onnx", "model.keras"} <= {
            path.name for path in task.pretrained.iterdir()
        }

    def test_its_answer_takes_outputs_manifest_and_what_is_asked(self, task):
        assert list(inspect.signature(task.load_answer()).parameters) == [
            "outputs",
            "manifest",
            "asked",
        ]

    def test_its_recipes_hold_the_shipped_training(self, task):
        assert "shipped" in task.load_recipes()

    def test_its_space_draws_parameters_of_the_estimator(self, task):
        import keras_tuner

        drawn = task.load_space()(keras_tuner.HyperParameters())
        assert set(drawn) <= set(task.load_estimator()().get_params())
