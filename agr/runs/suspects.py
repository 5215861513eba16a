"""Labels worth a second look: those that cross-validation doubts, and copies with other labels."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from agr.datasets.faces import Faces
from agr.errors import require
from agr.tasks import TASKS
from agr.training.batches import PREDICT_BATCH, ImageStore

FOLDS = 5
LEAST = 10 * FOLDS  # pictures; of fewer nothing can be learned
SPREADS = 3.5  # robust standard deviations that an age may be off before it is doubted
COLUMNS = ("why", "task", "path", "label", "suggested", "score")
NETWORK = "face_mobilenet"


def find_suspects(faces: Faces) -> pd.DataFrame:
    """List doubtful labels, the most doubtful of each task first.

    Every picture becomes the features of the default network's start, which has seen none of these
    labels unless they are UTKFace's. A linear model on four fifths of them says what the label of
    the others should be; cleanlab decides which disagreements are likely errors (Northcutt et al.,
    Confident Learning, JAIR 2021).

    Parameters
    ----------
    faces : Faces
        Labelled pictures.

    Returns
    -------
    DataFrame
        Columns ``why`` ("cross-validation" or "duplicate"), ``task``, ``path``, ``label``,
        ``suggested`` and ``score``, from 0, surely wrong, to 1; empty for duplicates.

    Raises
    ------
    MissingExtraError
        cleanlab is not installed.
    """
    with require("suspects"):
        import cleanlab  # noqa: F401
    rows = _differing_copies(faces)
    tasks = [task for task in TASKS if len(faces.having(task)) >= LEAST]
    features = _features(faces.paths) if tasks else np.empty((0, 0))
    for task in tasks:
        known = faces.table[task].notna().to_numpy()
        paths, y = faces.labelled(task)
        find = _doubted_ages if task == "age" else _doubted_labels
        for row, suggested, score in find(features[known], y):
            label = f"{y[row]:g}" if task == "age" else y[row]
            rows.append(("cross-validation", task, paths[row], label, suggested, score))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _differing_copies(faces: Faces) -> list[tuple[object, ...]]:
    groups = pd.Series(faces.duplicate_groups())
    rows: list[tuple[object, ...]] = []
    for members in groups.groupby(groups).indices.values():
        for task in TASKS if len(members) > 1 else ():
            labels = faces.table[task].iloc[members].dropna()
            if labels.nunique() > 1:
                for row in labels.index:
                    others = labels[labels != labels[row]].unique()
                    said = " or ".join(f"{v:g}" if task == "age" else v for v in others)
                    own = labels[row]
                    label = f"{own:g}" if task == "age" else own
                    rows.append(("duplicate", task, faces.paths[row], label, said, np.nan))
    return rows


def _features(paths: list[str]) -> npt.NDArray[Any]:
    import keras

    from agr.training.networks.build import build, native_size

    side = native_size(NETWORK)
    model = build(
        NETWORK, side, weights="auto", dropout=0.0, last_layer=("softmax", 2), task="features"
    )
    inner = keras.Model(model.inputs[0], model.get_layer("features").output)
    store = ImageStore(paths, side)
    starts = range(0, len(paths), PREDICT_BATCH)
    parts = [np.arange(start, min(start + PREDICT_BATCH, len(paths))) for start in starts]
    return np.concatenate([np.asarray(inner.predict_on_batch(store[part])) for part in parts])


def _doubted_labels(
    features: npt.NDArray[Any], y: npt.NDArray[np.str_]
) -> list[tuple[int, str, float]]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.min() < FOLDS:
        return []
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    chances = cross_val_predict(model, features, codes, cv=folds, method="predict_proba")
    found = find_label_issues(codes, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    scores = get_label_quality_scores(codes, chances)
    return [(int(row), str(names[chances[row].argmax()]), float(scores[row])) for row in found]


def _doubted_ages(
    features: npt.NDArray[Any], y: npt.NDArray[np.float64]
) -> list[tuple[int, str, float]]:
    """Doubt ages that are far from what the others say, in spreads of what is usual at that age."""
    from cleanlab.regression.rank import get_label_quality_scores
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 4, 9)))
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    said = cross_val_predict(model, features, y, cv=folds)
    off = said - y
    # The linear model pulls ages to the middle; what it does so to everybody is no one's error.
    usual = np.polynomial.Polynomial.fit(y, off, 2)(y)
    spread = 1.4826 * np.median(abs(off - usual))
    rows = np.flatnonzero(abs(off - usual) > SPREADS * max(spread, 1.0))
    scores = get_label_quality_scores(labels=y, predictions=said - usual)
    ranked = rows[np.argsort(scores[rows], kind="stable")]
    return [(int(row), f"{said[row]:.0f}", float(scores[row])) for row in ranked]


def relative(suspects: pd.DataFrame, root: str | os.PathLike[str]) -> pd.DataFrame:
    """Give the pictures' places below a folder."""
    return suspects.assign(path=[os.path.relpath(path, root) for path in suspects["path"]])
