"""The estimator of tasks with label words; gender and race add their vocabulary and balancing."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from agr.core.answers import both_columns, rescaled
from agr.errors import ArtifactError, LabelError, ParameterError, choice
from agr.evaluation.metrics import tally_labels
from agr.evaluation.tally import Tally
from agr.training.balancing import Strategy, find_strategy
from agr.training.calibration import fit_rescale
from agr.training.estimator import Floats, ImageEstimator
from agr.training.losses import BINARY_LOSSES, LABEL_LOSSES


@dataclass(kw_only=True, eq=False, repr=False)
class FaceClassifier(ClassifierMixin, ImageEstimator):  # type: ignore[misc]
    """Base of the gender and race estimators.

    Two labels have one output with a sigmoid, the chance of the second; more have a softmax.

    Parameters
    ----------
    {shared}
    {labels}

    Attributes
    ----------
    labels : tuple of str
        Words of the task, in alphabetical order.
    strategies : mapping of str to Strategy
        The ways of balancing that ``balance`` may name.
    classes_ : array of str
        Labels, in the order of the probabilities.
    {fitted}
    """

    labels: ClassVar[tuple[str, ...]]
    strategies: ClassVar[Mapping[str, Strategy]]

    label_smoothing: float = 0.05

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn how many labels there are."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = len(self.labels) > 2
        return tags

    def predict(self, X: Any) -> npt.NDArray[np.str_]:
        """Give the likeliest label of each picture.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB.

        Returns
        -------
        array of shape (n,)
            Label words.
        """
        return np.asarray(np.asarray(self.labels)[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Any) -> Floats:
        """Give the calibrated probability of each label.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB.

        Returns
        -------
        array of shape (n, k)
            In the order of ``classes_``.
        """
        return self.outputs(X)

    def outputs(self, X: Any) -> Floats:
        """Give the calibrated probability of each label, as `predict_proba`."""
        return rescaled(both_columns(super().outputs(X)), getattr(self, "calibration_", {}))

    def strategy(self) -> Strategy:
        """Give the way of balancing that ``balance`` names."""
        return find_strategy(self.balance, self.strategies, self.labels)

    def learn_labels(self, y: npt.NDArray[Any]) -> None:
        """Note the labels; every one is needed."""
        absent = [label for label in self.labels if label not in y]
        if absent:
            raise LabelError(
                f"y holds no picture labelled {', '.join(absent)}; every one of "
                f"{', '.join(self.labels)} is needed for training."
            )
        self.classes_ = np.asarray(self.labels)

    def targets(self, y: npt.NDArray[Any]) -> Floats:
        """Give 1 in the column of each label; of two labels the second's column alone."""
        return self._columns(np.asarray(y[:, None] == np.asarray(self.labels), np.float32))

    def soft_targets(self, soft: Floats) -> Floats:
        """Check a teacher's probabilities, and give the columns that the network has."""
        check_probabilities(soft, len(self.labels))
        return self._columns(soft)

    def last_layer(self) -> tuple[str, int]:
        """Give "sigmoid" and 1, or "softmax" and the number of labels."""
        return ("sigmoid", 1) if len(self.labels) == 2 else ("softmax", len(self.labels))

    def losses(self) -> Mapping[str, str]:
        """Give the losses to choose from, the default first: Keras's class by its name."""
        return BINARY_LOSSES if len(self.labels) == 2 else LABEL_LOSSES

    def tally(self, y: npt.NDArray[Any], outputs: Floats) -> Tally:
        """Tally what a network put out; see `agr.evaluation.metrics.classification_metrics`."""
        return tally_labels(y, both_columns(outputs), self.labels)

    def meaning(self) -> dict[str, Any]:
        """Say what the outputs mean, as ``agr.json`` keeps it."""
        return {"labels": list(self.labels)}

    def _columns(self, targets: Floats) -> Floats:
        return targets[:, 1:] if len(self.labels) == 2 else targets

    def _check_own_parameters(self) -> None:
        if not isinstance(self.label_smoothing, Real) or not 0 <= self.label_smoothing < 1:
            raise ParameterError(
                f"label_smoothing must be from 0 to below 1, got {self.label_smoothing!r}."
            )

    def _check_labels(self, y: Any) -> npt.NDArray[np.str_]:
        labels = np.asarray(y)
        if labels.ndim != 1:
            raise LabelError(f"y must have shape (n,), got {labels.shape}.")
        unknown = sorted({str(v) for v in labels} - set(self.labels))
        if unknown:
            raise LabelError(choice(f"every {self.task} label", unknown[0], self.labels))
        return labels.astype(str)

    def _loss_options(self) -> dict[str, Any]:
        return {"label_smoothing": self.label_smoothing}

    def _metrics(self) -> list[Any]:
        import keras

        if len(self.labels) > 2:
            return [keras.metrics.CategoricalAccuracy(name="accuracy")]

        def accuracy(y_true: Any, y_pred: Any) -> Any:  # of soft labels too, unlike Keras's
            return keras.ops.cast(keras.ops.equal(y_true > 0.5, y_pred > 0.5), "float32")

        return [accuracy]

    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any], n_clean: int) -> dict[str, Any]:
        from agr.training.networks.last_layer import divide_logits

        earlier = getattr(self, "calibration_", {})
        built_in = earlier.get("temperature", 1.0)
        fitted = fit_rescale(outputs, np.searchsorted(self.labels, y), earlier)
        temperature = built_in * fitted["rescale"]
        divide_logits(self.model_, fitted["rescale"])
        return {"temperature": temperature}

    def _restore_meaning(self, meaning: dict[str, Any]) -> None:
        if meaning.get("labels") != list(self.labels):
            raise ArtifactError(
                f"A model for {self.task} has the labels {', '.join(self.labels)}; got {meaning}."
            )
        self.classes_ = np.asarray(self.labels)


def check_probabilities(soft: Floats, n: int) -> None:
    """Refuse soft labels that are no probabilities of ``n`` labels or bins."""
    if soft.ndim != 2 or soft.shape[1] != n:
        raise ParameterError(f"soft_labels must have shape ({len(soft)}, {n}), got {soft.shape}.")
    if not ((soft >= 0).all() and np.allclose(soft.sum(axis=1), 1, atol=1e-3)):
        raise ParameterError("Every row of soft_labels must hold probabilities that sum to 1.")
