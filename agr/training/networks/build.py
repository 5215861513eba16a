"""A whole network: trunk by name, starting weights, head."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import keras
from keras import layers

from agr.errors import ParameterError
from agr.training.networks.last_layer import LAST_LAYERS
from agr.training.networks.registry import find
from agr.training.networks.starts import find_trunk, load_start
from agr.training.parameters import split_trainable


def native_size(network: str) -> int:
    """Side in pixels of the pictures that a network is made for."""
    return find(network).native_size


def build(
    network: str,
    image_size: int,
    *,
    weights: str | None,
    dropout: float,
    last_layer: tuple[str, int],
    task: str,
    options: Mapping[str, Any] | None = None,
    color: str = "rgb",
    trainable: str = "all",
) -> keras.Model:
    """Build a network that takes uint8 pictures and gives one answer.

    ``last_layer`` is a key of `LAST_LAYERS` and the number of outputs; everything else is as the
    estimators have it.
    """
    backbone = find(network, image_size)
    backbone.check_options(options)
    inputs = keras.Input((image_size, image_size, 3), dtype="uint8", name="image")
    pixels = inputs if color == "rgb" else _gray(inputs)
    features = backbone.build(pixels, dropout=dropout, **(options or {}))
    kind, n_outputs = last_layer
    answer = LAST_LAYERS[kind](layers.Dense(n_outputs, name="logits")(features))
    model = keras.Model(inputs, answer, name=task)
    load_start(model, network, weights, task)
    freeze(model, trainable)
    return model


def without_optimizer(model: keras.Model) -> keras.Model:
    """Give the same network without what training added, which is twice its size."""
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _gray(pixels: keras.KerasTensor) -> keras.KerasTensor:
    gray = keras.ops.image.rgb_to_grayscale(keras.ops.cast(pixels, "float32"))
    # Three equal channels, so that weights learned on colours can be the start.
    return keras.ops.repeat(gray, 3, axis=-1)


def freeze(model: keras.Model, trainable: str) -> None:
    """Let only some of a network's layers learn."""
    word, n = split_trainable(trainable)
    inner = find_trunk(model)
    trunk = inner.layers if inner else list(takewhile(_in_trunk, model.layers))
    if n > len(trunk):
        raise ParameterError(f"trainable is {trainable!r}, but the trunk has {len(trunk)} layers.")
    first = {"all": 0, "head": len(trunk), "last": len(trunk) - n, "from": n}[word]
    for place, layer in enumerate(trunk):
        layer.trainable = place >= first


def _in_trunk(layer: keras.Layer) -> bool:
    return not isinstance(layer, layers.Dense)  # trunks have convolutions only
