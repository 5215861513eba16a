"""The race estimator."""

from dataclasses import dataclass

from agr.race.balance import STRATEGIES
from agr.race.labels import LABELS
from agr.training.classifier import FaceClassifier


@dataclass(kw_only=True, eq=False, repr=False)
class RaceEstimator(FaceClassifier):
    """Learns labelled race from pictures of faces.

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
    >>> from agr.race import RaceEstimator
    >>> RaceEstimator(epochs=3).get_params()["epochs"]
    3
    """

    task = "race"
    labels = LABELS
    strategies = STRATEGIES
