"""Options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

# Words instead of Enum classes: commands and what they call then share plain str.
Task = Literal["age", "gender", "race"]
DetectorName = Literal["yunet", "centerface", "mtcnn"]
EngineName = Literal["auto", "onnxruntime", "openvino", "keras"]

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
    typer.Option(help='What finds faces; mtcnn needs pip install "agr-faces\\[detect]".'),
]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        help="What computes. auto: openvino where it is installed (pip install "
        '"agr-faces\\[openvino]"), else onnxruntime.'
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(help="Where, in the engine's words: cpu, cuda, cuda:1, coreml, gpu, npu, ..."),
]
OutputModel = Annotated[Path, typer.Option(help="Folder to save the model in.", show_default=False)]

# What train and tune share: parameters of the estimators (None: as the constructor has them), ...
Network = Annotated[str | None, typer.Option(help="Network, by name; 'agr networks' lists them.")]
Weights = Annotated[
    str | None,
    typer.Option(help="Start: auto, imagenet, a file with weights, or a saved model's folder."),
]
Trainable = Annotated[
    str | None, typer.Option(help="What learns: all, head, last:N or from:N layers.")
]
ImageSize = Annotated[int | None, typer.Option(help="Side in pixels.")]
Color = Annotated[str | None, typer.Option(help="What it sees: rgb or grayscale.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the pictures.")]
BatchSize = Annotated[int | None, typer.Option(help="Pictures a step.")]
LearningRate = Annotated[float | None, typer.Option(help="Highest learning rate.")]
Augmentation = Annotated[
    str | None, typer.Option(help="Random changes: none, light, medium or strong.")
]
Loss = Annotated[str | None, typer.Option(help="What is minimized, by Keras's name.")]
Balance = Annotated[
    str | None,
    typer.Option(
        help="How rare labels are made up for. All tasks: weights, and in train also joint "
        "(gender, race and age group together). Age: smoothed_weights. Gender and race: "
        "sqrt_weights, undersample, oversample, augment, batches, smote, smote_pixels; or the "
        "share of a label's pictures that is kept, such as male=0.5 or white=0.5,black=0.8."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any parameter of the estimator, also one without an option; the value is JSON or a "
        "word. Repeat for several: --set dropout=0.5 --set bins=decade --set weights=null",
    ),
]
# ... and the choice and parts of the data.
MinAge = Annotated[float, typer.Option(help="Leave out younger people.")]
Validation = Annotated[float, typer.Option(help="Share that chooses the best epoch.")]
Test = Annotated[float, typer.Option(help="Share kept apart for the scores.")]
PublishedSplit = Annotated[
    Path | None, typer.Option(help="CSV of a published split, instead of the two shares.")
]
Seed = Annotated[int, typer.Option(help="Repeats split and training.")]


def parameters_of(task: str, settings: list[str] | None, **own: Any) -> dict[str, Any]:
    """Join ``--set`` with the parameters that the user gave by an option of their own."""
    import json

    from agr.errors import ParameterError, choice
    from agr.tasks import TASKS

    parameters = {name: value for name, value in own.items() if value is not None}
    known = [name for name in TASKS[task].load_estimator()().get_params() if name != "random_state"]
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ParameterError(f"--set must be NAME=VALUE, such as dropout=0.5; got {setting!r}.")
        if name not in known:  # a seed is for the split too, so it is no setting but --seed
            raise ParameterError(choice("a name in --set", name, known))
        if name in parameters:
            raise ParameterError(f"{name} is given twice; leave out one of them.")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters


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
