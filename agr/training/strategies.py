"""The ways of balancing label words, by the name that ``balance`` gives them."""

from agr.training.balancing import Batches, Draw, Strategy, Weights
from agr.training.smote import SmoteFeatures, SmotePixels

LABEL_STRATEGIES: dict[str, Strategy] = {
    "weights": Weights(),
    "sqrt_weights": Weights(power=0.5),
    "undersample": Draw(up=False),
    "oversample": Draw(up=True),
    "augment": Draw(up=True, copies_alone=True),
    "batches": Batches(),
    "smote": SmoteFeatures(),
    "smote_pixels": SmotePixels(),
}
