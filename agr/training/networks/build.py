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
    """Side in pixels of the pictures that a network is made for.

    Parameters
    ----------
    network : str
        A name in `agr.training.networks.registry.BACKBONES`.

    Returns
    -------
    int
        Pixels.
    """
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

    Parameters
    ----------
    network : str
        A name in `agr.training.networks.registry.BACKBONES`.
    image_size : int
        Side in pixels.
    weights : str or None
        ``"auto"`` for the packaged starting weights where the network has some, ``"imagenet"`` for
        a trunk of ``keras.applications``, a path of a file with weights (from
        ``scripts/convert_face_resnet.py``; Keras's own for its trunks) or of a saved model's
        folder, or None for random.
    dropout : float
        Share of the features dropped while training.
    last_layer : tuple of str and int
        Its kind and its number of outputs: ``("softmax", k)`` probabilities,
        ``("sigmoid", 1)``, or ``("years", 1)``, a number.
    task : str
        Names the model.
    options : mapping, optional
        Keyword parameters of the network's function.
    color : {"rgb", "grayscale"}, default="rgb"
        Whether the network sees colours.
    trainable : str, default="all"
        ``"all"``; ``"head"``, the dense layers; or these and some layers of the trunk, as Keras
        lists them: ``"last:N"``, or ``"from:N"``, counted from 0.

    Returns
    -------
    keras.Model
        Layers ``logits`` and ``probabilities``, or ``years``.
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
    """Give the same network without what training added, which is twice its size.

    Parameters
    ----------
    model : keras.Model
        From `build`.

    Returns
    -------
    keras.Model
        Shares the layers and their weights.
    """
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _gray(pixels: keras.KerasTensor) -> keras.KerasTensor:
    gray = keras.ops.image.rgb_to_grayscale(keras.ops.cast(pixels, "float32"))
    # Three equal channels, so that weights learned on colours can be the start.
    return keras.ops.repeat(gray, 3, axis=-1)


def freeze(model: keras.Model, trainable: str) -> None:
    """Let only some of a network's layers learn.

    Parameters
    ----------
    model : keras.Model
        From `build`; altered.
    trainable : str
        As `build` takes it.
    """
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
