"""Try challenge ages on labelled pictures."""

from collections.abc import Iterator

import numpy as np

from agr.core.images import Pixels
from agr.datasets.faces import Faces
from agr.evaluation.challenge import challenge_tables
from agr.evaluation.tables import Table
from agr.prediction import AgeDistribution
from agr.runs.scoring import Scorer, read_crops

SURE = 0.9


def measure_challenge(scorer: Scorer, faces: Faces, limit: int, highest: int) -> list[Table]:
    """Count minors who pass and adults who are challenged.

    Parameters
    ----------
    scorer : Scorer
        Of ages.
    faces : Faces
        Pictures with ages; one that cannot be read counts as a person who is challenged.
    limit, highest : int
        Age limit, and the highest challenge age to try.

    Returns
    -------
    list of Table
        As `agr.evaluation.challenge.challenge_tables` gives them: by the estimated age (``age``),
        by the low end of its interval (``interval_low``), and by the highest age that a face has
        reached with a chance of 90 % (``at_least_90``; see `agr.prediction.Prediction.at_least`).
    """
    read: list[int] = []

    def crops() -> Iterator[Pixels]:
        for row, image in enumerate(read_crops(faces.paths)):
            if image is not None:
                read.append(row)
                yield image

    answers = scorer.answers(scorer.outputs(crops()))
    ages, lows, sure = np.full((3, len(faces)), np.nan)
    ages[read] = [answer["age"] for answer in answers]
    lows[read] = [answer["age_interval"][0] for answer in answers]
    sure[read] = [_reached(answer["age_distribution"]) for answer in answers]
    rules = {"age": ages, "interval_low": lows, "at_least_90": sure}
    columns = faces.groups()
    groups = {name: columns[name].to_numpy() for name in ("gender", "race")}
    return challenge_tables(faces.table["age"], rules, limit, highest, groups)


def _reached(distribution: AgeDistribution) -> int:
    """Give the highest age that is reached with a chance of at least `SURE`."""
    reached = [year for year in range(121) if 1 - distribution.below(year - 0.5) >= SURE]
    return max(reached, default=0)
