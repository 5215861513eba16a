import pytest

from agr.tasks import estimator_class


@pytest.mark.parametrize("task", ["age", "gender", "race"])
def test_estimator_class(task):
    assert estimator_class(task).__name__ == f"{task.title()}Estimator"
