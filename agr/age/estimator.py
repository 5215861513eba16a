"""The age estimator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from agr.age.answer import COVERAGE, check_calibration, intervals, years
from agr.age.balance import STRATEGIES
from agr.age.bins import bin_centers, check_name, find_bins, make_edges, spread_over_bins
from agr.age.calibration import fit_ages
from agr.age.labels import AGE_RANGE
from agr.errors import ArtifactError, LabelError, ParameterError, choice
from agr.evaluation.metrics import tally_ages
from agr.evaluation.tally import Tally
from agr.training.balancing import Strategy, find_strategy
from agr.training.classifier import check_probabilities
from agr.training.estimator import Floats, ImageEstimator
from agr.training.losses import LABEL_LOSSES, NUMBER_LOSSES
from agr.training.saved import BUILT

HEADS = ("bins", "regression")


def _has_bins(estimator: Any) -> bool:
    if estimator.head != "bins":
        raise AttributeError('predict_proba needs head="bins"; a regression has no probabilities.')
    return True


@dataclass(kw_only=True, eq=False, repr=False)
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
    {shared}
    loss : str, optional
        What is minimized, by Keras's name. Of ``head="bins"``: ``"categorical_crossentropy"`` (the
        default) or ``"categorical_focal_crossentropy"``; of ``head="regression"``:
        ``"mean_absolute_error"`` (the default), ``"mean_squared_error"`` or ``"huber"``.
    balance : {"weights", "smoothed_weights"} or None, default=None
        Whether rare ages count more in training: so that every year of age counts the same, or
        inverse to the square root of how frequent the ages near it are (Yang et al., ICML 2021).

    Attributes
    ----------
    age_bins_ : array of shape (n_bins, 2)
        First age of each bin, and first age beyond it; not with ``head="regression"``.
    {fitted}

    Examples
    --------
    >>> from agr.age import AgeEstimator
    >>> AgeEstimator(bins="decade").get_params()["bins"]
    'decade'
    """

    task = "age"
    _built_by = (*BUILT, "head", "bins")

    head: str = "bins"
    bins: str | Sequence[float] = "years"
    label_sd: float = 2.5

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
        return years(self.outputs(X), self.meaning(), self.calibration_)

    def predict_interval(self, X: Any, *, coverage: float = COVERAGE) -> npt.NDArray[np.float64]:
        """Give the interval that holds a share of the true ages, for each picture.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB.
        coverage : float, default=0.9
            The share, between 0 and 1.

        Returns
        -------
        array of shape (n, 2)
            Low and high end in years, as ``age_interval`` of `agr.Prediction`.
        """
        if not 0 < coverage < 1:
            raise ParameterError(f"coverage must lie between 0 and 1; got {coverage!r}.")
        return intervals(self.outputs(X), self.meaning(), self.calibration_, coverage)

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
        return self.outputs(X)

    def strategy(self) -> Strategy:
        """Give the way of balancing that ``balance`` names."""
        return find_strategy(self.balance, STRATEGIES)

    def learn_labels(self, y: npt.NDArray[Any]) -> None:
        """Note the bins, and the mean age of each."""
        if self.head == "bins":
            edges = make_edges(self.bins, y)
            self.age_bins_ = np.stack([edges[:-1], edges[1:]], axis=1)
            self._centers = edges[:-1] if self._in_years else bin_centers(y, edges)

    def targets(self, y: npt.NDArray[Any]) -> Floats:
        """Give years, or a distribution over the bins."""
        if self.head == "regression":
            return y[:, None].astype(np.float32)
        return spread_over_bins(y, self._edges, self.label_sd)

    def soft_targets(self, soft: Floats) -> Floats:
        """Check a teacher's distributions."""
        if self.head == "regression":
            raise ParameterError("soft_labels are probabilities, so head='regression' has no use.")
        check_probabilities(soft, len(self.age_bins_))
        return soft

    def last_layer(self) -> tuple[str, int]:
        """Give "years" and 1, or "softmax" and the number of bins."""
        if self.head == "regression":
            return "years", 1
        return "softmax", len(self.age_bins_)

    def losses(self) -> Mapping[str, str]:
        """Give the losses to choose from, the default first: Keras's class by its name."""
        return NUMBER_LOSSES if self.head == "regression" else LABEL_LOSSES

    def _check_own_parameters(self) -> None:
        if self.head not in HEADS:
            raise ParameterError(choice("head", self.head, HEADS))
        if isinstance(self.bins, str):
            check_name(self.bins)
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

    def _metrics(self) -> list[Any]:
        import keras

        if self.head == "regression":
            return [keras.metrics.MeanAbsoluteError(name="mae")]
        centers = keras.ops.convert_to_tensor(self._centers, dtype="float32")

        def mae(y_true: Any, y_pred: Any) -> Any:
            return keras.ops.abs(keras.ops.matmul(y_true - y_pred, centers))

        return [mae]

    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any], n_clean: int) -> dict[str, Any]:
        return fit_ages(outputs, y, self.meaning(), n_clean)

    def tally(self, y: npt.NDArray[Any], outputs: Floats) -> Tally:
        """Tally what a network put out: years, coverage of the intervals, and bins."""
        meaning = self.meaning()
        ends = intervals(outputs, meaning, self.calibration_)
        hits = {}
        if hasattr(self, "age_bins_") and not self._in_years:
            off = np.abs(outputs.argmax(axis=1) - find_bins(y, self._edges))
            hits = {"bin_accuracy": off == 0, "one_off_accuracy": off <= 1}
        return tally_ages(y, years(outputs, meaning, self.calibration_), ends, **hits)

    @property
    def _edges(self) -> npt.NDArray[np.float64]:
        return np.append(self.age_bins_[:, 0], self.age_bins_[-1, 1])

    @property
    def _in_years(self) -> bool:
        return bool((np.diff(self._edges) == 1).all())

    def meaning(self) -> dict[str, Any]:
        """Say what the outputs mean, as ``agr.json`` keeps it."""
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
        check_calibration(self.calibration_)
        if self.head == "bins":
            edges = np.asarray(meaning["edges"], dtype=float)
            self.age_bins_ = np.stack([edges[:-1], edges[1:]], axis=1)
            self._centers = np.asarray(meaning["centers"], dtype=float)
