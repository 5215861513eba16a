"""Losses by the names that Keras gives them."""

from typing import Any

from agr.errors import ParameterError, choice

LABEL_LOSSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    # Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
}
NUMBER_LOSSES = {
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_squared_error": "MeanSquaredError",
    "huber": "Huber",
}


def check_loss(loss: str | None, known: dict[str, str]) -> None:
    """Refuse a loss that is not in ``known``; None stands for its first."""
    if loss is not None and loss not in known:
        raise ParameterError(choice("loss", loss, [None, *known]))


def make_loss(loss: str | None, known: dict[str, str], **options: Any) -> Any:
    """Make a Keras loss.

    Parameters
    ----------
    loss : str or None
        Name in ``known``; None for its first.
    known : dict of str to str
        `LABEL_LOSSES` or `NUMBER_LOSSES`.
    **options
        Parameters of Keras's class.

    Returns
    -------
    keras.losses.Loss
        For ``compile``.
    """
    import keras

    return getattr(keras.losses, known[loss or next(iter(known))])(**options)
