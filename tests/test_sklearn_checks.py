"""The checks of scikit-learn that need no table of numbers, called by name."""

import pytest
from sklearn.utils import estimator_checks as checks

from agr.tasks import TASKS

NAMES = (
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.removeprefix("check_"))
@pytest.mark.parametrize("task", TASKS)
def test_check(new_estimator, task, name):
    estimator = new_estimator(task)
    getattr(checks, name)(type(estimator).__name__, estimator)
