"""The estimator of tasks with label words; gender and race add their vocabulary and balancing."""

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin

from agr.core.augment import Augmentation
from agr.core.calibration import fit_temperature
from agr.core.estimator import Floats, ImageEstimator
from agr.core.losses import LABEL_LOSSES, check_loss, make_loss
from agr.core.metrics import classification_metrics
from agr.errors import ArtifactError, LabelError, ParameterError, choice


class FaceClassifier(ClassifierMixin, ImageEstimator):  # type: ignore[misc]
    """Base of the gender and race estimators.

    Attributes
    ----------
    classes_ : array of str
        Labels, in the order of the probabilities.
    """

    labels: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _check_balance(self) -> None: ...

    def __init__(
        self,
        *,
        network: str = "face_resnet",
        network_options: dict[str, Any] | None = None,
        weights: str | None = "auto",
        trainable: str = "all",
        image_size: int | None = None,
        color: str = "rgb",
        dropout: float = 0.2,
        label_smoothing: float = 0.05,
        epochs: int = 12,
        batch_size: int = 64,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.02,
        schedule: str = "cosine",
        warmup: float = 0.1,
        patience: int | None = None,
        augmentation: str | Augmentation | dict[str, float] | None = "light",
        loss: str | None = None,
        balance: str | Mapping[str, float] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.network = network
        self.network_options = network_options
        self.weights = weights
        self.trainable = trainable
        self.image_size = image_size
        self.color = color
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.patience = patience
        self.augmentation = augmentation
        self.loss = loss
        self.balance = balance
        self.random_state = random_state

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
        return self._outputs(X)

    def _check_parameters(self) -> None:
        self._check_balance()
        check_loss(self.loss, LABEL_LOSSES)
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

    def _learn_labels(self, y: npt.NDArray[Any]) -> None:
        absent = [label for label in self.labels if label not in y]
        if absent:
            raise LabelError(
                f"y holds no picture labelled {', '.join(absent)}; every one of "
                f"{', '.join(self.labels)} is needed for training."
            )
        self.classes_ = np.asarray(self.labels)

    def _targets(self, y: npt.NDArray[Any]) -> Floats:
        return np.asarray(y[:, None] == np.asarray(self.labels), dtype=np.float32)

    def _n_outputs(self) -> int:
        return len(self.labels)

    def _loss(self) -> tuple[Any, list[Any]]:
        import keras

        loss = make_loss(self.loss, LABEL_LOSSES, label_smoothing=self.label_smoothing)
        return loss, [keras.metrics.CategoricalAccuracy(name="accuracy")]

    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any]) -> dict[str, float]:
        from agr.core import networks

        # The power gives the answers back that were there before an earlier temperature; that
        # their sum is not 1 does not matter.
        earlier = getattr(self, "calibration_", {}).get("temperature", 1.0)
        temperature = fit_temperature(outputs**earlier, self._targets(y).argmax(axis=1))
        networks.divide_logits(self.model_, temperature / earlier)
        return {"temperature": temperature}

    def score_outputs(self, y: npt.NDArray[Any], outputs: Floats) -> dict[str, float]:
        """Score what a network put out; see `agr.core.metrics.classification_metrics`."""
        return classification_metrics(y, outputs, self.labels)

    def _meaning(self) -> dict[str, Any]:
        return {"labels": list(self.labels)}

    def _restore_meaning(self, meaning: dict[str, Any]) -> None:
        if meaning.get("labels") != list(self.labels):
            raise ArtifactError(
                f"A model for {self.task} has the labels {', '.join(self.labels)}; got {meaning}."
            )
        self.classes_ = np.asarray(self.labels)
