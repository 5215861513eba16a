"""Options that several commands take, alone or in groups; a group is one argument of a command."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

FACES = "detect"  # what a picture is taken for, unless --faces says otherwise
DETECTOR = "yunet"
DETECTORS = (DETECTOR, "centerface", "mtcnn")
ENGINE = "auto"
ENGINES = (ENGINE, "onnxruntime", "openvino", "keras")
DEVICE = "cpu"


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of options, such as `Models`, as one argument each."""
    arguments = inspect.signature(command).parameters
    kinds: dict[str, Any] = {name: argument.annotation for name, argument in arguments.items()}
    groups = {
        name: inspect.signature(kinds[name]).parameters
        for name, kind in kinds.items()
        if is_dataclass(kind)
    }

    @wraps(command)
    def spread(**options: Any) -> None:
        whole = {
            name: kinds[name](**{field: options.pop(field) for field in fields})
            for name, fields in groups.items()
        }
        command(**options, **whole)

    every = [
        single.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, argument in arguments.items()
        for single in (groups[name].values() if name in groups else [argument])
    ]
    spread.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    return spread


def one_of(words: Iterable[str]) -> dict[str, Any]:
    """Give what `typer.Option` needs to take one of some words and to suggest the nearest.

    Typer's own choices (Literal, Enum) suggest nothing.
    """
    allowed = list(words)

    def parse(word: str) -> str:
        from agr.errors import nearest

        if word in allowed:
            return word
        choices = ", ".join(map(repr, allowed))
        raise typer.BadParameter(f"{word!r} is not one of {choices}.{nearest(word, allowed)}")

    return {"parser": parse, "metavar": "|".join(allowed)}


def _tasks() -> Iterable[str]:
    from agr.tasks import TASKS  # which imports none of them

    return TASKS


TaskArgument = Annotated[
    str, typer.Argument(help="What to estimate.", show_default=False, **one_of(_tasks()))
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option("--task", help="Estimate only this; repeat for several.", **one_of(_tasks())),
]
AgeModel = Annotated[Path | None, typer.Option(help="Folder of your own age model.")]
GenderModel = Annotated[Path | None, typer.Option(help="Folder of your own gender model.")]
RaceModel = Annotated[Path | None, typer.Option(help="Folder of your own race model.")]
DetectorOption = Annotated[
    str,
    typer.Option(
        help='Face detector; mtcnn needs pip install "agr-faces\\[detect]".', **one_of(DETECTORS)
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        help="Inference engine. auto: openvino where it is installed (pip install "
        '"agr-faces\\[openvino]"), else onnxruntime.',
        **one_of(ENGINES),
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(help="Device, as the engine names it: cpu, cuda, cuda:1, coreml, gpu, npu, ..."),
]
OutputModel = Annotated[Path, typer.Option(help="Folder to save the model in.", show_default=False)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the saved model that the folder holds.")
]

_Asking = partial(typer.Option, rich_help_panel="How sure an answer must be")
_Training = partial(typer.Option, rich_help_panel="Training (default: as the estimator has it)")
_Data = partial(typer.Option, rich_help_panel="Pictures and their parts")
Columns = Annotated[
    list[str] | None,
    _Data(
        "--column",
        metavar="NAME=COLUMN",
        help="Column names in your table: --column age=years --column gender=sex",
    ),
]
Labels = Annotated[
    list[str] | None,
    _Data(
        "--label",
        metavar="WORD=LABEL",
        help="Translate a label in your table: --label M=male --label F=female",
    ),
]


@dataclass(frozen=True)
class Models:
    """What is read, and by which models."""

    tasks: TasksOption = None
    age: AgeModel = None
    gender: GenderModel = None
    race: RaceModel = None

    def options(self) -> dict[str, Any]:
        """Give what `agr.Predictor` takes."""
        return {**vars(self), "tasks": self.tasks or None}


@dataclass(frozen=True)
class Computing:
    """What computes, and where."""

    engine: EngineOption = ENGINE
    device: DeviceOption = DEVICE

    def options(self) -> dict[str, Any]:
        """Give what `agr.Predictor` takes."""
        return vars(self)


@dataclass(frozen=True)
class Asking:
    """How sure an answer must be to be given."""

    coverage: Annotated[
        float, _Asking(help="Share of the true ages that the intervals shall hold.")
    ] = 0.9
    min_confidence: Annotated[
        float | None,
        _Asking(
            help="Least probability of a label that is answered, 0 to 1; default: what 'agr "
            "calibrate --at-most-wrong' saved with a model, else none."
        ),
    ] = None
    max_interval: Annotated[
        float | None, _Asking(help="Withhold ages whose interval spans more years.")
    ] = None
    refuse: Annotated[
        bool, _Asking("--refuse", help="Answer nothing where the picture of a face is too bad.")
    ] = False

    def options(self) -> dict[str, Any]:
        """Give what `agr.Predictor` takes."""
        return vars(self)


@dataclass(frozen=True)
class Selection:
    """Which pictures, and how they are parted; as `agr.runs.selection.Selection`."""

    data: Annotated[
        Path,
        _Data(
            help="Labelled pictures: a folder of UTKFace names (AGE_GENDER_RACE_TIME.jpg), or a "
            ".csv or .parquet table with the columns path, age, gender and race.",
            show_default=False,
        ),
    ]
    columns: Columns = None
    labels: Labels = None
    min_age: Annotated[float, _Data(help="Leave out younger people.")] = 0
    validation: Annotated[
        float, _Data(help="Share of the pictures used to choose the best epoch.")
    ] = 0.08
    test: Annotated[float, _Data(help="Share of the pictures held out for the scores.")] = 0.16
    split: Annotated[
        Path | None, _Data(help="CSV of a published split, instead of the two shares.")
    ] = None
    seed: Annotated[int, _Data(help="Seed of the split and the training.")] = 0

    def options(self) -> dict[str, Any]:
        """Give what `agr.runs.selection.Selection` takes."""
        return {**vars(self), **own_names(self.columns, self.labels)}


@dataclass(frozen=True)
class Fit:
    """Parameters of an estimator; what is None stays as its constructor, or a recipe, has it."""

    network: Annotated[
        str | None, _Training(help="Network, by name; 'agr networks' lists them.")
    ] = None
    weights: Annotated[
        str | None,
        _Training(help="Start: auto, imagenet, a file with weights, or a saved model's folder."),
    ] = None
    trainable: Annotated[
        str | None, _Training(help="Layers to train: all, head, last:N or from:N layers.")
    ] = None
    image_size: Annotated[int | None, _Training(help="Side in pixels.")] = None
    color: Annotated[str | None, _Training(help="Input colours: rgb or grayscale.")] = None
    epochs: Annotated[int | None, _Training(help="Passes over the pictures.")] = None
    batch_size: Annotated[int | None, _Training(help="Pictures per step.")] = None
    learning_rate: Annotated[float | None, _Training(help="Highest learning rate.")] = None
    augmentation: Annotated[
        str | None, _Training(help="Augmentation: none, light, medium, strong or camera.")
    ] = None
    loss: Annotated[str | None, _Training(help="Loss, by its Keras name.")] = None
    balance: Annotated[
        str | None,
        _Training(
            help="Class-balancing strategy. All tasks: weights, and in train also joint "
            "(gender, race and age group together). Age: smoothed_weights. Gender and race: "
            "sqrt_weights, undersample, oversample, augment, batches, smote, smote_pixels; or the "
            "share of a label's pictures that is kept, such as male=0.5 or white=0.5,black=0.8."
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        _Training(
            "--set",
            metavar="NAME=VALUE",
            help="Any parameter of the estimator, also one without an option; the value is JSON or "
            "a word. Repeat for several: --set dropout=0.5 --set bins=decade --set weights=null",
        ),
    ] = None

    def parameters(self, task: str) -> dict[str, Any]:
        """Join ``--set`` with the parameters that the user gave by an option of their own."""
        import json

        from agr.errors import ParameterError, choice
        from agr.tasks import TASKS

        given = {**vars(self), "balance": _share_of_labels(self.balance), "settings": None}
        found = {name: value for name, value in given.items() if value is not None}
        known = TASKS[task].load_estimator()().get_params().keys() - {"random_state"}  # is --seed
        for name, value in pairs(self.settings, "--set", "dropout=0.5"):
            if name not in known:
                raise ParameterError(choice("a name in --set", name, sorted(known)))
            if name in found:
                raise ParameterError(f"{name} is given twice; leave out one of them.")
            try:
                found[name] = json.loads(value)
            except ValueError:
                found[name] = value
        return found


def own_names(columns: list[str] | None, labels: list[str] | None) -> dict[str, Any]:
    """Read ``--column`` and ``--label``, as `agr.runs.selection.Selection` takes them."""
    return {
        "columns": dict(pairs(columns, "--column", "age=years")),
        "labels": tuple(pairs(labels, "--label", "M=male")),
    }


def pairs(words: list[str] | None, option: str, example: str) -> list[tuple[str, str]]:
    """Part each NAME=VALUE at its first equals sign."""
    from agr.errors import ParameterError

    found = []
    for word in words or []:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise ParameterError(f"{option} must be NAME=VALUE, such as {example}; got {word!r}.")
        found.append((name, value))
    return found


def _share_of_labels(balance: str | None) -> str | dict[str, float] | None:
    """Read ``--balance``: ``white=0.5,black=0.8`` is a share by label, other words stay."""
    if balance is None or "=" not in balance:
        return balance
    from agr.errors import ParameterError

    try:
        parts = (part.split("=") for part in balance.split(","))
        return {label.strip(): float(share) for label, share in parts}
    except ValueError:
        raise ParameterError(
            f"--balance must be a word, or shares of labels such as white=0.5; got {balance!r}."
        ) from None
