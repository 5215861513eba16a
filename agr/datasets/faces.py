"""The table of labelled faces, and its seeded splits."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from agr.core.images import read_image
from agr.datasets.duplicates import SIDE, difference_hash, group_duplicates
from agr.errors import DatasetError, ImageError, ParameterError, choice

COLUMNS = ("path", "age", "gender", "race", "source", "hash")
PARTS = ("train", "validation", "test")
AGE_GROUPS = (0, 3, 13, 21, 41, 61)  # years at which a group begins
OnBad = Literal["skip", "raise"]


@dataclass(frozen=True)
class ReadReport:
    """What a reader found, and which entries it left out by which rule.

    Attributes
    ----------
    n_found : int
        Entries looked at.
    dropped : mapping of str to tuple of str
        Rule to the names it left out.
    """

    n_found: int
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        """Number of entries left out."""
        return sum(map(len, self.dropped.values()))

    def __str__(self) -> str:
        """Say it in a few lines, each rule with its first names."""
        lines = [f"{self.n_found - self.n_dropped} of {self.n_found} entries kept"]
        for rule, names in self.dropped.items():
            if names:
                more = ", ..." if len(names) > 3 else ""
                lines.append(f"  {len(names)} left out, {rule}: {', '.join(names[:3])}{more}")
        return "\n".join(lines)

    def raise_if_dropped(self) -> None:
        """Raise one `DatasetError` that names everything left out, if anything was."""
        if self.n_dropped:
            raise DatasetError(f'{self}\nPass on_bad="skip" to go on without them.')


@dataclass(frozen=True, repr=False)
class Faces:
    """Labelled pictures, a row each.

    Parameters
    ----------
    table : DataFrame
        Columns ``path``; ``age`` in years (NaN when missing); ``gender`` and ``race`` in words
        (None when missing); ``source``, the data set's name; ``hash``, the picture's difference
        hash in hexadecimal (None until it is needed).
    report : ReadReport, optional
        What the reader left out.
    """

    table: pd.DataFrame
    report: ReadReport | None = None

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.table)

    def __repr__(self) -> str:
        ages = self.table["age"].dropna()
        span = f", {ages.min():g} to {ages.max():g} years" if len(ages) else ""
        return f"<Faces: {len(self):,} picture{'s' * (len(self) != 1)}{span}>"

    def _repr_html_(self) -> str:
        """Show the first and last rows in a notebook."""
        shown: str = self.table.to_html(max_rows=10, escape=True)
        return shown

    @property
    def paths(self) -> list[str]:
        """Path of each picture."""
        return list(self.table["path"])

    def labelled(self, task: str) -> tuple[list[str], npt.NDArray[Any]]:
        """Give what an estimator's ``fit`` takes.

        Parameters
        ----------
        task : {"age", "gender", "race"}
            Column of the labels.

        Returns
        -------
        X : list of str
            Paths of the pictures that have this label.
        y : array of shape (n,)
            Years as float, or words.
        """
        rows = self.having(task).table
        return list(rows["path"]), rows[task].to_numpy(float if task == "age" else str)

    def having(self, task: str) -> "Faces":
        """Drop those whose label of ``task`` is missing."""
        return self.take(self.table[task].notna().to_numpy())

    def groups(self) -> pd.DataFrame:
        """Name each picture's gender, race and age group.

        Returns
        -------
        DataFrame
            Columns ``gender``, ``race`` and ``age``; "unknown" where the label is missing.
        """
        ends = [*(f"-{end - 1:03d}" for end in AGE_GROUPS[1:]), "+"]
        names = [f"{start:03d}{end}" for start, end in zip(AGE_GROUPS, ends, strict=True)]
        age = pd.cut(self.table["age"], [*AGE_GROUPS, float("inf")], right=False, labels=names)
        columns = {**self.table[["gender", "race"]], "age": age.astype(object)}
        return pd.DataFrame(columns).fillna("unknown")

    def take(self, rows: npt.ArrayLike) -> "Faces":
        """Keep rows, by position or by a mask, in their order."""
        return Faces(self.table.iloc[_positions(rows)].reset_index(drop=True))

    def at_least(self, age: float) -> "Faces":
        """Drop everyone younger than ``age`` years, and those of unknown age."""
        return self.take((self.table["age"] >= age).to_numpy())

    def undersample(
        self, by: Sequence[str], *, limit: int | None = None, random_state: int = 0
    ) -> "Faces":
        """Draw at most as many pictures from each group as the smallest group has.

        Parameters
        ----------
        by : sequence of str
            Columns that make the groups, for example ``["gender", "race"]``.
        limit : int, optional
            Most pictures of a group; default: the size of the smallest.
        random_state : int, default=0
            Seed of the draw.

        Returns
        -------
        Faces
            Fewer rows, in their old order.
        """
        groups = self.table.groupby(list(by), sort=True)
        most = int(groups.size().min()) if limit is None else limit
        rng = np.random.default_rng(random_state)
        kept = [rng.permutation(rows)[:most] for rows in groups.indices.values()]
        return self.take(np.sort(np.concatenate(kept)))

    def with_hashes(self) -> "Faces":
        """Fill the column ``hash`` where it is missing; reads those pictures.

        Raises
        ------
        DatasetError
            Pictures that cannot be read; all are named.
        """
        missing = self.table["hash"].isna().to_numpy()
        if not missing.any():
            return self
        hashes, errors = scan(self.table["path"][missing])
        if errors:
            raise DatasetError(
                f"{len(errors)} pictures cannot be read, first: {next(iter(errors.values()))}"
            )
        table = self.table.copy()
        table.loc[missing, "hash"] = hashes
        return Faces(table, self.report)

    def duplicate_groups(self) -> npt.NDArray[np.int64]:
        """Find the groups of identical and near-identical pictures, shape (n,)."""
        faces = self.with_hashes()
        packed = np.frombuffer(bytes.fromhex("".join(faces.table["hash"])), np.uint8)
        return group_duplicates(packed.reshape(-1, SIDE * SIDE // 8))

    def merge_duplicates(self) -> "Faces":
        """Keep one picture of each group of duplicates, with the labels its members agree on.

        The age becomes the median of the members' ages; gender and race become what most members
        say, or missing where there is a tie. Meant for training data: scores are given on all
        pictures with the labels they came with.
        """
        groups = pd.Series(self.duplicate_groups())
        kept = self.table.copy()
        for members in groups.groupby(groups).indices.values():
            if len(members) > 1:
                rows = self.table.iloc[members]
                first = kept.index[members[0]]
                kept.loc[first, "age"] = rows["age"].median()
                for column in ("gender", "race"):
                    votes = rows[column].mode()
                    kept.loc[first, column] = votes[0] if len(votes) == 1 else None
        return Faces(kept[(groups.to_numpy() == np.arange(len(self)))].reset_index(drop=True))

    def split(
        self, *, validation: float = 0.08, test: float = 0.16, random_state: int = 0
    ) -> "Split":
        """Part the pictures into train, validation and test.

        The parts have nearly the same shares of (gender x race x decade of age), and identical or
        near-identical pictures stand on one side together. The defaults are the parts of the
        shipped models and of the published scores.

        Parameters
        ----------
        validation, test : float
            Share of the pictures, each between 0 and 1, together less than 1.
        random_state : int, default=0
            Seed.

        Returns
        -------
        Split
            ``train``, ``validation`` and ``test``.
        """
        if min(validation, test) < 0 or validation + test >= 1:
            raise ParameterError(
                "validation and test are shares of the pictures, together less than 1; "
                f"got {validation} and {test}."
            )
        faces = Faces(self.table.sort_values("path").reset_index(drop=True)).with_hashes()
        groups = faces.duplicate_groups()
        heads = np.unique(groups)
        strata = _strata(faces.table)[heads]
        rng = np.random.default_rng(random_state)
        order = rng.permutation(len(heads))
        order = order[np.argsort(strata[order], kind="stable")]
        # Walking through the strata with two running sums keeps every stratum's shares.
        steps = np.arange(len(heads) + 1)
        in_test = np.diff(np.floor(steps * test)) > 0
        left = np.flatnonzero(~in_test)
        share = validation / (1 - test)
        in_validation = np.zeros(len(heads), dtype=bool)
        in_validation[left] = np.diff(np.floor(np.arange(len(left) + 1) * share)) > 0
        part_of = np.zeros(len(faces), dtype=np.int64)
        part_of[heads[order]] = np.where(in_test, 2, np.where(in_validation, 1, 0))
        return Split(*(faces.take(part_of[groups] == part) for part in range(3)))


class Split(NamedTuple):
    """Three parts of a `Faces` table."""

    train: Faces
    validation: Faces
    test: Faces

    def write_csv(self, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> None:
        """Write the split so that others can repeat it.

        Parameters
        ----------
        path : path
            CSV file to write.
        root : path
            Folder that the written paths are relative to.
        """
        parts = []
        for name, faces in zip(PARTS, self, strict=True):
            part = faces.table.copy()
            part["path"] = [Path(os.path.relpath(p, root)).as_posix() for p in part["path"]]
            part.insert(0, "part", name)
            parts.append(part)
        pd.concat(parts).to_csv(path, index=False)

    @classmethod
    def read_csv(cls, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> "Split":
        """Read a split that `write_csv` wrote; ``root`` is where its pictures lie now."""
        table = pd.read_csv(path, dtype={"hash": str, "gender": str, "race": str})
        missing = {"part", "path"} - set(table.columns)
        if missing:
            raise DatasetError(f"{path} lacks the columns {sorted(missing)} of a split.")
        for part in table["part"].unique():
            if part not in PARTS:
                raise DatasetError(choice(f"the column part of {path}", part, PARTS))
        table["path"] = [str(Path(root) / p) for p in table["path"]]
        return cls(*(make_faces(table[table["part"] == part]) for part in PARTS))


def make_faces(
    columns: Mapping[str, Any] | pd.DataFrame, report: ReadReport | None = None
) -> Faces:
    """Build a `Faces` table; columns that are not given are filled with missing values."""
    given = pd.DataFrame({c: columns[c] for c in COLUMNS if c in columns}).reset_index(drop=True)
    table = pd.DataFrame(index=given.index)
    table["path"] = given["path"].astype(str)
    table["age"] = pd.to_numeric(given["age"]).astype(float) if "age" in given else np.nan
    for column in COLUMNS[2:]:
        words = given[column].astype(object) if column in given else None
        table[column] = pd.Series(words, index=table.index, dtype=object)
        table[column] = table[column].where(table[column].notna(), None)
    return Faces(table, report)


def scan(paths: Iterable[str]) -> tuple[list[str | None], dict[str, str]]:
    """Decode every picture once: its difference hash, or why it cannot be read.

    Parameters
    ----------
    paths : iterable of str
        Pictures.

    Returns
    -------
    hashes : list of str or None
        Hexadecimal hash of each picture; None for one that cannot be read.
    errors : dict of str to str
        Path of each picture that cannot be read, and why.
    """

    def look(path: str) -> tuple[str, str | None, str]:
        try:
            return path, difference_hash(read_image(path)).hex(), ""
        except ImageError as error:
            return path, None, str(error)

    with ThreadPoolExecutor() as pool:
        seen = list(pool.map(look, paths))
    return [h for _, h, _ in seen], {path: why for path, h, why in seen if h is None}


def _positions(rows: npt.ArrayLike) -> npt.NDArray[np.intp]:
    chosen = np.asarray(rows)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.intp)


def _strata(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    decade = (table["age"] // 10).fillna(-1).astype(int).astype(str)
    # A missing label is a value here: left missing, it would swallow the other two in the sum.
    keys = table["gender"].fillna("") + "/" + table["race"].fillna("") + "/" + decade
    return np.unique(keys.to_numpy(str), return_inverse=True)[1]
