"""``agr crop``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, fail, progress
from agr.cli.options import DETECTOR, DetectorOption

SIDE = 200


def crop(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos or folders of photos.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for the crops; each keeps its photo's name and subfolder.",
            show_default=False,
        ),
    ],
    size: Annotated[int, typer.Option(min=16, max=1024, help="Side of a crop in pixels.")] = SIDE,
    detector: DetectorOption = DETECTOR,
) -> None:
    """Cut the largest face out of each photo, upright, to train on.

    The exit code is 1 if some photos could not be read or show no face; the rest are cut out.
    """
    with errors():
        from PIL import Image

        from agr.core.files import replacing
        from agr.errors import ImageError
        from agr.photo.crops import largest_face
        from agr.photo.detectors import open_detector

        targets = _targets(photos, output)
        if not targets:
            fail(f"There are no pictures in {', '.join(map(str, photos))}.")
        finder = open_detector(detector)
        failed = 0
        for target, photo in progress(targets.items(), len(targets)):
            try:
                face, n_faces = largest_face(photo, finder, size)
            except ImageError as error:
                failed += 1
                typer.echo(_named(photo, str(error)), err=True)
                continue
            if n_faces > 1:
                typer.echo(f"{photo}: The largest of {n_faces} faces was cut out.", err=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as stream:
                kind = Image.registered_extensions()[target.suffix.lower()]
                Image.fromarray(face).save(stream, kind, quality=95)
    typer.echo(f"{len(targets) - failed} of {len(targets)} faces were cut out into {output}.")
    if failed:
        raise typer.Exit(1)


def _targets(photos: Iterable[Path], output: Path) -> dict[Path, Path]:
    """Give each crop's photo; crops that would replace a photo or another crop are refused."""
    from PIL import Image

    from agr.core.images import find_images

    found: dict[Path, Path] = {}
    for given in photos:
        for photo in find_images([given]):
            target = output / (photo.relative_to(given) if given.is_dir() else photo.name)
            kind = Image.registered_extensions().get(photo.suffix.lower())
            if kind not in Image.SAVE:  # HEIC, say
                target = target.with_suffix(".jpg")
            if target in found:
                fail(f"{found[target]} and {photo} would both become {target}; cut them out apart.")
            if target.resolve() == photo.resolve():
                fail(f"The crop would replace {photo}; choose another folder for --output.")
            found[target] = photo
    return found


def _named(photo: Path, reason: str) -> str:
    return reason if reason.startswith(str(photo)) else f"{photo}: {reason}"
