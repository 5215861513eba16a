"""The gender estimator."""

from dataclasses import dataclass

from agr.gender.balance import STRATEGIES
from agr.gender.labels import LABELS
from agr.training.classifier import FaceClassifier


@dataclass(kw_only=True, eq=False, repr=False)
class GenderEstimator(FaceClassifier):
    """Learns labelled gender from pictures of faces.

    Parameters
    ----------
    {shared}
    {labels}

    Attributes
    ----------
    classes_ : array of str
        Labels, in the order of the probabilities.
    {fitted}

    Examples
    --------
    >>> from agr.gender import GenderEstimator
    >>> GenderEstimator(epochs=3).get_params()["epochs"]
    3
    """

    task = "gender"
    labels = LABELS
    strategies = STRATEGIES
