"""What the docstrings of the estimators share, written once and put in when a class is made."""

SHARED = """    network : str, default="face_mobilenet"
        A name that ``agr networks`` lists.
    network_options : dict, optional
        What that network lets one choose, for example ``{"activation": "leaky_relu"}``; its file
        in ``agr/training/networks`` explains each.
    weights : str or None, default="auto"
        Starting weights: ``"auto"`` for the packaged ones where the network has some;
        ``"imagenet"``, which Keras downloads once, where ``agr networks`` says so; a saved model's
        folder; a file (Keras's own for its trunks, or from ``scripts/convert_face_mobilenet.py``);
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
    augmentation : {"none", "light", "medium", "strong", "camera"}, Augmentation, dict or None
        Random changes to training pictures, default="light"; ``"camera"`` adds noise, low light,
        blur, compression and other faults of cameras, so that the answers hold outside.
    random_state : int or None, default=0
        Seed of weights, order and augmentation.
"""

LABELS = """    label_smoothing : float, default=0.05
        Share of each label's weight that is spread over all labels.
    loss : str, optional
        What is minimized, by Keras's name: cross-entropy (the default) or focal cross-entropy, as
        ``"binary_crossentropy"`` and ``"binary_focal_crossentropy"`` of two labels, and
        ``"categorical_crossentropy"`` and ``"categorical_focal_crossentropy"`` of more.
    balance : str, dict or None, default=None
        How training makes up for rare labels: ``"weights"`` lets every label count the same,
        ``"sqrt_weights"`` the square root of that; ``"undersample"`` draws as many pictures of
        each label as the rarest has, and a dict of label to share keeps this share of a label's
        pictures; ``"oversample"`` repeats pictures until every label is as frequent as the most
        frequent, and ``"augment"`` changes the copies alone; ``"batches"`` gives every label the
        same share of each batch; ``"smote"`` learns the last layer anew on made-up features, and
        ``"smote_pixels"`` adds made-up pictures (both need imbalanced-learn).
"""

FITTED = """    model_ : keras.Model
        Takes uint8 pictures of ``image_size_`` pixels.
    image_size_ : int
        Side in pixels.
    history_ : list of dict
        Loss, metrics, learning rate and seconds of each epoch.
    calibration_ : dict of str to float
        What was fitted on the validation pictures: the temperature of labels (Guo et al., ICML
        2017), which is built into ``model_``; or the margin in years by which the network's own
        age intervals are widened, so that they hold the true age in 90 % of cases (Romano et al.,
        NeurIPS 2019).
"""


def compose(text: str | None) -> str | None:
    """Put the shared entries where a class's docstring names them in braces."""
    for name, entries in (("shared", SHARED), ("labels", LABELS), ("fitted", FITTED)):
        text = text and text.replace(f"    {{{name}}}\n", entries)
    return text
