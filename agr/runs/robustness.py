"""Spoil pictures, and score what models say of them."""

from collections.abc import Callable, Sequence

import numpy as np

from agr.core.images import Pixels
from agr.datasets.faces import Faces
from agr.evaluation.corruptions import CORRUPTIONS, SEVERITIES, SIDE, corrupt
from agr.evaluation.robustness import robustness_tables
from agr.evaluation.tables import Table
from agr.evaluation.tally import Tally
from agr.runs.scoring import Scorer
from agr.training.batches import decode


def measure_robustness(
    scorers: Sequence[Scorer],
    faces: Faces,
    *,
    kinds: Sequence[str] = (),
    severities: Sequence[int] = SEVERITIES,
    say: Callable[[str], None] | None = None,
) -> dict[str, list[Table]]:
    """Score models on spoiled pictures.

    Parameters
    ----------
    scorers : sequence of Scorer
        One for each task; a picture is spoiled once for all of them.
    faces : Faces
        Pictures that have the label of every one.
    kinds : sequence of str, default=()
        Keys of `agr.evaluation.corruptions.CORRUPTIONS`; none for all.
    severities : sequence of int, default=(1, 2, 3, 4, 5)
        From 1 to 5.
    say : callable, optional
        Takes the name of each kind as it begins.

    Returns
    -------
    dict of str to list of Table
        By task, as `agr.evaluation.robustness.robustness_tables` gives them.
    """
    images = decode(faces.paths, SIDE)
    labels = {scorer.task: faces.labelled(scorer.task)[1] for scorer in scorers}

    def tallies(shown: Pixels) -> dict[str, Tally]:
        return {s.task: s.tally(labels[s.task], s.outputs(shown)) for s in scorers}

    clean = tallies(images)
    spoiled: dict[str, dict[tuple[str, int], Tally]] = {task: {} for task in clean}
    for kind in kinds or CORRUPTIONS:
        if say is not None:
            say(kind)
        for severity in severities:
            changed = [corrupt(image, kind, severity, seed=i) for i, image in enumerate(images)]
            for task, tally in tallies(np.stack(changed)).items():
                spoiled[task][kind, severity] = tally
    groups = faces.groups()
    return {task: robustness_tables(clean[task], spoiled[task], groups) for task in clean}
