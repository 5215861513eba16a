"""The age estimator."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from agr.age import balance as balancing
from agr.age.answer import COVERAGE, raw_intervals, years
from agr.age.bins import bin_centers, find_bins, make_edges, soft_targets
from agr.age.labels import AGE_RANGE
from agr.core.augment import Augmentation
from agr.core.balance import Plan
from agr.core.calibration import fit_margin
from agr.core.estimator import BUILT, Floats, ImageEstimator
from agr.core.losses import LABEL_LOSSES, NUMBER_LOSSES, check_loss, make_loss
from agr.core.metrics import regression_metrics
from agr.errors import ArtifactError, LabelError, ParameterError, choice

HEADS = ("bins", "regression")


def _has_bins(estimator: Any) -> bool:
    if estimator.head != "bins":
        raise AttributeError('predict_proba needs head="bins"; a regression has no probabilities.')
    return True


class AgeEstimator(RegressorMixin, ImageEstimator):  # type: ignore[misc]
    """Learns age in years from pictures of faces.

    Parameters
    ----------
    head : {"bins", "regression"}, default="bins"
        The network gives a distribution over bins of age, whose median is the answer (with bins
        wider than a year its mean), or a number.
    bins : {"years", "decade", "balanced", "life_stages", "ad_groups"} or sequence of numbers
        Bins of ``head="bins"``, default="years": single years; decades; ten bins of equal counts;
        child, teen (13), young adult (20), adult (30), middle age (45), senior (60); advertisers'
        ranges (7, 13, 18, 25, 35, 45, 55, 65); or the lower end of each bin.
    label_sd : float, default=2.5
        Standard deviation in years with which a label is spread over bins near it (Gao et al.,
        TIP 2017); 0 for none.
    network : str, default="face_resnet"
        A name that ``agr networks`` lists.
    network_options : dict, optional
        What that network lets one choose, for example ``{"activation": "leaky_relu"}``; its file
        in ``agr/core/backbones`` explains each.
    weights : str or None, default="auto"
        Starting weights: ``"auto"`` for the packaged ones where the network has some;
        ``"imagenet"``, which Keras downloads once, where ``agr networks`` says so; a saved model's
        folder; a file (Keras's own for its trunks, or from ``scripts/convert_face_resnet.py``);
        None for random.
    trainable : str, default="all"
        What learns: ``"all"``, ``"head"`` (the dense layers), or the head and the trunk's
        ``"last:N"`` layers, or those ``"from:N"`` on, counted from 0 as Keras does.
    image_size : int, optional
        Side in pixels; default: the network's native size.
    color : {"rgb", "grayscale"}, default="rgb"
        Whether the network sees colours; pictures are given in colour either way.
    dropout : float, default=0.2
        Share of the features dropped while training.
    epochs, batch_size : int, default=12, 64
        Length of the training, and pictures per step.
    learning_rate, weight_decay : float, default=3e-4, 0.02
        Of AdamW.
    schedule : {"cosine", "plateau", "constant"}, default="cosine"
        How the learning rate falls.
    warmup : float, default=0.1
        Share of the cosine schedule in which the learning rate rises.
    patience : int, optional
        Epochs without a better validation loss after which training stops; default: never.
    augmentation : {"none", "light", "medium", "strong"}, Augmentation, dict or None
        Random changes to training pictures, default="light".
    loss : str, optional
        What is minimized, by Keras's name. Of ``head="bins"``: ``"categorical_crossentropy"`` (the
        default) or ``"categorical_focal_crossentropy"``; of ``head="regression"``:
        ``"mean_absolute_error"`` (the default), ``"mean_squared_error"`` or ``"huber"``.
    balance : {"weights", "smoothed_weights"} or None, default=None
        Whether rare ages count more in training: so that every year of age counts the same, or
        inverse to the square root of how frequent the ages near it are (Yang et al., ICML 2021).
    random_state : int or None, default=0
        Seed of weights, order and augmentation.

    Attributes
    ----------
    age_bins_ : array of shape (n_bins, 2)
        First age of each bin, and first age beyond it; not with ``head="regression"``.
    model_ : keras.Model
        Takes uint8 pictures of ``image_size_`` pixels.
    image_size_ : int
        Side in pixels.
    history_ : list of dict
        Loss, metrics, learning rate and seconds of each epoch.
    calibration_ : dict
        The margin in years by which the network's own intervals are widened, so that they hold
        the true age in 90 % of cases (Romano et al., NeurIPS 2019).

    Examples
    --------
    >>> from agr.age import AgeEstimator
    >>> AgeEstimator(bins="decade").get_params()["bins"]
    'decade'
    """

    task = "age"
    _built_by = (*BUILT, "head", "bins")

    def __init__(
        self,
        *,
        head: str = "bins",
        bins: str | Sequence[float] = "years",
        label_sd: float = 2.5,
        network: str = "face_resnet",
        network_options: dict[str, Any] | None = None,
        weights: str | None = "auto",
        trainable: str = "all",
        image_size: int | None = None,
        color: str = "rgb",
        dropout: float = 0.2,
        epochs: int = 12,
        batch_size: int = 64,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.02,
        schedule: str = "cosine",
        warmup: float = 0.1,
        patience: int | None = None,
        augmentation: str | Augmentation | dict[str, float] | None = "light",
        loss: str | None = None,
        balance: str | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.head = head
        self.bins = bins
        self.label_sd = label_sd
        self.network = network
        self.network_options = network_options
        self.weights = weights
        self.trainable = trainable
        self.image_size = image_size
        self.color = color
        self.dropout = dropout
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

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """Give the age of each picture.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB.

        Returns
        -------
        array of shape (n,)
            Years.
        """
        return years(self._outputs(X), self._meaning())

    @available_if(_has_bins)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Floats:
        """Give the probability of each bin.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB.

        Returns
        -------
        array of shape (n, n_bins)
            In the order of ``age_bins_``.
        """
        return self._outputs(X)

    def _check_parameters(self) -> None:
        if self.head not in HEADS:
            raise ParameterError(choice("head", self.head, HEADS))
        balancing.check(self.balance)
        check_loss(self.loss, self._losses)
        if not isinstance(self.label_sd, Real) or not 0 <= self.label_sd < math.inf:
            raise ParameterError(f"label_sd must be at least 0 years, got {self.label_sd!r}.")

    def _check_labels(self, y: Any) -> npt.NDArray[np.float64]:
        try:
            ages = np.asarray(y, dtype=float)
        except (TypeError, ValueError):
            raise LabelError(f"y must hold ages in years, got {str(y[0])!r}.") from None
        if any(isinstance(v, bool | np.bool_) for v in np.asarray(y, dtype=object).ravel()):
            raise LabelError("y must hold ages in years, got True or False.")
        if ages.ndim != 1:
            raise LabelError(f"y must have shape (n,), got {ages.shape}.")
        bad = ~((ages >= AGE_RANGE[0]) & (ages <= AGE_RANGE[1]))
        if bad.any():
            raise LabelError(
                f"Ages must lie between {AGE_RANGE[0]} and {AGE_RANGE[1]} years; "
                f"{bad.sum()} do not, first {ages[bad][0]:g}."
            )
        return ages

    def _learn_labels(self, y: npt.NDArray[Any]) -> None:
        if self.head == "bins":
            edges = make_edges(self.bins, y)
            self.age_bins_ = np.stack([edges[:-1], edges[1:]], axis=1)
            self._centers = edges[:-1] if self._in_years else bin_centers(y, edges)

    def _targets(self, y: npt.NDArray[Any]) -> Floats:
        if self.head == "regression":
            return y[:, None].astype(np.float32)
        return soft_targets(y, self._edges, self.label_sd)

    def _plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        return balancing.make_plan(y, self.balance)

    def _n_outputs(self) -> int:
        return 1 if self.head == "regression" else len(self.age_bins_)

    def _loss(self) -> tuple[Any, list[Any]]:
        import keras

        loss = make_loss(self.loss, self._losses)
        if self.head == "regression":
            return loss, [keras.metrics.MeanAbsoluteError(name="mae")]
        centers = keras.ops.convert_to_tensor(self._centers, dtype="float32")

        def mae(y_true: Any, y_pred: Any) -> Any:
            return keras.ops.abs(keras.ops.matmul(y_true - y_pred, centers))

        return loss, [mae]

    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any]) -> dict[str, float]:
        margin = fit_margin(y, raw_intervals(outputs, self._meaning()), COVERAGE)
        # With fewer than ten pictures nothing is known: the interval is the whole range.
        return {"margin": min(margin, float(AGE_RANGE[1]))}

    def score_outputs(self, y: npt.NDArray[Any], outputs: Floats) -> dict[str, float]:
        """Score what a network put out: years, coverage of the intervals, and bins."""
        meaning = self._meaning()
        scores = regression_metrics(y, years(outputs, meaning))
        margin = self.calibration_["margin"]
        low, high = raw_intervals(outputs, meaning).T
        inside = (y >= low - margin) & (y <= high + margin)
        scores["coverage"] = float(inside.mean()) if len(y) else float("nan")
        if hasattr(self, "age_bins_") and not self._in_years and len(y):
            off = np.abs(outputs.argmax(axis=1) - find_bins(y, self._edges))
            scores["bin_accuracy"] = float((off == 0).mean())
            scores["one_off_accuracy"] = float((off <= 1).mean())
        return scores

    @property
    def _losses(self) -> dict[str, str]:
        return NUMBER_LOSSES if self.head == "regression" else LABEL_LOSSES

    @property
    def _edges(self) -> npt.NDArray[np.float64]:
        return np.append(self.age_bins_[:, 0], self.age_bins_[-1, 1])

    @property
    def _in_years(self) -> bool:
        return bool((np.diff(self._edges) == 1).all())

    def _meaning(self) -> dict[str, Any]:
        if not hasattr(self, "age_bins_"):
            return {"head": "regression"}
        return {
            "head": "bins",
            "edges": self._edges.tolist(),
            "centers": np.asarray(self._centers).tolist(),
        }

    def _restore_meaning(self, meaning: dict[str, Any]) -> None:
        if meaning.get("head") != self.head:
            raise ArtifactError(
                f"A model for age with head={self.head!r} must say so; got {meaning!r:.100}."
            )
        if self.head == "bins":
            edges = np.asarray(meaning["edges"], dtype=float)
            self.age_bins_ = np.stack([edges[:-1], edges[1:]], axis=1)
            self._centers = np.asarray(meaning["centers"], dtype=float)
