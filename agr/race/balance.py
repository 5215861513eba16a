"""How race training makes up for rare labels.

In UTKFace 42 % are labelled white and 7 % other. With few pictures ``"oversample"`` and
``"augment"`` help the rare ones most (``benchmarks/results/balancing.csv``). Nothing is the
default, since it is a decision about whose errors count; the shipped model uses
``"sqrt_weights"``.
"""

from agr.training.balancing import Strategy
from agr.training.strategies import LABEL_STRATEGIES

DEFAULT = None
STRATEGIES: dict[str, Strategy] = dict(LABEL_STRATEGIES)
# Those that keep every picture and need no further package.
SEARCHED = ("weights", "sqrt_weights", "batches", "oversample", "augment")
