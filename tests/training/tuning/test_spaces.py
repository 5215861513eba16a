"""The spaces that a search draws from and the named trainings, of every task alike."""

import inspect

import keras_tuner
import pytest

from agr.errors import ParameterError
from agr.tasks import TASKS
from agr.training.parameters import check_parameters
from agr.training.tuning.space import names_of, narrowed, own_space

RECIPES = [(task, name) for task in TASKS for name in TASKS[task].load_recipes()]


@pytest.fixture(params=list(TASKS))
def task(request):
    return request.param


@pytest.fixture
def search_space(task):
    return TASKS[task].load_space()


@pytest.fixture
def hp(search_space):
    hp = keras_tuner.HyperParameters()
    search_space(hp)
    return hp


def test_every_name_is_a_parameter_and_every_default_the_constructor_s(task, search_space, hp):
    parameters = inspect.signature(TASKS[task].load_estimator().__init__).parameters
    defaults = search_space(keras_tuner.HyperParameters())
    assert {parameter.name for parameter in hp.space} == set(defaults)
    assert defaults == {name: parameters[name].default for name in defaults}


def test_defaults_lie_in_their_ranges(hp):
    for parameter in hp.space:
        if isinstance(parameter, keras_tuner.engine.hyperparameters.Choice):
            assert parameter.default in parameter.values
        else:
            assert parameter.min_value <= parameter.default <= parameter.max_value


def test_ends_of_the_ranges_can_be_fitted(task, search_space, hp):
    for end in (0.0, 0.999):
        drawn = keras_tuner.HyperParameters()
        drawn.values = {p.name: p.prob_to_value(end) for p in hp.space}
        values = search_space(drawn)
        assert values != search_space(keras_tuner.HyperParameters())
        estimator = TASKS[task].load_estimator()(**values)
        check_parameters(estimator)
        estimator._check_own_parameters()


class TestOwn:
    """The space of an estimator whose network stays."""

    @pytest.mark.parametrize(
        ("parameters", "depths"),
        [
            ({}, ["all", "last:40", "head"]),
            ({"weights": None}, None),
            ({"network": "tiny"}, None),
            ({"network": "conv_cycles"}, None),
            ({"network": "conv_cycles", "weights": "mine.npz"}, ["all", "head"]),
            ({"network": "vgg16"}, None),
            ({"network": "vgg16", "weights": "imagenet"}, ["all", "head"]),
            ({"network": "resnet50", "weights": "imagenet"}, ["all", "last:80", "last:40", "head"]),
        ],
        ids=[
            "default",
            "random",
            "tiny",
            "conv_cycles",
            "conv_cycles-file",
            "vgg16",
            "vgg16-imagenet",
            "resnet50-imagenet",
        ],
    )
    def test_only_pretrained_layers_can_stay(self, task, parameters, depths):
        hp = keras_tuner.HyperParameters()
        space = own_space(TASKS[task].load_estimator()(**parameters), fixed=True)
        drawn = narrowed(space, [name for name in names_of(space) if name != "network"])(hp)
        found = {parameter.name: parameter for parameter in hp.space}
        assert set(found) == set(drawn)
        assert depths == (found["trainable"].values if "trainable" in found else None)

    def test_sizes_that_the_network_takes(self, task):
        hp = keras_tuner.HyperParameters()
        own_space(TASKS[task].load_estimator()(network="xception"), fixed=True)(hp)
        assert [p.values for p in hp.space if p.name == "image_size"] == [[0, 96, 128]]

    def test_a_searched_network_is_not_the_own(self, task):
        """A drawn network may go deeper than the one it replaces."""
        space = own_space(TASKS[task].load_estimator()(network="tiny"), fixed=False)
        assert names_of(space)[:3] == ["network", "trainable", "image_size"]

    def test_an_unknown_network(self, task):
        with pytest.raises(ParameterError, match="got 'tinny'. Did you mean 'tiny'"):
            own_space(TASKS[task].load_estimator()(network="tinny"), fixed=True)


@pytest.mark.parametrize(("task", "name"), RECIPES, ids="-".join)
def test_recipes_hold_parameters(task, name):
    recipe = TASKS[task].load_recipes()[name]
    assert recipe.stages
    for stage in recipe.stages:
        estimator = TASKS[task].load_estimator()(**stage)
        check_parameters(estimator)
        estimator._check_own_parameters()
