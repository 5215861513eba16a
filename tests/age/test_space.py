import inspect

import keras_tuner
import pytest

from agr.age import AgeEstimator
from agr.age.recipes import RECIPES
from agr.age.space import search_space
from agr.core.checks import check_parameters
from agr.core.recipes import AVERAGE
from agr.teaching import Teaching

PARAMETERS = inspect.signature(AgeEstimator.__init__).parameters


@pytest.fixture(scope="module")
def hp():
    hp = keras_tuner.HyperParameters()
    search_space(hp)
    return hp


def test_every_name_is_a_parameter_and_every_default_the_constructor_s(hp):
    defaults = search_space(keras_tuner.HyperParameters())
    assert {parameter.name for parameter in hp.space} == set(defaults)
    assert defaults == {name: PARAMETERS[name].default for name in defaults}


def test_defaults_lie_in_their_ranges(hp):
    for parameter in hp.space:
        if isinstance(parameter, keras_tuner.engine.hyperparameters.Choice):
            assert parameter.default in parameter.values
        else:
            assert parameter.min_value <= parameter.default <= parameter.max_value


def test_ends_of_the_ranges_can_be_fitted(hp):
    for end in (0.0, 0.999):
        drawn = keras_tuner.HyperParameters()
        drawn.values = {p.name: p.prob_to_value(end) for p in hp.space}
        values = search_space(drawn)
        assert values != search_space(keras_tuner.HyperParameters())
        estimator = AgeEstimator(**values)
        check_parameters(estimator)
        estimator._check_parameters()


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_hold_parameters(name):
    assert RECIPES[name]
    for stage in RECIPES[name]:
        if "teachers" in stage:
            assert stage is RECIPES[name][0]
            assert Teaching(**stage).teachers >= 2
            continue
        if stage == AVERAGE:
            assert stage is RECIPES[name][-1]
            assert len(RECIPES[name]) > 2
            continue
        estimator = AgeEstimator(**stage)
        check_parameters(estimator)
        estimator._check_parameters()
