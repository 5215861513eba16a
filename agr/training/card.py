"""The model card that is saved beside a model."""

from typing import Any

from agr.evaluation.groups import Report
from agr.evaluation.markdown import report_markdown

CARD = """# {task} model, saved by agr {version}

Reads the labelled {task} of one aligned face crop, scaled to {size} x {size} pixels.

| | |
| --- | --- |
| network | {network} |
| trained | {epochs} epochs, {seconds:.0f} s |
| validation loss | {loss} |
| calibration | {calibration} |
{notes}
What it learned are the labels that people gave to pictures: *perceived* {task}, not who somebody
is. Scores of groups differ. It is not for decisions about a person, nor for identifying anyone.

{scores}{measured}## Use

Load it with `agr.{task}.{name}.load(folder)`, or give the folder to
`agr.Predictor({task}=folder)`.
"""

SCORES = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "mae",
    "rmse",
    "bias",
    "coverage",
    "interval_years",
)


def model_card(manifest: dict[str, Any], measured: str = "") -> str:
    """Write the card of a saved model.

    Parameters
    ----------
    manifest : dict
        Its ``agr.json``.
    measured : str, default=""
        Markdown sections of what else was measured, each with a heading of the second level.

    Returns
    -------
    str
        Markdown.
    """
    history = manifest["history"]
    task = manifest["task"]
    notes = "".join(f"| {name} | {value} |\n" for name, value in manifest["notes"].items())
    return CARD.format(
        task=task,
        name=f"{task.capitalize()}Estimator",
        version=manifest["agr"],
        size=manifest["image_size"],
        network=manifest["parameters"]["network"],
        epochs=len(history),
        seconds=sum(epoch["seconds"] for epoch in history),
        loss=_lowest(history),
        calibration=_calibration(manifest["calibration"]),
        notes=notes,
        scores=_scores(manifest["report"]),
        measured=measured,
    )


def _calibration(values: dict[str, Any]) -> str:
    """Say the numbers, and of lists how many there are."""
    said = [f"{k} {v:.3g}" for k, v in values.items() if not isinstance(v, list)]
    if "errors" in values:
        said.append(f"errors of {len(values['errors'])} ranges of age")
    return ", ".join(said)


def _lowest(history: list[dict[str, float]]) -> str:
    if "val_loss" not in history[-1]:  # earlier losses are those of another network
        return "not measured; the last training had no validation pictures"
    return f"{min(epoch['val_loss'] for epoch in history if 'val_loss' in epoch):.4f}"


def _scores(report: dict[str, Any] | None) -> str:
    """Lay out the scores of all pictures, of each group and of each intersection."""
    if report is None:
        return ""
    tables = report_markdown(Report.from_dict(report), SCORES)
    return f"## Scores\n\nScores of {report['n']} pictures that it has not seen:\n\n{tables}\n"
