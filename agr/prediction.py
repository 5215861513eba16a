"""What is read from a face, and the one schema that tables, JSON and replies derive from.

A result has fields, such as ``age_interval``; JSON shows them as they are. A table has flat columns
instead, such as ``age_low`` and ``age_high``. Each field below declares the columns that its value
falls apart into, and nothing else in agr lists them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from html import escape
from typing import Any, Protocol

from agr.age.labels import AGE_RANGE
from agr.gender.labels import LABELS as GENDERS
from agr.race.labels import LABELS as RACES
from agr.tasks import TASKS

Point = tuple[float, float]
Place = tuple[str | int, ...]  # the keys that lead to a part of a field's value
BOX = ("left", "top", "right", "bottom")
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
QUALITIES = ("size", "sharpness", "noise", "light", "contrast", "turn", "nod", "tilt")


@dataclass(frozen=True)
class Column:
    """A flat column of a table of results.

    Attributes
    ----------
    name : str
        Its heading.
    place : tuple of str and int
        The keys that lead to its value in a row with a key for each field.
    digits : int or None
        Decimal places that are worth reading; None for what is no measured number.
    is_flag : bool
        Whether it is true or false.
    """

    name: str
    place: Place
    digits: int | None = None
    is_flag: bool = False


class AgeDistribution(Protocol):
    """Where an age lies."""

    def below(self, years: float) -> float:
        """Give the chance that the age is less."""


def _declare(
    about: str,
    columns: Mapping[str, Place] | None = None,
    digits: int | None = None,
    *,
    is_flag: bool = False,
) -> Any:
    """Declare a field; without ``columns`` it is one column under its own name."""
    facts = {"about": about, "columns": columns, "digits": digits, "is_flag": is_flag}
    return field(default=None, metadata=facts)


def _shares(task: str, labels: Iterable[str]) -> dict[str, Place]:
    return {f"{task}_{label}": (label,) for label in labels}


@dataclass(frozen=True, repr=False)
class Prediction:
    """What was read from one face; a task that was left out is None.

    Attributes
    ----------
    age : float or None
        Years.
    age_interval : tuple of float or None
        Low and high end in years; holds the true age in 90 % of cases, or in the predictor's
        ``coverage``.
    gender, race : str or None
        Likeliest label.
    gender_probabilities, race_probabilities : dict of str to float, or None
        Calibrated, by label; they sum to 1.
    withheld : dict of str to str, or None
        By task, why its answer is None although the face was read: it is less sure, or the picture
        worse, than the predictor was told to accept.
    quality : dict of str to float, or None
        What the picture of the face is like; `agr.photo.quality` explains each part.
    readable : bool or None
        Whether the picture is good enough for the answers to mean what they say.
    error : str or None
        Why the picture could not be read; then everything else is None.

    Examples
    --------
    >>> Prediction(age=31.62, age_interval=(24.2, 39.9), race="black")
    <Prediction: 31.6 years (24 to 40), black>
    """

    age: float | None = _declare("Years.", digits=2)
    age_interval: tuple[float, float] | None = _declare(
        "Low and high end in years; holds the true age in 90 % of cases, unless another coverage "
        "was asked for.",
        {"age_low": (0,), "age_high": (1,)},
        digits=2,
    )
    gender: str | None = _declare("Likeliest label.")
    gender_probabilities: dict[str, float] | None = _declare(
        "By label; they sum to 1.", _shares("gender", GENDERS), digits=4
    )
    race: str | None = _declare("Likeliest label.")
    race_probabilities: dict[str, float] | None = _declare(
        "By label; they sum to 1.", _shares("race", RACES), digits=4
    )
    withheld: dict[str, str] | None = _declare(
        "Why an answer is withheld, by task.", {f"{task}_withheld": (task,) for task in TASKS}
    )
    quality: dict[str, float] | None = _declare(
        "What the picture of the face is like: side in pixels, sharpness, noise, light, contrast, "
        "and where landmarks are known how far the head is turned, nodded and tilted.",
        {f"quality_{part}": (part,) for part in QUALITIES},
        digits=4,
    )
    readable: bool | None = _declare("Whether the picture is good enough to be read.", is_flag=True)
    error: str | None = _declare("Why the picture could not be read.")
    # Too long for a row, and of no use without `at_least`, so it is in no table.
    age_distribution: AgeDistribution | None = field(default=None, repr=False, compare=False)

    def at_least(self, years: float) -> float | None:
        """Give the probability that the person is at least so old.

        Parameters
        ----------
        years : float
            Age in whole years, such as 18.

        Returns
        -------
        float or None
            From the calibrated distribution; None where no age was read, or the result comes from a
            table.
        """
        if self.age_distribution is None:
            return None
        # Who is 18 by the label lies, as a number, anywhere from half a year below on.
        return 1 - self.age_distribution.below(years - 0.5)

    @property
    def age_probabilities(self) -> dict[int, float] | None:
        """Probability of each year of age; they sum to 1. None as in `at_least`."""
        shape = self.age_distribution
        if shape is None:
            return None
        ages = range(AGE_RANGE[0], AGE_RANGE[1] + 1)
        return {age: shape.below(age + 0.5) - shape.below(age - 0.5) for age in ages}

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types, ready for ``json.dumps``."""
        return {name: _plain(getattr(self, name)) for name in _declared(type(self))}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self._words()) or 'nothing was read'}>"

    def _words(self) -> list[str]:
        if self.error is not None:
            return [f"error: {self.error}"]
        words = []
        if self.age is not None:
            low_high = interval_words(self.age_interval)
            words.append(f"{self.age:.1f} years" + (f" ({low_high})" if low_high else ""))
        if self.gender is not None:
            words.append(share_words(self.gender, self.gender_probabilities))
        if self.race is not None:
            words.append(share_words(self.race, self.race_probabilities))
        return words + [f"{task} withheld" for task in self.withheld or ()]

    def _repr_html_(self) -> str:
        """Show it in a notebook: a line for each task, with a bar for each probability."""
        lines = [f"<b>{escape(word)}</b>" for word in self._words()] or ["nothing was read"]
        for chances in (self.gender_probabilities, self.race_probabilities):
            lines += [_bar(label, share) for label, share in (chances or {}).items()]
        return f"<div>{'<br>'.join(lines)}</div>"


@dataclass(frozen=True, repr=False)
class Face(Prediction):
    """A face that was found in a photo, and what was read from it.

    Attributes
    ----------
    box : tuple of float, or None
        Left, top, right and bottom in pixels of the upright photo (the camera's rotation is
        applied); may reach over its edge.
    score : float or None
        How sure the detector is, between 0 and 1.
    landmarks : dict of str to (x, y), or None
        Eyes, and nose and mouth corners where the detector tells them; in pixels. Left is what the
        photo shows further left of an upright face.
    n_faces : int or None
        How many faces the photo shows; None of a crop that was read whole.
    warning : str or None
        Why the answer may mean nothing, for example that the detector is unsure of the face.

    Examples
    --------
    >>> Face(gender="female", box=(20.2, 30.0, 140.7, 181.0))
    <Face: 120x151+20+30, female>
    """

    box: tuple[float, float, float, float] | None = _declare(
        "Left, top, right and bottom in pixels.",
        {side: (k,) for k, side in enumerate(BOX)},
        digits=1,
    )
    score: float | None = _declare("How sure the detector is, 0 to 1.", digits=4)
    landmarks: dict[str, Point] | None = _declare(
        "x and y of the eyes, nose and mouth corners.",
        {f"{name}_{axis}": (name, k) for name in LANDMARKS for k, axis in enumerate("xy")},
        digits=1,
    )
    n_faces: int | None = _declare("How many faces the photo shows.", digits=0)
    warning: str | None = _declare("Why the answer may mean nothing.")

    def _words(self) -> list[str]:
        place = [] if self.box is None else [box_words(self.box)]
        return place + super()._words()


def _declared(kind: type[Prediction]) -> dict[str, "Field[Any]"]:
    """Give the fields of a result that rows show, and those that subclasses add."""
    return {one.name: one for one in fields(kind) if one.name != "age_distribution"}


def _in_order(kind: type[Prediction]) -> dict[str, "Field[Any]"]:
    """Give the fields of a result as a row shows them: where the face is, then what was read."""
    own, every = _declared(Prediction), _declared(kind)
    return {name: one for name, one in every.items() if name not in own} | own


FIELDS = {kind: _in_order(kind) for kind in (Prediction, Face)}


def columns_of(keys: Iterable[str]) -> list[Column]:
    """Give the flat columns of rows.

    Parameters
    ----------
    keys : iterable of str
        Names of fields, and of other things that a row tells, such as ``image``.

    Returns
    -------
    list of Column
        In the order of the keys.

    Examples
    --------
    >>> [column.name for column in columns_of(["image", "age", "age_interval", "gender"])]
    ['image', 'age', 'age_low', 'age_high', 'gender']
    """
    found = []
    for key in keys:
        facts: Mapping[str, Any] = FIELDS[Face][key].metadata if key in FIELDS[Face] else {}
        parts = facts.get("columns") or {key: ()}
        kind = facts.get("digits"), facts.get("is_flag", False)
        found += [Column(name, (key, *place), *kind) for name, place in parts.items()]
    return found


def flatten(row: Mapping[str, Any], columns: Iterable[Column]) -> dict[str, Any]:
    """Take a row apart into flat columns.

    Parameters
    ----------
    row : mapping of str to object
        With a key for each field.
    columns : iterable of Column
        From `columns_of`.

    Returns
    -------
    dict
        Value of each column; None where the row has none.

    Examples
    --------
    >>> flatten({"box": [1, 2, 3, 4], "age_interval": None}, columns_of(["box", "age_interval"]))
    {'left': 1, 'top': 2, 'right': 3, 'bottom': 4, 'age_low': None, 'age_high': None}
    """
    return {column.name: _at(row, column.place) for column in columns}


def restore(cells: Mapping[str, Any], kind: type[Prediction] = Face) -> dict[str, Any]:
    """Put the fields of a result together again; the inverse of `flatten`.

    Parameters
    ----------
    cells : mapping of str to object
        Value of each flat column, None for an empty one.
    kind : type, default=Face
        `Prediction` or `Face`.

    Returns
    -------
    dict
        Arguments for ``kind``.

    Examples
    --------
    >>> restore({"left": 1, "top": 2, "right": 3, "bottom": 4, "age": 30.5})["box"]
    (1, 2, 3, 4)
    """
    parts: dict[str, Any] = {}
    for column in columns_of(FIELDS[kind]):
        if (value := cells.get(column.name)) is not None:
            *way, last = column.place
            inner: Any = parts
            for key in way:
                inner = inner.setdefault(key, {})
            inner[last] = value
    return {name: _tuples(value) for name, value in parts.items()}


def share_words(label: str, probabilities: Mapping[str, float] | None) -> str:
    """Say a label and how likely it is."""
    return label if probabilities is None else f"{label} {100 * probabilities[label]:.0f} %"


def interval_words(interval: Iterable[float] | None) -> str:
    """Say an interval in whole years; nothing where there is none."""
    return "" if interval is None else " to ".join(f"{end:.0f}" for end in interval)


def box_words(box: Iterable[float]) -> str:
    """Say a box in whole pixels: width x height + left + top, as X11 and ImageMagick do."""
    left, top, right, bottom = box
    return f"{right - left:.0f}x{bottom - top:.0f}{left:+.0f}{top:+.0f}"


def _bar(label: str, share: float) -> str:
    return f'<meter value="{share:.4f}"></meter> {escape(label)} {100 * share:.0f} %'


def _at(value: Any, place: Place) -> Any:
    for key in place:
        if value is None or (isinstance(value, Mapping) and key not in value):
            return None
        value = value[key]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def _tuples(value: Any) -> Any:
    """Turn what `restore` has gathered by number into tuples."""
    if not isinstance(value, dict):
        return value
    parts = {key: _tuples(part) for key, part in value.items()}
    return tuple(parts.values()) if 0 in parts else parts
