"""What turns features into the answer: the last dense layer and its activation."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

LAST_LAYERS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda logits: layers.Softmax(name="probabilities")(logits),
    "sigmoid": lambda logits: layers.Activation("sigmoid", name="probabilities")(logits),
    # So that the network learns small numbers: most ages lie within 40 +- 40 years.
    "years": lambda logits: layers.Rescaling(20.0, offset=40.0, name="years")(logits),
}


def divide_logits(model: keras.Model, temperature: float) -> None:
    """Build a temperature into a network's last dense layer."""
    layer = model.get_layer("logits")
    layer.set_weights([w / temperature for w in layer.get_weights()])


def with_one_logit(model: keras.Model) -> keras.Model:
    """Give a network of two labels one output, the chance of the second, instead of both."""
    layer = model.get_layer("logits")
    logit = layers.Dense(1, name="logits")
    answer = LAST_LAYERS["sigmoid"](logit(layer.input))
    logit.set_weights([w[..., 1:] - w[..., :1] for w in layer.get_weights()])
    return keras.Model(model.inputs[0], answer, name=model.name)
