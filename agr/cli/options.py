"""Options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

# Words instead of Enum classes: commands and what they call then share plain str.
Task = Literal["age", "gender", "race"]
DetectorName = Literal["centerface", "mtcnn"]

TaskArgument = Annotated[Task, typer.Argument(help="What to read from a face.", show_default=False)]
DataOption = Annotated[
    Path,
    typer.Option(
        help="Labelled pictures: a folder of UTKFace names (AGE_GENDER_RACE_TIME.jpg), or a .csv "
        "or .parquet table with the columns path, age, gender and race.",
        show_default=False,
    ),
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="age, gender or race; repeat for several. Default: all."),
]
AgeModel = Annotated[Path | None, typer.Option(help="Your own saved age model.")]
GenderModel = Annotated[Path | None, typer.Option(help="Your own saved gender model.")]
RaceModel = Annotated[Path | None, typer.Option(help="Your own saved race model.")]
DetectorOption = Annotated[
    DetectorName,
    typer.Option(help='What finds faces; mtcnn needs pip install "agr\\[detect]".'),
]
OutputModel = Annotated[Path, typer.Option(help="Folder to save the model in.", show_default=False)]


def share_of_labels(balance: str | None) -> str | dict[str, float] | None:
    """Read ``--balance``: ``white=0.5,black=0.8`` is a share by label, other words stay."""
    if balance is None or "=" not in balance:
        return balance
    from agr.errors import ParameterError

    try:
        pairs = (part.split("=") for part in balance.split(","))
        return {label.strip(): float(share) for label, share in pairs}
    except ValueError:
        raise ParameterError(
            f"--balance must be a word, or shares of labels such as white=0.5; got {balance!r}."
        ) from None
