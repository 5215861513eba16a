"""What a fit refuses before it starts, and parameters as plain values."""

import math
import numbers
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agr.errors import ParameterError, choice
from agr.training.augmentation import Augmentation, make_augmentation
from agr.training.networks.registry import BACKBONES, find

if TYPE_CHECKING:
    from agr.training.estimator import ImageEstimator

CHOICES = {"color": ("rgb", "grayscale"), "schedule": ("cosine", "plateau", "constant")}
TRAINABLE = re.compile(r"all|head|(last|from):\d+")
Rule = tuple[str, type, Callable[[Any], bool], str]

RULES: tuple[Rule, ...] = (
    ("epochs", numbers.Integral, lambda v: v >= 1, "a whole number of at least 1"),
    ("batch_size", numbers.Integral, lambda v: v >= 1, "a whole number of at least 1"),
    ("learning_rate", numbers.Real, lambda v: 0 < v < math.inf, "above 0"),
    ("weight_decay", numbers.Real, lambda v: 0 <= v < math.inf, "at least 0"),
    ("dropout", numbers.Real, lambda v: 0 <= v < 1, "from 0 to below 1"),
    ("warmup", numbers.Real, lambda v: 0 <= v < 1, "from 0 to below 1"),
)
OPTIONAL_RULES: tuple[Rule, ...] = (
    ("image_size", numbers.Integral, lambda v: v >= 16, "None or a whole number of at least 16"),
    ("patience", numbers.Integral, lambda v: v >= 1, "None or a whole number of at least 1"),
    ("random_state", numbers.Integral, lambda v: 0 <= v < 2**32, "None or from 0 to 2**32 - 1"),
)


def check_parameters(estimator: "ImageEstimator") -> None:
    """Refuse parameters that cannot work, before any picture is read."""
    make_augmentation(estimator.augmentation)
    given = tuple(rule for rule in OPTIONAL_RULES if getattr(estimator, rule[0]) is not None)
    for name, kind, good, expected in RULES + given:
        value = getattr(estimator, name)
        if not isinstance(value, kind) or not good(value):
            raise ParameterError(f"{name} must be {expected}, got {value!r}.")
    for name, known in CHOICES.items():
        if getattr(estimator, name) not in known:
            raise ParameterError(choice(name, getattr(estimator, name), known))
    backbone = find(estimator.network, estimator.image_size)
    backbone.check_options(estimator.network_options)
    check_start(estimator.network, estimator.weights)
    split_trainable(estimator.trainable)
    estimator._check_own_parameters()
    if estimator.loss is not None and estimator.loss not in estimator.losses():
        raise ParameterError(choice("loss", estimator.loss, [None, *estimator.losses()]))
    estimator.strategy()


def check_verbose(verbose: bool | str) -> None:
    """Refuse what says neither yes, no nor "auto"."""
    if verbose not in (True, False, "auto"):
        raise ParameterError(f"verbose must be True, False or 'auto', got {verbose!r}.")


def check_start(network: str, weights: str | None) -> None:
    """Refuse starting weights that are not there."""
    if weights in (None, "auto"):
        return
    if weights == "imagenet":
        having = [name for name, backbone in BACKBONES.items() if backbone.start == "imagenet"]
        if network not in having:
            raise ParameterError(
                f"There are no ImageNet weights for {network}; weights='imagenet' is for "
                f"{', '.join(having)}."
            )
    elif not isinstance(weights, str | os.PathLike) or not Path(weights).exists():
        raise ParameterError(
            "weights must be 'auto', 'imagenet', None, a file with starting weights or a saved "
            f"model's folder; there is no {weights!r}."
        )


def split_trainable(trainable: str) -> tuple[str, int]:
    """Cut what learns into a word and a number of layers."""
    if not TRAINABLE.fullmatch(str(trainable)):
        raise ParameterError(
            f"trainable must be 'all', 'head', 'last:N' or 'from:N', got {trainable!r}."
        )
    word, _, n = trainable.partition(":")
    return word, int(n or 0)


def check_weights(weights: npt.ArrayLike | None, n: int) -> npt.NDArray[np.float64]:
    """Give sample weights as numbers; None is 1 for every picture."""
    if weights is None:
        return np.ones(n)
    try:
        checked = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"sample_weight must hold {n} numbers, got {weights!r}.") from None
    if checked.shape != (n,):
        raise ParameterError(f"sample_weight must hold {n} numbers, got shape {checked.shape}.")
    bad = ~(np.isfinite(checked) & (checked >= 0))
    if bad.any():
        raise ParameterError(
            f"sample_weight must hold finite numbers of at least 0; {bad.sum()} of {n} are not, "
            f"first {checked[bad][0]:g}."
        )
    if not checked.sum():
        raise ParameterError("sample_weight must not be 0 for every picture.")
    return checked


def make_seed(random_state: int | None) -> int:
    """Give the seed of a fit; None draws one."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return int(random_state)


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Turn parameters into types that JSON knows."""

    def convert(value: Any) -> Any:
        if isinstance(value, Augmentation):
            value = value.to_dict()
        if isinstance(value, Mapping):
            return {k: convert(v) for k, v in value.items()}
        if isinstance(value, np.ndarray | np.generic):
            return value.tolist()
        if isinstance(value, list | tuple):
            return [convert(v) for v in value]
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    return {name: convert(value) for name, value in parameters.items()}
