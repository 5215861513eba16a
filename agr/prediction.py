"""What is read from a face."""

from dataclasses import asdict, dataclass
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True)
class Prediction:
    """What was read from one face; a task that was left out is None.

    Attributes
    ----------
    age : float or None
        Years.
    age_interval : tuple of float or None
        Low and high end in years; holds the true age in 90 % of cases.
    gender, race : str or None
        Likeliest label.
    gender_probabilities, race_probabilities : dict of str to float, or None
        Calibrated, by label; they sum to 1.
    error : str or None
        Why the picture could not be read; then everything else is None.
    """

    age: float | None = None
    age_interval: tuple[float, float] | None = None
    gender: str | None = None
    gender_probabilities: dict[str, float] | None = None
    race: str | None = None
    race_probabilities: dict[str, float] | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types, ready for ``json.dumps``."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
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
    """

    box: tuple[float, float, float, float] | None = None
    score: float | None = None
    landmarks: dict[str, Point] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give plain Python types, ready for ``json.dumps``."""
        places = None
        if self.landmarks is not None:
            places = {name: list(point) for name, point in self.landmarks.items()}
        return {**super().to_dict(), "landmarks": places}
