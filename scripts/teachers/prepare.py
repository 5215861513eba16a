r"""Decode the pictures once into one array, and give every picture of other sources a part.

    python scripts/teachers/prepare.py --data DIR --split benchmarks/results/split.csv.gz \
        --encoder face_reid_0095.onnx --output DIR

``--data`` holds ``UTKFace/`` and ``faces/NAME/`` with ``faces/NAME.csv``. Of UTKFace the training
and validation parts are read, never the test part; the training pictures get one of three folds,
copies the same. The other sources are cut by person as far as an identity network can tell persons
apart, and a picture that looks like one of UTKFace's test part is left out. Writes ``pictures.npy``
(n, 128, 128, 3), ``held112.npy`` (the validation rows, scaled to 112 pixels at once as the library
does it), ``faces.csv``, one row a picture, and ``split.csv.gz``, the parts of all sources with
UTKFace's test part, for ``agr train --split``.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from engines import load_engine
from numpy.lib.format import open_memmap
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from agr.core.images import read_image, resize
from agr.datasets.duplicates import difference_hash, group_duplicates

SIDE = 128
SOURCES = ("lfw", "mebeauty", "celeba")
SAME_PERSON = 0.5  # cosine of whitened features from which two pictures are taken for one person
DIRECTIONS = 256  # kept by the whitening
FOLDS = 3
SHARES = {"train": 0.80, "validation": 0.08, "test": 0.12}


def list_faces(data: Path, split: Path) -> pd.DataFrame:
    """List the pictures to read: file, age, gender, race, source, part, hash."""
    own = pd.read_csv(split)
    own["file"] = "UTKFace/" + own.pop("path")
    others = [pd.read_csv(data / "faces" / f"{name}.csv") for name in SOURCES]
    rest = pd.concat(others, ignore_index=True)
    rest["file"] = "faces/" + rest["file"]
    rest["part"], rest["hash"] = "", ""
    return pd.concat([own, rest], ignore_index=True)


def same_person(features: np.ndarray, threshold: float, chunk: int = 2048) -> np.ndarray:
    """Give pictures whose features are near, and chains of such pairs, one number."""
    centred = features - features.mean(0)
    _, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    unit = centred @ directions[:DIRECTIONS].T / spreads[:DIRECTIONS]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    pairs = []
    for start in range(0, len(unit), chunk):
        near = np.argwhere(unit[start : start + chunk] @ unit.T >= threshold)
        near[:, 0] += start
        pairs.append(near[near[:, 0] < near[:, 1]])
    rows, columns = np.concatenate(pairs).T
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=2 * (len(unit),))
    return connected_components(graph, directed=False)[1]


def draw_parts(groups: np.ndarray, seed: int) -> np.ndarray:
    """Draw a part for every group so that the pictures' shares are as in `SHARES`."""
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    ends = np.cumsum(sizes[order]) / len(groups)
    bounds = np.cumsum(list(SHARES.values()))[:-1]
    part = np.empty(len(names), dtype="<U10")
    part[order] = np.array(list(SHARES))[np.searchsorted(bounds, ends - 1e-9)]
    return part[members]


def write_split(faces: pd.DataFrame, args: argparse.Namespace) -> None:
    """Write the parts as `agr.datasets.faces.Split` reads them, relative to ``--data``."""
    own = pd.read_csv(args.split)
    own["file"] = "UTKFace/" + own.pop("path")
    rest = faces[faces["part"].isin(list(SHARES))]
    every = pd.concat([rest, own[own["part"] == "test"]]).rename(columns={"file": "path"})
    columns = ["part", "path", "age", "gender", "race", "source", "hash"]
    every[columns].to_csv(args.output / "split.csv.gz", index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    faces = list_faces(args.data, args.split)
    test_hashes = [bytes.fromhex(h) for h in faces.loc[faces["part"] == "test", "hash"]]
    faces = faces[faces["part"] != "test"].reset_index(drop=True)
    pictures = open_memmap(
        args.output / "pictures.npy", "w+", np.uint8, (len(faces), SIDE, SIDE, 3)
    )
    held, hashes = [], []
    for row, face in enumerate(faces.itertuples()):
        image = read_image(args.data / face.file)
        pictures[row] = resize(image, SIDE)
        hashes.append(difference_hash(image))
        if face.source != "utkface" or face.part == "validation":
            held.append(resize(image, 112))
        if row % 5000 == 0:
            print(row, "read", flush=True)
    pictures.flush()

    other = np.flatnonzero(faces["source"] != "utkface")
    engine = load_engine(args.encoder)
    features = np.concatenate(
        [engine(to_encoder(pictures[other[i : i + 64]])) for i in range(0, len(other), 64)]
    )
    persons = np.full(len(faces), -1)
    persons[other] = same_person(features, SAME_PERSON)
    faces.loc[other, "part"] = draw_parts(persons[other], args.seed)
    copies = group_duplicates(np.array([list(h) for h in [*test_hashes, *hashes]], np.uint8))
    copies = copies[len(test_hashes) :]
    faces.loc[other[copies[other] < len(test_hashes)], "part"] = "left out"
    own = np.flatnonzero((faces["source"] == "utkface") & (faces["part"] == "train"))
    names, members = np.unique(copies[own], return_inverse=True)
    faces["fold"] = -1
    faces.loc[own, "fold"] = (
        np.random.default_rng(args.seed).permutation(len(names))[members] % FOLDS
    )
    faces["person"] = persons
    faces["hash"] = [h.hex() for h in hashes]
    faces.to_csv(args.output / "faces.csv", index=False)
    write_split(faces, args)

    was_held = (faces["source"] != "utkface") | (faces["part"] == "validation")
    keep = (faces["part"] == "validation")[was_held].to_numpy()
    np.save(args.output / "held112.npy", np.stack(held)[keep])
    print(faces.groupby(["source", "part"]).size().unstack(fill_value=0))
    sizes = faces.loc[other].groupby(["source", "person"]).size()
    print("largest groups", sizes.groupby("source").nlargest(5).to_dict())
    print(faces.loc[own, "fold"].value_counts().to_dict(), "pictures a fold")


def to_encoder(pictures: np.ndarray) -> np.ndarray:
    """Turn RGB pictures into what ``face_reid_0095.onnx`` takes: BGR, channels first."""
    return np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2), np.float32)


if __name__ == "__main__":
    main()
