"""Scores as functions of sums over pictures: one product of matrices scores many resamples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Score = Callable[[Floats, Floats], Mapping[str, Floats]]

CHUNK = 2**22  # counts that are held at once


@dataclass(frozen=True)
class Tally:
    """What each picture adds to the sums that scores are made of.

    Parameters
    ----------
    columns : array of shape (n, k)
        A row for each picture.
    score : callable
        Takes sums of rows, shape (..., k), and how many rows they are of, shape (...); gives each
        score by name, shape (...), NaN where it is not defined.
    shares : tuple of str
        Scores that are shares of the pictures: their intervals are Wilson's.

    Examples
    --------
    >>> tally = Tally(np.array([[1.0], [2.0], [6.0]]), lambda sums, n: {"mean": sums[..., 0] / n})
    >>> tally.scores(), tally.scores(np.array([0, 1]))
    ({'mean': 3.0}, {'mean': 1.5})
    """

    columns: Floats
    score: Score
    shares: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.columns)

    def scores(self, rows: Rows | None = None) -> dict[str, float]:
        """Score all pictures, or some rows of them."""
        chosen = self.columns if rows is None else self.columns[rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.score(chosen.sum(axis=0), np.asarray(float(len(chosen))))
        return {name: float(value) for name, value in found.items()}

    def resampled(
        self, rows: Rows, draws: int, rng: np.random.Generator
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Score ``draws`` samples of the rows, each drawn with replacement and as large."""
        chosen, n = self.columns[rows], len(rows)
        step = max(1, CHUNK // max(n, 1))
        sums = []
        for start in range(0, draws, step):
            size = min(step, draws - start)
            drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
            sums.append(counts.astype(np.float64) @ chosen)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.score(np.concatenate(sums), np.full(draws, float(n)))
        return {name: np.asarray(values) for name, values in found.items()}


def gain(before: Tally, after: Tally) -> Tally:
    """Tally two models on the same pictures: scores of the second minus those of the first.

    A resample draws a picture for both, so the interval is that of a paired bootstrap. Only scores
    that both have are compared.
    """
    width = before.columns.shape[1]

    def score(sums: Floats, n: Floats) -> dict[str, Floats]:
        old, new = before.score(sums[..., :width], n), after.score(sums[..., width:], n)
        return {name: new[name] - old[name] for name in old if name in new}

    return Tally(np.concatenate([before.columns, after.columns], axis=1), score)
