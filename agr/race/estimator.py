"""The race estimator."""

from typing import Any

import numpy.typing as npt

from agr.race import balance as balancing
from agr.race.labels import LABELS
from agr.training.balancing import Plan
from agr.training.classifier import FaceClassifier


class RaceEstimator(FaceClassifier):
    """Learns labelled race from pictures of faces.

    Parameters
    ----------
    network : str, default="face_resnet"
        A name that ``agr networks`` lists.
    network_options : dict, optional
        What that network lets one choose, for example ``{"activation": "leaky_relu"}``; its file
        in ``agr/training/networks`` explains each.
    weights : str or None, default="auto"
        Starting weights: ``"auto"`` for the packaged ones where the network has some;
        ``"imagenet"``, which Keras downloads once, where ``agr networks`` says so; a saved model's
        folder; a file (Keras's own for its trunks, or from ``scripts/convert_face_resnet.py``);
        None for random.
    trainable : str, default="all"
        What learns: ``"all"``, ``"head"`` (the dense layers), or the head and the trunk's
        ``"last:N"`` layers, or those ``"from:N"`` on, counted from 0 as Keras does.
    image_size : int, optional
        Side in pixels; default: the network's native size.
    color : {"rgb", "grayscale"}, default="rgb"
        Whether the network sees colours; pictures are given in colour either way.
    dropout : float, default=0.2
        Share of the features dropped while training.
    label_smoothing : float, default=0.05
        Share of each label's weight that is spread over all labels.
    epochs, batch_size : int, default=12, 64
        Length of the training, and pictures per step.
    learning_rate, weight_decay : float, default=3e-4, 0.02
        Of AdamW.
    schedule : {"cosine", "plateau", "constant"}, default="cosine"
        How the learning rate falls.
    warmup : float, default=0.1
        Share of the cosine schedule in which the learning rate rises.
    patience : int, optional
        Epochs without a better validation loss after which training stops; default: never.
    augmentation : {"none", "light", "medium", "strong"}, Augmentation, dict or None
        Random changes to training pictures, default="light".
    loss : {"categorical_crossentropy", "categorical_focal_crossentropy"}, optional
        What is minimized, by Keras's name; default: the first.
    balance : str, dict or None, default=None
        How training makes up for rare labels: ``"weights"`` lets every label count the same,
        ``"sqrt_weights"`` the square root of that; ``"undersample"`` draws as many pictures of
        each label as the rarest has, and a dict such as ``{"white": 0.5}`` keeps this share of a
        label; ``"oversample"`` repeats pictures until every label is as frequent as the most
        frequent, and ``"augment"`` changes the copies alone; ``"batches"`` gives every label the
        same share of each batch; ``"smote"`` learns the last layer anew on made-up features, and
        ``"smote_pixels"`` adds made-up pictures (both need imbalanced-learn).
    random_state : int or None, default=0
        Seed of weights, order and augmentation.

    Attributes
    ----------
    classes_ : array of str
        Labels, in the order of the probabilities.
    model_ : keras.Model
        Takes uint8 pictures of ``image_size_`` pixels.
    image_size_ : int
        Side in pixels.
    history_ : list of dict
        Loss, metrics, learning rate and seconds of each epoch.
    calibration_ : dict
        The temperature (Guo et al., ICML 2017) that is built into ``model_``.

    Examples
    --------
    >>> from agr.race import RaceEstimator
    >>> RaceEstimator(epochs=3).get_params()["epochs"]
    3
    """

    task = "race"
    labels = LABELS

    def _check_balance(self) -> None:
        balancing.check(self.balance, self.labels)

    def _plan(self, y: npt.NDArray[Any], seed: int) -> Plan:
        return balancing.make_plan(y, self.balance, seed)
