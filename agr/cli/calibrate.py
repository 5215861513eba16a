"""``agr calibrate``."""

from pathlib import Path
from typing import Annotated

import typer

from agr.cli.console import errors, show_table
from agr.cli.options import Selection, grouped, one_of


@grouped
def calibrate(
    model: Annotated[
        Path,
        typer.Argument(help="Folder of a saved model of any task.", show_default=False),
    ],
    selection: Selection,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the calibrated copy; default: the model is replaced."),
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            help="Fit to all pictures, or to one part of the split; not to what the model learned.",
            **one_of(("all", "train", "validation", "test")),
        ),
    ] = "all",
    corrupted: Annotated[
        float,
        typer.Option(
            help="Share of the pictures of which a copy is added as a bad camera would have it, "
            "so that intervals are wide enough on bad pictures too."
        ),
    ] = 0.0,
    at_most_wrong: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Find, and save with the model, the least confidence at which at most so many of "
            "the answers are wrong, such as 1%.",
        ),
    ] = None,
) -> None:
    """Fit a saved model's intervals or probabilities to labelled pictures; trains nothing.

    The scores after calibrating are those of pictures that were left out of the fit in turns.
    """
    with errors():
        from agr.runs import selection as runs
        from agr.runs.calibrate import calibrate_run

        found = calibrate_run(
            model,
            runs.Selection(**selection.options()),
            output,
            part,
            corrupted=corrupted,
            at_most_wrong=None if at_most_wrong is None else _share(at_most_wrong),
        )
        typer.echo(
            f"{found.n} pictures and {found.n_corrupted} corrupted copies with the label "
            f"{found.task}",
            err=True,
        )
        lines = [
            (name, f"{value:.3f}", f"{found.after[name]:.3f}")
            for name, value in found.before.items()
        ]
        show_table(("score", "before", "after"), lines, ("before", "after"))
        if found.min_confidence is not None:
            typer.echo(
                f"confidence of at least {found.min_confidence:.4f}: {found.answered:.1%} of the "
                "pictures are answered"
            )
        typer.echo(f"wrote {output or model}", err=True)


def _share(word: str) -> float:
    """Read ``1%`` or ``0.01``."""
    from agr.errors import ParameterError

    try:
        number = float(word.rstrip("% "))
    except ValueError:
        raise ParameterError(
            f"--at-most-wrong must be a share such as 1% or 0.01, got {word!r}."
        ) from None
    return number / 100 if word.rstrip().endswith("%") else number
