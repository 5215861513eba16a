"""How the numbers of a report are put into words: column titles and cells."""

import math
import re
from typing import Any

import numpy as np

TITLES = {
    "bin_accuracy": "Right bin",
    "cs5": "Within 5 years",
    "ece": "Calibration error",
    "f1-score": "F1",
    "high": "to",
    "interval_years": "Interval width (years)",
    "low": "95 % interval from",
    "mae": "Mean absolute error",
    "macro_f1": "Macro F1",
    "n": "Pictures",
    "rmse": "RMSE",
    "std": "Spread (SD)",
    "support": "Pictures",
    "uncertain": "Too few to compare",
}
SHARES = {
    "accuracy", "balanced_accuracy", "bin_accuracy", "coverage", "cs5", "one_off_accuracy", "share",
    "share_after_weights",
}  # fmt: skip


def column_title(name: str) -> str:
    """Put a column's name into words.

    Parameters
    ----------
    name : str
        As in the CSV.

    Returns
    -------
    str
        For people.

    Examples
    --------
    >>> [column_title(name) for name in ("mae", "f1_female", "share_after_weights", "gender=male")]
    ['Mean absolute error', 'F1 female', 'Share after weights', 'Gender: male']
    """
    plain = TITLES.get(
        name, name.replace("val_", "validation ").replace("=", ": ").replace("_", " ")
    )
    return plain[:1].upper() + plain[1:]


def is_number(dtype: Any) -> bool:
    """Tell whether a column of this type holds numbers."""
    return np.dtype(dtype).kind in "iuf" if isinstance(dtype, np.dtype) else False


def in_words(column: str, value: Any) -> str:
    """Put a cell into words.

    Parameters
    ----------
    column : str
        Its column's name, which tells shares from other numbers.
    value : object
        Text, a number, or something missing.

    Returns
    -------
    str
        With as many digits as inform; empty where missing.

    Examples
    --------
    >>> in_words("accuracy", 0.9321), in_words("mae", 4.4567), in_words("n", 12345)
    ('93.2 %', '4.46', '12,345')
    >>> in_words("group", "gender=female"), in_words("path", "a=b.png"), in_words("mae", None)
    ('gender female', 'a=b.png', '')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return group_in_words(value) if column == "group" else value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if column.removeprefix("val_") in SHARES:
        return percent(value)
    if float(value).is_integer():
        return f"{value:,.0f}"
    size = abs(value)
    if size < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{0 if size >= 1000 else 1 if size >= 100 else 2}f}"


def group_in_words(name: str) -> str:
    """Put a group's name into words.

    Examples
    --------
    >>> [group_in_words(name) for name in ("race=asian", "age=003-012", "race=asian, age=061+")]
    ['race asian', 'age 3 to 12', 'race asian, age 61 and over']
    """
    if ", " in name:
        return ", ".join(map(group_in_words, name.split(", ")))
    column, _, value = name.partition("=")
    ages = re.fullmatch(r"0*(\d+)(?:-0*(\d+)|\+)", value)
    if ages:
        value = f"{ages[1]} to {ages[2]}" if ages[2] else f"{ages[1]} and over"
    return f"{column} {value}".strip()


def percent(share: float) -> str:
    """Put a share into words.

    Examples
    --------
    >>> percent(0.9321)
    '93.2 %'
    """
    return f"{100 * share:.1f} %"
