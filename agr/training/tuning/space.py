"""What a search tries for every task, and how a search is kept to some parameters."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from agr.errors import ParameterError, choice
from agr.tasks import TASKS
from agr.training.networks.registry import BACKBONES

Space = Callable[[Any], dict[str, Any]]

# Networks that train on a CPU, and of which nothing is downloaded; the first can do the most.
NETWORKS = ["face_mobilenet", "conv_cycles", "tiny"]
DEPTHS = {"all": 0, "last:80": 80, "last:40": 40, "head": 0}  # layers that the trunk must have


def shared_space(
    hp: Any, *, network: str | None = None, weights: str | None = "auto"
) -> dict[str, Any]:
    """Draw the constructor parameters that all tasks have.

    Those that change what is learned, such as ``label_smoothing``, are no part of a search: they
    change the loss by which trials are compared, for a model that is no better.
    """
    drawn = hp.Choice("network", NETWORKS, default=NETWORKS[0])
    able = network or NETWORKS[0]
    sides = [side for side in (64, 96, 128) if side >= BACKBONES[able].smallest]
    return {
        "network": drawn,
        **_trainable(hp, drawn, able, weights),
        # KerasTuner knows no None among numbers: 0 is the network's native size.
        "image_size": hp.Choice("image_size", [0, *sides], default=0) or None,
        "color": hp.Choice("color", ["rgb", "grayscale"], default="rgb"),
        "dropout": hp.Float("dropout", 0.0, 0.5, step=0.1, default=0.2),
        "learning_rate": hp.Float("learning_rate", 1e-4, 3e-3, sampling="log", default=3e-4),
        "weight_decay": hp.Float("weight_decay", 1e-3, 0.1, sampling="log", default=0.02),
        "batch_size": hp.Choice("batch_size", [32, 64, 128], default=64),
        "augmentation": hp.Choice(
            "augmentation", ["none", "light", "medium", "strong"], default="light"
        ),
    }


def balance_of(hp: Any, balances: Sequence[str]) -> str | None:
    """Draw one of the ways of balancing, or none."""
    drawn = hp.Choice("balance", ["none", *balances], default="none")
    return None if drawn == "none" else drawn


def own_space(estimator: Any, *, fixed: bool) -> Space:
    """Give the space of an estimator's task, without what its own network cannot do."""
    network = estimator.network if fixed else None
    if fixed and network not in BACKBONES:
        raise ParameterError(choice("network", network, BACKBONES))
    space = TASKS[estimator.task].load_space()
    return partial(space, network=network, weights=estimator.weights)


def narrowed(space: Space, names: Collection[str] | None) -> Space:
    """Keep a search to some of a space's parameters."""
    if names is None:
        return space
    known = names_of(space)
    for name in names:
        if name not in known:
            what = "a name in parameters, for this network and its weights,"
            raise ParameterError(choice(what, name, sorted(known)))
    if not names:
        raise ParameterError("parameters must name at least one parameter to search, got none.")

    def some(hp: Any) -> dict[str, Any]:
        drawn = space(_Kept(hp, names))
        return {name: value for name, value in drawn.items() if name in names}

    return some


def names_of(space: Space) -> list[str]:
    """Name the parameters that a space holds."""
    return list(space(_Kept(None, ())))


def _trainable(hp: Any, drawn: str | None, able: str, weights: str | None) -> dict[str, Any]:
    depths = _depths(able, weights)
    if len(depths) == 1:
        return {}
    depth = hp.Choice("trainable", depths, default="all")
    fits = drawn is None or depth in _depths(drawn, weights)
    return {"trainable": depth if fits else "all"}


def _depths(network: str, weights: str | None) -> list[str]:
    backbone = BACKBONES[network]
    if weights is None or (weights == "auto" and backbone.start != "auto"):
        return ["all"]  # layers with random weights have to learn
    return [depth for depth, n_layers in DEPTHS.items() if n_layers <= backbone.n_layers]


class _Kept:
    """Hands on what is drawn for some names; every other draw gives None and is not noted."""

    def __init__(self, hp: Any, names: Collection[str]) -> None:
        self._hp, self._names = hp, names

    def __getattr__(self, kind: str) -> Any:
        def draw(name: str, *args: Any, **kwargs: Any) -> Any:
            return getattr(self._hp, kind)(name, *args, **kwargs) if name in self._names else None

        return draw
