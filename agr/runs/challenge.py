"""Try challenge ages on labelled pictures."""

from collections.abc import Iterator

import numpy as np

from agr.core.images import Pixels
from agr.datasets.faces import Faces
from agr.evaluation.challenge import challenge_tables
from agr.evaluation.tables import Table
from agr.runs.scoring import Scorer, read_crops


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
        As `agr.evaluation.challenge.challenge_tables` gives them, by the estimated age (``age``)
        and by the low end of its interval (``interval_low``).
    """
    read: list[int] = []

    def crops() -> Iterator[Pixels]:
        for row, image in enumerate(read_crops(faces.paths)):
            if image is not None:
                read.append(row)
                yield image

    answers = scorer.answers(scorer.outputs(crops()))
    ages, lows = np.full((2, len(faces)), np.nan)
    ages[read] = [answer["age"] for answer in answers]
    lows[read] = [answer["age_interval"][0] for answer in answers]
    rules = {"age": ages, "interval_low": lows}
    columns = faces.groups()
    groups = {name: columns[name].to_numpy() for name in ("gender", "race")}
    return challenge_tables(faces.table["age"], rules, limit, highest, groups)
