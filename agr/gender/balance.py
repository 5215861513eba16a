"""How gender training makes up for rare labels.

The two labels are nearly as frequent in UTKFace (48 and 52 %), so nothing is the default; every way
of balancing labels is offered for data that are not like that.
"""

from agr.training.balancing import Strategy
from agr.training.strategies import LABEL_STRATEGIES

DEFAULT = None
STRATEGIES: dict[str, Strategy] = dict(LABEL_STRATEGIES)
# Those that keep every picture and need no further package.
SEARCHED = ("weights", "sqrt_weights", "batches", "oversample", "augment")
