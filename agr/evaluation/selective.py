"""What is gained by answering only where a model is sure: risk against coverage."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agr.errors import LabelError, ParameterError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class RiskCoverage:
    """The surest answers alone, from all of them down to the first.

    Attributes
    ----------
    coverage : array of shape (k,)
        Share of the pictures that are answered, rising to 1.
    risk : array of shape (k,)
        Mean loss of those.
    threshold : array of shape (k,)
        Confidence from which an answer counts, falling.
    """

    coverage: Floats
    risk: Floats
    threshold: Floats

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC, Geifman et al., ICLR 2019); less is better."""
        steps = np.diff(self.coverage, prepend=0)
        return float((self.risk * steps).sum())


def risk_coverage(confidence: npt.ArrayLike, loss: npt.ArrayLike) -> RiskCoverage:
    """Follow the mean loss while less and less sure answers are taken in.

    Parameters
    ----------
    confidence : array of shape (n,)
        The higher, the surer: the probability of a label, or an interval's width with a minus.
    loss : array of shape (n,)
        1 for a wrong label and 0 for a right one, or an error in years.

    Returns
    -------
    RiskCoverage
        A point for each confidence that occurs; equally sure answers come together.

    Examples
    --------
    >>> curve = risk_coverage([0.9, 0.8, 0.6, 0.5], [0, 0, 1, 0])
    >>> curve.coverage.tolist(), curve.risk.round(2).tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.33, 0.25])
    """
    sure, lost = np.asarray(confidence, dtype=float), np.asarray(loss, dtype=float)
    if sure.shape != lost.shape or sure.ndim != 1 or not len(sure):
        raise LabelError(
            "confidence and loss must have one number for each answer, at least one; got shapes "
            f"{sure.shape} and {lost.shape}."
        )
    order = np.argsort(-sure, kind="stable")
    sure, lost = sure[order], lost[order]
    last = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)  # of those that are as sure
    kept = last + 1
    return RiskCoverage(kept / len(sure), lost.cumsum()[last] / kept, sure[last])


def threshold_at_most_wrong(
    confidence: npt.ArrayLike, wrong: npt.ArrayLike, share: float
) -> float | None:
    """Find the least confidence at which at most a share of the answers is wrong.

    One more wrong answer is counted than was seen, so that new pictures keep to the share on
    average (Angelopoulos et al., Conformal Risk Control, ICLR 2024).

    Parameters
    ----------
    confidence : array of shape (n,)
        Probability of each predicted label.
    wrong : array of shape (n,)
        Whether it was wrong.
    share : float
        Between 0 and 1.

    Returns
    -------
    float or None
        None where no confidence suffices.

    Examples
    --------
    >>> threshold_at_most_wrong([0.9] * 98 + [0.6] * 2, [False] * 98 + [True] * 2, 0.02)
    0.9
    """
    if not 0 < share < 1:
        raise ParameterError(f"at_most_wrong must lie between 0 and 1, got {share!r}.")
    curve = risk_coverage(confidence, wrong)
    kept = curve.coverage * len(np.asarray(confidence))
    enough = np.flatnonzero((curve.risk * kept + 1) / (kept + 1) <= share)
    return float(curve.threshold[enough.max()]) if len(enough) else None
