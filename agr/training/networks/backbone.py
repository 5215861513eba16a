"""What the file of a network declares; it imports keras in functions only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agr.errors import ParameterError, choice

Check = Callable[[str, Any], None]


@dataclass(frozen=True)
class Backbone:
    """One network.

    Parameters
    ----------
    name : str
        What ``network=`` says.
    build : callable
        Takes RGB pixels from 0 to 255 and ``dropout``, and gives features; its other parameters are
        the names in ``options``.
    summary : str
        One line.
    native_size : int
        Side in pixels of the pictures that it is made for.
    n_parameters : int
        Weights and biases, at the native size and with a single output.
    n_layers : int
        Layers of the trunk, which ``trainable`` counts.
    milliseconds : float
        Of one picture at the native size, as ``benchmarks/networks.py`` measured it in float32 ONNX
        Runtime on one core of an AMD EPYC.
    start : {"auto", "imagenet"} or None
        What ``weights`` may say besides a file or folder; None if there are only random ones.
    smallest : int
        Least side in pixels.
    options : mapping of str to sequence or callable
        What ``network_options`` may hold: the values to choose from, or a check.
    """

    name: str
    build: Callable[..., Any]
    summary: str
    native_size: int
    n_parameters: int
    n_layers: int
    milliseconds: float
    start: str | None = None
    smallest: int = 16
    options: Mapping[str, Sequence[Any] | Check] = field(default_factory=dict)

    def check_options(self, options: Mapping[str, Any] | None) -> None:
        """Refuse names and values that this network does not know."""
        if options is not None and not isinstance(options, Mapping):
            raise ParameterError(f"network_options must be a mapping or None, got {options!r}.")
        for name, value in (options or {}).items():
            if not self.options:
                raise ParameterError(
                    f"{self.name} has no options, so network_options must not hold {name!r}; a "
                    "recipe with options is for its own network."
                )
            if name not in self.options:
                raise ParameterError(choice("a name in network_options", name, self.options))
            allowed = self.options[name]
            if callable(allowed):
                allowed(f"{name} in network_options", value)
            elif value not in allowed:
                raise ParameterError(choice(f"{name} in network_options", value, allowed))
