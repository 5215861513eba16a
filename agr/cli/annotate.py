"""``agr annotate``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, fail
from agr.cli.options import DETECTOR, Computing, DetectorOption, Models, grouped


@grouped
def annotate(
    photo: Annotated[Path, typer.Argument(help="A photo.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(help="Picture to write; its ending decides the format.", show_default=False),
    ],
    models: Models,
    computing: Computing,
    detector: DetectorOption = DETECTOR,
) -> None:
    """Draw boxes and labels on the faces of a photo.

    The exit code is 1 if no face was found; the picture is written anyway.
    """
    with errors():
        from PIL import Image

        from agr.core.files import replacing
        from agr.photo.annotate import annotate as draw
        from agr.predictor import Predictor

        kind = Image.registered_extensions().get(output.suffix.lower())
        if kind not in Image.SAVE:
            fail(f"--output must end as a picture does, such as .jpg or .png; got {output}.")
        predictor = Predictor(**models.options(), **computing.options(), detector=detector)
        found = predictor.predict_photo(photo)
        picture = draw(photo, found)
        with replacing(output) as stream:
            picture.save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
    if not found:
        typer.echo(f"No face was found in {photo}.", err=True)
        raise typer.Exit(1)
