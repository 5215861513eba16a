"""Look at labelled pictures before training: who is in them, what is doubled, what is broken."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from agr.datasets.faces import Faces
from agr.errors import require
from agr.evaluation.metrics import summary
from agr.plots import people
from agr.report.page import Number, Page
from agr.runs.data_card import write_data_card
from agr.runs.selection import Selection
from agr.runs.suspects import find_suspects, relative
from agr.tasks import TASKS

GROUPS = ("gender", "race")
LABELS = ("age", *GROUPS)
SAMPLE = 32
DECADE = 10


@dataclass(frozen=True)
class Exploration:
    """What `explore` found.

    Attributes
    ----------
    faces : Faces
        The good pictures.
    counts : DataFrame
        Pictures of each gender and race.
    ages : DataFrame
        Summary of age in years: of all, of each gender, of each race.
    years : DataFrame
        Pictures of each year of age: all, and by gender and race.
    balancing : DataFrame
        Share of each label before and after ``balance="weights"``.
    left_out : DataFrame
        Pictures that the reader left out, and by which rule.
    duplicates : DataFrame
        Pictures that are identical or nearly so; ``group`` counts from 1, and those groups whose
        ages differ most come first.
    """

    faces: Faces
    counts: pd.DataFrame
    ages: pd.DataFrame
    years: pd.DataFrame
    balancing: pd.DataFrame
    left_out: pd.DataFrame
    duplicates: pd.DataFrame


def explore(data: Selection | str | os.PathLike[str]) -> Exploration:
    """Count what is in labelled pictures.

    Parameters
    ----------
    data : Selection or path
        As `agr.datasets.read_any` takes it; a selection also leaves out the young.

    Returns
    -------
    Exploration
        Numbers; `write_report` draws them.

    Raises
    ------
    DatasetError
        There is no such data.
    """
    selection = _selection(data)
    faces = selection.read()
    faces = Faces(selection.chosen(faces).table, faces.report).with_hashes()
    aged = faces.table[faces.table["age"].notna()]
    dropped = faces.report.dropped if faces.report else {}
    left_out = [(rule, name) for rule, names in dropped.items() for name in names]
    return Exploration(
        faces=faces,
        counts=_named(faces.table).groupby(list(GROUPS)).size().reset_index(name="pictures"),
        ages=_ages(aged),
        years=_years(aged),
        balancing=pd.DataFrame(
            [row for task in TASKS for row in _balancing(faces, task)],
            columns=["task", "label", "pictures", "share", "share_after_weights"],
        ),
        left_out=pd.DataFrame(left_out, columns=["rule", "picture"]),
        duplicates=_duplicates(faces),
    )


def write_report(
    data: Selection | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    suspects: bool = False,
    data_card: bool = False,
) -> Path:
    """Explore labelled pictures and write a page, its plots and its numbers.

    Parameters
    ----------
    data : Selection or path
        As for `explore`.
    folder : path
        Made if it is not there.
    suspects : bool, default=False
        Whether to look for doubtful labels too, as `agr.runs.suspects.find_suspects` does; this
        takes about a minute for 2,000 pictures.
    data_card : bool, default=False
        Whether to write Croissant metadata too, as `agr.runs.data_card.write_data_card` does.

    Returns
    -------
    Path
        The page. It shows pictures from the data: share it only as the data may be shared.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed, or cleanlab, which ``suspects`` needs.
    DatasetError
        There is no such data.
    """
    if suspects:  # what it lacks is better missed before the long work
        with require("suspects"):
            import cleanlab  # noqa: F401
    selection = _selection(data)
    place = selection.data
    page = Page(Path(folder), f"{place.absolute().name}: labelled faces")
    found = explore(selection)
    root = place if place.is_dir() else place.parent
    page.headline(_numbers(found))
    _write_people(page, found)
    _write_balancing(page, found)
    _write_flaws(page, found, root)
    if suspects:
        _write_suspects(page, found.faces, root)
    if data_card:
        write_data_card(found.faces, place.absolute().name, root, Path(folder))
    rng = np.random.default_rng(0)
    n = min(SAMPLE, len(found.faces))
    sample = found.faces.table.iloc[np.sort(rng.permutation(len(found.faces))[:n])]
    page.section("Sample", [f"{n} pictures, drawn at random, with their labels."])
    captions = [_labels(row) for row in _records(sample)]
    _grid(page, "sample", sample, captions, "Pictures drawn at random")
    return page.write()


def _selection(data: Selection | str | os.PathLike[str]) -> Selection:
    return data if isinstance(data, Selection) else Selection(data=Path(data))


def _write_people(page: Page, found: Exploration) -> None:
    report = found.faces.report
    aged = found.faces.table[found.faces.table["age"].notna()]
    facts = [] if report is None else [f"{str(report).splitlines()[0].rstrip(':.')}."]
    if len(aged):
        facts.append(f"Ages from {aged['age'].min():g} to {aged['age'].max():g} years.")
    page.section("People", facts)
    named = _named(found.faces.table)
    page.table("counts", found.counts, "Pictures by gender and race")
    page.plot("counts", people.label_counts, named["race"], named["gender"])
    if not len(aged):
        return
    page.table("ages", found.ages, "Age in years")
    page.table("years", found.years, "Pictures of each year of age", shown=False)
    page.plot("age_histogram", people.age_histogram, aged["age"])
    for column in GROUPS:
        groups = _named(aged)[column]
        page.plot(f"age_density_by_{column}", people.age_density, aged["age"], groups)
        page.plot(f"age_boxes_by_{column}", people.age_boxes, aged["age"], groups)


def _write_balancing(page: Page, found: Exploration) -> None:
    n_groups = len(found.counts)
    kept = found.counts["pictures"].min() * n_groups
    page.section(
        "Balancing",
        [
            'balance="weights" of the estimators keeps every picture and lets rare labels count '
            "more; before and after are shares of the training.",
            f'faces.undersample(["gender", "race"]) would keep {kept:,} of {len(found.faces):,} '
            f"pictures, as many of each of the {n_groups} groups.",
        ],
    )
    page.table("balancing", found.balancing, "Share of each label")
    for task in found.balancing["task"].unique():
        labels, weights = _weights(found.faces, task)
        page.plot(f"balance_{task}", people.balance, labels, weights)


def _write_flaws(page: Page, found: Exploration, root: Path) -> None:
    page.section("Left out", [f"{len(found.left_out):,} entries cannot be used."])
    if len(found.left_out):
        page.table("left_out", found.left_out, "Unreadable pictures and wrong labels")
    copies = found.duplicates.groupby("group")
    differing = copies[list(LABELS)].nunique() > 1
    page.section(
        "Duplicates",
        [
            f"{len(found.duplicates):,} pictures are identical or nearly so, in {len(copies):,} "
            "groups; a split keeps a group on one side.",
            *(f"{differing[column].sum():,} groups differ in {column}." for column in LABELS),
        ],
    )
    if not len(found.duplicates):
        return
    places = [Path(os.path.relpath(path, root)).as_posix() for path in found.duplicates["path"]]
    table = found.duplicates.assign(path=places)
    page.table("duplicates", table, "Copies, those with the most different ages first")
    shown = found.duplicates[found.duplicates["group"].map(differing["age"])][: SAMPLE // 2]
    if len(shown):
        captions = [f"group {row['group']}\n{_labels(row)}" for row in _records(shown)]
        _grid(page, "duplicates", shown, captions, "Copies whose ages differ most")


def _write_suspects(page: Page, faces: Faces, root: Path) -> None:
    suspects = find_suspects(faces)
    doubted = suspects[suspects["why"] == "cross-validation"]
    page.section(
        "Suspects",
        [
            f"Of the {task} labels, {(doubted['task'] == task).sum():,} are doubted by "
            "cross-validation on the features of a face-recognition network."
            for task in LABELS
        ]
        + ["A doubt is no proof: look at the picture before you change a label."],
    )
    if not len(suspects):
        return
    table = relative(suspects, root)
    page.table("suspects", table, "Doubtful labels, and copies whose labels differ")
    for task in LABELS:
        shown = doubted[doubted["task"] == task][: SAMPLE // 2]
        if len(shown):
            captions = [f"{row['label']}\nnot {row['suggested']}?" for row in _records(shown)]
            _grid(page, f"suspects_{task}", shown, captions, f"Doubtful labels: {task}")


def _grid(page: Page, name: str, rows: pd.DataFrame, captions: list[str], title: str) -> None:
    page.pictures(name, list(rows["path"]), captions, title=title)


def _numbers(found: Exploration) -> list[Number]:
    n = len(found.faces)
    numbers = [Number(f"{n:,}", "pictures", f"{len(found.left_out):,} left out")]
    ages = found.faces.table["age"].dropna()
    if len(ages):
        numbers.append(
            Number(
                f"{ages.min():g} to {ages.max():g}",
                "years of age",
                f"half are {ages.quantile(0.25):.0f} to {ages.quantile(0.75):.0f}",
            )
        )
    for column in GROUPS:
        shares = found.faces.table[column].value_counts(normalize=True)
        if len(shares):
            numbers.append(
                Number(
                    f"{shares.iloc[0]:.0%}".replace("%", " %"),
                    f"labelled {shares.index[0]}, the most frequent {column}",
                    f"fewest: {shares.index[-1]}, {shares.iloc[-1]:.0%}".replace("%", " %"),
                )
            )
    groups = found.duplicates["group"].nunique()
    numbers.append(
        Number(
            f"{len(found.duplicates):,}",
            "pictures that have a copy",
            f"in {groups:,} group{'s' if groups != 1 else ''}",
        )
    )
    return numbers


def _records(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return rows.to_dict("records")


def _labels(row: dict[Any, Any]) -> str:
    age = None if pd.isna(row["age"]) else f"{row['age']:g}"
    return ", ".join(word for word in (age, row["gender"], row["race"]) if word)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table[list(GROUPS)].fillna("unknown")


def _ages(aged: pd.DataFrame) -> pd.DataFrame:
    rows = [{"group": "all", **summary(aged["age"])}] if len(aged) else []
    for column in GROUPS:
        for name, ages in aged["age"].groupby(_named(aged)[column]):
            rows.append({"group": f"{column}={name}", **summary(ages)})
    return pd.DataFrame(rows)


def _years(aged: pd.DataFrame) -> pd.DataFrame:
    columns = pd.get_dummies(_named(aged), prefix_sep="=")
    columns.insert(0, "pictures", 1)
    return columns.groupby(aged["age"].astype(int)).sum().reset_index()


def _weights(faces: Faces, task: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Give the labels of a task, ages as the decade they lie in, and the weight of each picture."""
    y = faces.labelled(task)[1]
    weights = TASKS[task].load_estimator()(balance="weights").strategy().plan(y, seed=0).weights
    return (y // DECADE * DECADE).astype(int) if task == "age" else y, weights


def _balancing(faces: Faces, task: str) -> list[tuple[Any, ...]]:
    if faces.table[task].isna().all():
        return []
    labels, weights = _weights(faces, task)
    names, row, counts = np.unique(labels, return_inverse=True, return_counts=True)
    after = np.bincount(row, weights=weights) / weights.sum()
    return [
        (task, f"{name} to {name + DECADE - 1}" if task == "age" else name, n, n / len(row), share)
        for name, n, share in zip(names, counts, after, strict=True)
    ]


def _duplicates(faces: Faces) -> pd.DataFrame:
    rows = faces.table[["path", *LABELS]].assign(group=faces.duplicate_groups())
    rows = rows[rows["group"].duplicated(keep=False)]
    # Where copies disagree most the labels are worth a look, so these come first.
    ages = rows.groupby("group")["age"]
    rows = rows.assign(spread=ages.transform("max") - ages.transform("min"))
    rows = rows.sort_values(["spread", "group"], ascending=[False, True], kind="stable")
    rows["group"] = pd.factorize(rows["group"])[0] + 1
    return rows[["group", "path", *LABELS]]
