"""A saved model: a folder with ``model.keras``, ``model.onnx``, ``agr.json`` and ``README.md``.

``agr.json`` names the task, the labels, the parameters and the SHA-256 of every file, itself
included; nothing in the folder is executed. Whoever makes a model can compute the digests too, so
what ``agr.json`` says is checked as any stranger's word.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from agr.core.files import Place, sync
from agr.errors import ArtifactError

FORMAT = 3  # 1 had two outputs for gender, 2 one margin for all ages
SIZES = (16, 1024)  # pixels; least and greatest side of the pictures that a network takes
MAX_MANIFEST = 2**24  # bytes
MANIFEST, KERAS, ONNX, CARD = "agr.json", "model.keras", "model.onnx", "README.md"

Manifest = dict[str, Any]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= 1e9  # which NaN and infinity are not


def _are_numbers(values: Any) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(map(_is_number, values))


def _are_files(files: Any) -> bool:
    return isinstance(files, dict) and all(
        re.fullmatch(r"[^/\\\0]+", name) and re.fullmatch("[0-9a-f]{64}", str(digest))
        for name, digest in files.items()
    )


def _is_meaning(meaning: Any) -> bool:
    if not isinstance(meaning, dict):
        return False
    if "labels" in meaning:
        labels = meaning["labels"]
        words = isinstance(labels, list) and all(isinstance(one, str) and one for one in labels)
        return words and len(labels) >= 2 and labels == sorted(set(labels))
    edges, centers = meaning.get("edges"), meaning.get("centers")
    if meaning.get("head") != "bins" or not (_are_numbers(edges) and _are_numbers(centers)):
        return meaning == {"head": "regression"}
    rising = all(low < high for low, high in zip(edges, edges[1:], strict=False))
    return rising and len(edges) == len(centers) + 1 > 1 and max(map(abs, centers)) <= max(edges)


def _is_calibration(values: Any) -> bool:
    if not isinstance(values, dict):
        return False
    single = all(_is_number(values[k]) for k in values.keys() - {"ages", "errors"})
    return single and values.get("rescale", 1) > 0  # the lists are the age task's to check


# Of each part of ``agr.json``: what it must be, and how to say so.
RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("files", _are_files, "the SHA-256 of each file, by its name"),
    (
        "image_size",
        lambda v: type(v) is int and SIZES[0] <= v <= SIZES[1],
        f"a whole number from {SIZES[0]} to {SIZES[1]}",
    ),
    (
        "meaning",
        _is_meaning,
        "different labels in alphabetical order, or the head 'regression', or the head 'bins' with "
        "rising edges and a center for each bin",
    ),
    ("calibration", _is_calibration, "finite numbers, by name"),
    ("parameters", lambda v: isinstance(v, dict), "the estimator's parameters, by name"),
    (
        "history",
        lambda v: isinstance(v, list) and all(isinstance(epoch, dict) for epoch in v),
        "the numbers of each epoch",
    ),
    ("notes", lambda v: isinstance(v, dict), "notes, by name"),
    ("report", lambda v: v is None or isinstance(v, dict), "scores, or null"),
)


def check_output(folder: Place) -> None:
    """Raise an `ArtifactError` where no model can be saved, best before the long work."""
    target = Path(folder)
    above = next(path for path in target.absolute().parents if os.path.exists(path))
    try:
        free = not os.path.lexists(target) or (target / MANIFEST).exists()
        if not free and (not target.is_dir() or any(target.iterdir())):
            raise ArtifactError(
                f"{target} exists and holds no saved model; choose a new folder, nothing was "
                "changed."
            )
        # Permissions do not tell whether a file system can be written, so it is tried.
        with tempfile.TemporaryDirectory(dir=above):
            pass
    except OSError as error:
        raise ArtifactError(
            f"No model can be saved in {target} ({error.strerror}); choose another folder."
        ) from error


@contextmanager
def writing(folder: Place) -> Iterator[Path]:
    """Offer an empty folder to fill, and rename it into place when all went well.

    An empty folder or a saved model may lie there; it is replaced.
    """
    check_output(folder)
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield part
        part.chmod(0o755)
        for path in part.iterdir():
            sync(path)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, old / "model")
            try:
                os.replace(part, target)
            except OSError:
                os.replace(old / "model", target)
                old.rmdir()
                raise
            shutil.rmtree(old)
        else:
            os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``agr.json`` with the digests of the files that lie in the folder already."""
    files = {p.name: _digest(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    manifest = {**manifest, "format": FORMAT, "files": files}
    manifest.pop("sha256", None)
    manifest["sha256"] = _seal(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def read_manifest(folder: Place, task: str) -> Manifest:
    """Read ``agr.json``, and check all that it says.

    Raises
    ------
    ArtifactError
        There is none, it was changed, its format is not known, it is for another task, it says
        what cannot be, or the folder holds files that it does not list.
    """
    path = Path(folder) / MANIFEST
    if not os.path.isfile(path):
        raise ArtifactError(
            f"{os.fspath(folder) or '(nothing)'} is no saved model: it has no {MANIFEST}."
        )
    try:
        with path.open("rb") as file:
            manifest = json.loads(file.read(MAX_MANIFEST))
        stated, version, sealed = manifest["sha256"], manifest["format"], _seal(manifest)
    # TypeError: it holds a list, say. RecursionError: lists in lists in lists.
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged ({error!r}); save the model again.") from None
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise ArtifactError(
            f"{folder} has format {version}, this agr reads up to {FORMAT}: "
            "pip install -U agr-faces"
        )
    if stated != sealed:
        raise ArtifactError(f"{path} was changed after it was saved; save the model again.")
    if manifest.get("task") != task:
        raise ArtifactError(
            f"{folder} is a model for {manifest.get('task')}, expected one for {task}."
        )
    for name, is_good, expected in RULES:
        if not is_good(manifest.get(name)):
            raise ArtifactError(
                f"{path}: {name} must be {expected}, got {manifest.get(name)!r:.100}."
            )
    known = {MANIFEST, *manifest["files"]}
    strange = sorted(
        p.name for p in Path(folder).iterdir() if p.name[0] != "." and p.name not in known
    )
    if strange:
        raise ArtifactError(
            f"{folder} holds {strange[0]}, which {MANIFEST} does not list; take it away."
        )
    return dict(manifest)


def n_outputs(manifest: Manifest) -> tuple[int, ...]:
    """Count the numbers that the network gives for a picture; of two labels it may be one."""
    n = len(manifest["meaning"].get("labels") or manifest["meaning"].get("centers") or "1")
    return (1, 2) if n == 2 and "labels" in manifest["meaning"] else (n,)


def checked_file(folder: Place, manifest: Manifest, name: str) -> Path:
    """Give the path of one of the model's files, after comparing its SHA-256."""
    path = Path(folder) / name
    if not path.is_file():
        raise ArtifactError(f"{folder} is incomplete: {name} is missing.")
    with path.open("rb") as file:
        _compare(hashlib.file_digest(file, "sha256"), path, manifest)
    return path


def checked_bytes(folder: Place, manifest: Manifest, name: str) -> bytes:
    """Read one of the model's files, so that what was compared is what is used."""
    path = Path(folder) / name
    if not path.is_file():
        raise ArtifactError(f"{folder} is incomplete: {name} is missing.")
    content = path.read_bytes()
    _compare(hashlib.sha256(content), path, manifest)
    return content


def _compare(digest: Any, path: Path, manifest: Manifest) -> None:
    if digest.hexdigest() != manifest["files"].get(path.name):
        raise ArtifactError(f"{path} was changed after it was saved; copy or save the model again.")


def rewrite(
    folder: Path, output: Path, change: Callable[[Path, Manifest], None], task: str
) -> None:
    """Copy a saved model, let ``change`` alter files and manifest, and seal it anew."""
    manifest = read_manifest(folder, task)
    with writing(output) as part:
        for name in manifest["files"]:
            shutil.copyfile(checked_file(folder, manifest, name), part / name)
        change(part, manifest)
        write_manifest(part, manifest)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(manifest: Manifest) -> str:
    rest = {k: v for k, v in manifest.items() if k != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
