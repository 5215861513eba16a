"""A saved model: a folder with ``model.keras``, ``model.onnx``, ``agr.json`` and ``README.md``.

``agr.json`` names the task, the labels, the parameters and the SHA-256 of every file, itself
included; nothing in the folder is executed.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agr.errors import ArtifactError

FORMAT = 2  # 1 had two outputs for gender
MANIFEST, KERAS, ONNX, CARD = "agr.json", "model.keras", "model.onnx", "README.md"

Manifest = dict[str, Any]


def check_output(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that no model can be saved in, best before the long work.

    Parameters
    ----------
    folder : path
        Where the model will lie: new, empty, or a saved model to be replaced.

    Raises
    ------
    ArtifactError
        It holds something else, or cannot be written.
    """
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
def writing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Offer an empty folder to fill, and rename it into place when all went well.

    Parameters
    ----------
    folder : path
        Where the model will lie; replaced only if it is an empty folder or holds a saved model.

    Yields
    ------
    Path
        Folder to write the files to.
    """
    check_output(folder)
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield part
        part.chmod(0o755)
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
    """Write ``agr.json`` with the digests of the files beside it.

    Parameters
    ----------
    folder : Path
        Holds the other files already.
    manifest : dict
        JSON types; ``task`` is required.
    """
    files = {p.name: _digest(p) for p in sorted(folder.iterdir()) if p.name != MANIFEST}
    manifest = {**manifest, "format": FORMAT, "files": files}
    manifest.pop("sha256", None)
    manifest["sha256"] = _manifest_digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def read_manifest(folder: str | os.PathLike[str], task: str) -> Manifest:
    """Read and check ``agr.json``.

    Parameters
    ----------
    folder : path
        A saved model.
    task : str
        What the model must be for.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ArtifactError
        There is none, it was changed, its format is newer, or it is for another task.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        stated, version = manifest["sha256"], manifest["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(f"{folder} is no saved model: it has no {MANIFEST}.") from None
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is damaged ({error!r}); save the model again.") from None
    if not isinstance(version, int) or version > FORMAT:
        raise ArtifactError(
            f"{folder} has format {version}, this agr reads up to {FORMAT}: "
            "pip install -U agr-faces"
        )
    if stated != _manifest_digest(manifest):
        raise ArtifactError(f"{path} was changed after it was saved; save the model again.")
    if manifest["task"] != task:
        raise ArtifactError(f"{folder} is a model for {manifest['task']}, expected one for {task}.")
    return dict(manifest)


def checked_file(folder: str | os.PathLike[str], manifest: Manifest, name: str) -> Path:
    """Give the path of one of the model's files, after comparing its SHA-256.

    Parameters
    ----------
    folder : path
        A saved model.
    manifest : dict
        What `read_manifest` gave.
    name : str
        File name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArtifactError
        The file is missing or was changed.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise ArtifactError(f"{folder} is incomplete: {name} is missing.")
    if _digest(path) != manifest["files"].get(name):
        raise ArtifactError(f"{path} was changed after it was saved; copy or save the model again.")
    return path


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


def _manifest_digest(manifest: Manifest) -> str:
    rest = {k: v for k, v in manifest.items() if k != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
