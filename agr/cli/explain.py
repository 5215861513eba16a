"""``agr explain``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, fail
from agr.cli.options import DETECTOR, FACES, Computing, DetectorOption, Models, grouped, one_of


@grouped
def explain(
    photo: Annotated[Path, typer.Argument(help="A photo; its largest face is explained.")],
    output: Annotated[
        Path, typer.Option(help="Picture to write; its ending says the format.", show_default=False)
    ],
    models: Models,
    computing: Computing,
    faces: Annotated[
        str,
        typer.Option(
            help="'crop': the picture is one aligned face. 'detect': find it.",
            **one_of(("crop", "detect")),
        ),
    ] = FACES,
    detector: DetectorOption = DETECTOR,
) -> None:
    """Draw what the answers about a face are sensitive to, by covering parts of it.

    Red: covering the place lowers the age, or the probability of the answer; blue: it raises it.
    The numbers are the largest changes. This shows where the networks look, not why they answer.
    """
    with errors():
        from PIL import Image

        from agr.core.files import replacing
        from agr.predictor import Predictor
        from agr.runs.explain import explain as find

        kind = Image.registered_extensions().get(output.suffix.lower())
        if kind not in Image.SAVE:
            fail(f"{output} has no ending of a picture that can be written, such as .jpg or .png.")
        predictor = Predictor(
            **models.options(),
            **computing.options(),
            faces=faces,
            detector=detector if faces == "detect" else None,
        )
        found = find(photo, predictor=predictor)
        with replacing(output) as stream:
            found.draw().save(stream, kind, **({"quality": 92} if kind == "JPEG" else {}))
        for task in found.maps:
            typer.echo(found.words(task))
