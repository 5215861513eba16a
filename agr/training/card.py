"""The model card that is saved beside a model."""

from typing import Any

CARD = """# {task} model, saved by agr {version}

Reads the labelled {task} of one aligned face crop, scaled to {size} x {size} pixels.

| | |
| --- | --- |
| network | {network} |
| trained | {epochs} epochs, {seconds:.0f} s |
| validation loss | {loss} |
| calibration | {calibration} |
{notes}
What it learned are the labels that people gave to pictures: perceived, not true, {task}. Scores of
groups differ. Do not decide about a person by it, and do not use it to identify anyone.

{scores}Load it with `agr.{task}.{name}.load(folder)`, or give the folder to
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
)


def model_card(manifest: dict[str, Any]) -> str:
    """Write the card of a saved model."""
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
    """Lay out the scores of all pictures, and of each group of them."""
    if report is None:
        return ""
    names = [name for name in SCORES if name in report["overall"]]
    lines = [
        f"Scores of {report['n']} pictures that it has not seen:\n",
        f"| group | n | {' | '.join(names)} |",
        "| --- " * (2 + len(names)) + "|",
    ]
    groups = {"all": {**report["overall"], "n": report["n"]}, **report["by_group"]}
    for group, scores in groups.items():
        values = [scores[name] for name in names]
        cells = ["" if value is None else f"{value:.3f}" for value in values]
        lines.append(f"| {group} | {scores['n']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"
