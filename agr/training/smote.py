"""SMOTE: made-up examples between neighbours of a rare label (Chawla et al., JAIR 2002).

Made from features, or, for comparison, from the pixels of small pictures.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agr.core.images import Pixels
from agr.errors import LabelError, ParameterError, require
from agr.training.balancing import Strategy
from agr.training.batches import PREDICT_BATCH, decode

if TYPE_CHECKING:
    import keras

    from agr.training.fitting import Part

NEIGHBOURS = 5
LARGEST_SIDE = 64  # pixels; the distances between larger pictures take gigabytes and hours


class SmoteFeatures(Strategy):
    """Learn the last layer anew, on features that SMOTE balanced."""

    forgets = True

    def check(self, y: npt.NDArray[Any]) -> None:
        """Refuse labels of which nothing can be made up."""
        check(y)

    def finish(self, model: "keras.Model", part: "Part", image_size: int, seed: int) -> None:
        """Put the new last layer in."""
        import keras

        trunk = keras.Model(model.inputs[0], model.get_layer("logits").input)
        pictures = decode(part.X, image_size)
        features = trunk.predict(pictures, batch_size=PREDICT_BATCH, verbose=0)
        refit_head(model, features, part.y, part.weights, seed)


class SmotePixels(Strategy):
    """Add made-up pictures."""

    def check(self, y: npt.NDArray[Any]) -> None:
        """Refuse labels of which nothing can be made up."""
        check(y)

    def prepare(self, part: "Part", image_size: int, store_size: int, seed: int) -> "Part":
        """Put the made-up pictures behind the real ones; they count as much as these on average."""
        if part.soft is not None:
            raise ParameterError(
                "soft_labels are for real pictures; balance='smote_pixels' makes up."
            )
        if image_size > LARGEST_SIDE:
            raise ParameterError(
                f"balance='smote_pixels' is for pictures of at most {LARGEST_SIDE} pixels, got "
                f"{image_size}; choose a smaller image_size, or balance='smote'."
            )
        images, y = smote_images(decode(part.X, store_size), part.y, seed)
        made_up = np.full(len(y) - len(part.y), part.weights.mean())
        return replace(part, X=images, y=y, weights=np.append(part.weights, made_up))


def check(y: npt.NDArray[np.str_]) -> None:
    """Refuse labels of which nothing can be made up."""
    with require("balance"):
        import imblearn  # noqa: F401
    labels, counts = np.unique(y, return_counts=True)
    if counts.min() < counts.max() and counts.min() <= NEIGHBOURS:
        raise LabelError(
            f"SMOTE needs at least {NEIGHBOURS + 1} training pictures of every label; "
            f"{labels[counts.argmin()]} has {counts.min()}."
        )


def smote_features(
    features: npt.NDArray[np.floating], y: npt.NDArray[np.str_], seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """Add made-up examples until every label is as frequent as the most frequent."""
    check(y)
    from imblearn.over_sampling import SMOTE

    if len(np.unique(y)) == 1:  # as a part of the pictures may be; imbalanced-learn refuses it
        return np.asarray(features, dtype=np.float32), y
    sampler = SMOTE(k_neighbors=NEIGHBOURS, random_state=seed)
    more, y_more = sampler.fit_resample(features, y)
    return np.asarray(more, dtype=np.float32), np.asarray(y_more)


def smote_images(
    images: Pixels, y: npt.NDArray[np.str_], seed: int
) -> tuple[Pixels, npt.NDArray[np.str_]]:
    """Add made-up pictures; parameters and errors as `smote_features`, pictures uint8 RGB."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    more, y_more = smote_features(flat, y, seed)
    pixels = np.clip(np.rint(more), 0, 255).astype(np.uint8)
    return pixels.reshape(-1, *images.shape[1:]), y_more


def refit_head(
    model: Any, features: npt.NDArray[np.floating], y: npt.NDArray[np.str_], weights: Any, seed: int
) -> None:
    """Learn a network's last dense layer anew, on features that SMOTE balanced.

    The trunk is learned from the real pictures as they are, and the last layer from balanced
    features (Kang et al., Decoupling Representation and Classifier, ICLR 2020).
    """
    from sklearn.linear_model import LogisticRegression

    more, y_more = smote_features(features, y, seed)
    # Their mean is 1, since the logistic regression's penalty is relative to their sum.
    all_weights = np.append(weights / weights.mean(), np.ones(len(y_more) - len(y)))
    found = LogisticRegression(max_iter=1000).fit(more, y_more, sample_weight=all_weights)
    # Of two labels both scikit-learn and our networks have the second's logit alone.
    model.get_layer("logits").set_weights([found.coef_.T, found.intercept_])
