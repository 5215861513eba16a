"""Scores of answers that lie side by side, by source of the pictures."""

import numpy as np
import pandas as pd
from nets import GENDERS, RACES, cut


def median_age(ages: np.ndarray) -> np.ndarray:
    """Median of each distribution over years, between whole years."""
    sums = np.cumsum(ages, 1)
    year = (sums < 0.5).sum(1).clip(0, ages.shape[1] - 1)
    rows = np.arange(len(ages))
    before = sums[rows, year] - ages[rows, year]
    return year + (0.5 - before) / np.maximum(ages[rows, year], 1e-9) - 0.5


def score_gender(answers: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Accuracy, by age and by gender."""
    right = np.array(GENDERS)[cut(answers)["gender"].argmax(1)] == faces["gender"].to_numpy(object)
    age = faces["age"].to_numpy(float)
    groups = {
        "gender": np.full(len(faces), True),
        "gender 21-60": (age >= 21) & (age <= 60),
        "gender 12 and under": age <= 12,
        "gender female": (faces["gender"] == "female").to_numpy(),
        "gender male": (faces["gender"] == "male").to_numpy(),
    }
    return {name: float(100 * right[rows].mean()) for name, rows in groups.items() if rows.any()}


def score_race(answers: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Accuracy, macro-F1, recall of other and accuracy of the named races."""
    truth = faces["race"].to_numpy(object)
    found = np.array(RACES)[cut(answers)["race"].argmax(1)]
    f1, recall = [], {}
    for race in RACES:
        hit = ((truth == race) & (found == race)).sum()
        f1.append(2 * hit / max(1, (truth == race).sum() + (found == race).sum()))
        recall[race] = hit / max(1, (truth == race).sum())
    named = truth != "other"
    return {
        "race": float(100 * (found == truth).mean()),
        "race F1": float(np.mean(f1)),
        "race other": float(recall["other"]),
        "race named": float(100 * (found == truth)[named].mean()),
    }


def score_age(answers: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Errors of the median age in years, by age, and the bias."""
    age = faces["age"].to_numpy(float)
    error = median_age(cut(answers)["age"]) - age
    result = {"age MAE": np.abs(error).mean(), "age RMSE": np.sqrt((error**2).mean())}
    for low, high in ((0, 12), (13, 20), (21, 60), (21, 40), (41, 60), (61, 120)):
        rows = (age >= low) & (age <= high)
        if rows.any():
            result[f"age MAE {low}-{high}"] = np.abs(error[rows]).mean()
            result[f"age bias {low}-{high}"] = error[rows].mean()
    return {name: float(value) for name, value in result.items()}


def score(answers: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Score pictures of one source by all labels that they have."""
    result: dict[str, float] = {}
    for task, function in (("gender", score_gender), ("race", score_race), ("age", score_age)):
        rows = faces[task].notna().to_numpy()
        if rows.any():
            result |= function(answers[rows], faces[rows])
    return result


SHORT = (
    ("utkface", "gender"),
    ("utkface", "gender 21-60"),
    ("utkface", "gender 12 and under"),
    ("utkface", "race"),
    ("utkface", "race F1"),
    ("utkface", "race other"),
    ("utkface", "age MAE"),
    ("utkface", "age RMSE"),
    ("utkface", "age MAE 21-60"),
    ("utkface", "age MAE 61-120"),
    ("lfw", "gender"),
    ("lfw", "gender female"),
    ("celeba", "gender"),
    ("mebeauty", "gender"),
    ("mebeauty", "race"),
)


def short_scores(answers: np.ndarray, faces: pd.DataFrame) -> dict[str, float]:
    """Give the scores that a log line shows."""
    by_source = {
        source: score(answers[rows], faces.iloc[rows])
        for source, rows in faces.reset_index(drop=True).groupby("source").indices.items()
    }
    return {
        (name if source == "utkface" else f"{source} {name}"): round(by_source[source][name], 3)
        for source, name in SHORT
        if source in by_source
    }
