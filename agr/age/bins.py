"""Years cut into bins."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from agr.age.labels import AGE_RANGE, BALANCED_BINS, NAMED_BINS
from agr.errors import LabelError, ParameterError, choice

Floats = npt.NDArray[np.float64]


def make_edges(bins: str | Sequence[float], ages: npt.ArrayLike) -> Floats:
    """Find where bins begin, and where the last one ends.

    Parameters
    ----------
    bins : {"years", "decade", "balanced", "life_stages", "ad_groups"} or sequence of numbers
        A name, or the lower end of each bin, rising.
    ages : array of shape (n,)
        Training ages in years; "balanced" cuts them into bins of nearly equal counts.

    Returns
    -------
    array of shape (n_bins + 1,)
        Bin k holds the ages from ``edges[k]`` to below ``edges[k + 1]``.
    """
    end = AGE_RANGE[1] + 1
    if isinstance(bins, str):
        check_name(bins)
        if bins == "balanced":
            shares = np.linspace(0, 1, BALANCED_BINS + 1)[1:-1]
            cuts = np.quantile(np.asarray(ages, dtype=float), shares)
            starts = np.unique(np.concatenate([[AGE_RANGE[0]], np.ceil(cuts)]))
        else:
            starts = np.asarray(NAMED_BINS[bins])
    else:
        try:
            starts = np.asarray(bins, dtype=float)
        except (TypeError, ValueError):
            starts = np.empty(0)
        rising = starts.ndim == 1 and len(starts) >= 2 and (np.diff(starts) > 0).all()
        if not rising or starts[0] < AGE_RANGE[0] or starts[-1] >= end:
            raise ParameterError(
                "bins must hold at least two rising lower ends between "
                f"{AGE_RANGE[0]} and {AGE_RANGE[1]} years, got {bins!r}."
            )
    return np.append(starts.astype(float), end)


def check_name(bins: str) -> None:
    """Refuse a name that stands for no bins."""
    if bins not in (*NAMED_BINS, "balanced"):
        raise ParameterError(
            choice("bins", bins, [*NAMED_BINS, "balanced"]) + " Or give a list of edges."
        )


def find_bins(ages: npt.ArrayLike, edges: Floats) -> npt.NDArray[np.intp]:
    """Find the bin of each age.

    Parameters
    ----------
    ages : array of shape (n,)
        Years.
    edges : array of shape (n_bins + 1,)
        From `make_edges`.

    Returns
    -------
    array of shape (n,)
        Bin numbers.
    """
    years = np.asarray(ages, dtype=float)
    below = years < edges[0]
    if below.any():
        raise LabelError(
            f"The bins begin at {edges[0]:g} years, {below.sum()} of {len(years)} ages are below. "
            f"Leave them out, for example with faces.at_least({edges[0]:g}) or "
            f"--min-age {edges[0]:g}."
        )
    return np.searchsorted(edges, years, side="right") - 1


def spread_over_bins(ages: npt.ArrayLike, edges: Floats, sd: float) -> npt.NDArray[np.float32]:
    """Spread each age over the bins near it, as a normal distribution.

    Gao et al., Deep Label Distribution Learning with Label Ambiguity, TIP 2017.

    Parameters
    ----------
    ages : array of shape (n,)
        Years.
    edges : array of shape (n_bins + 1,)
        From `make_edges`.
    sd : float
        Standard deviation in years; 0 puts all weight into the age's own bin.

    Returns
    -------
    array of shape (n, n_bins)
        Rows sum to 1.
    """
    own = find_bins(ages, edges)
    if sd == 0:
        return np.eye(len(edges) - 1, dtype=np.float32)[own]
    # An age of k whole years stands for the middle of its year.
    z = (edges[None, :] - (np.asarray(ages, dtype=float)[:, None] + 0.5)) / sd
    share = np.diff(ndtr(z), axis=1)
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float32)


def bin_centers(ages: npt.ArrayLike, edges: Floats) -> Floats:
    """Mean age of each bin's training pictures; an empty bin's is its middle.

    Parameters
    ----------
    ages : array of shape (n,)
        Training ages in years.
    edges : array of shape (n_bins + 1,)
        From `make_edges`.

    Returns
    -------
    array of shape (n_bins,)
        Years.
    """
    n_bins = len(edges) - 1
    own = find_bins(ages, edges)
    counts = np.bincount(own, minlength=n_bins)
    sums = np.bincount(own, weights=np.asarray(ages, dtype=float), minlength=n_bins)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), middles))
