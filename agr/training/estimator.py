"""What the three estimators share: fit, calibrate, evaluate; tune, save and load are its bases'."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from agr.core.images import read_image, resize
from agr.errors import LabelError, ParameterError
from agr.evaluation.groups import Report, make_report
from agr.evaluation.tally import Tally
from agr.training.augmentation import Augmentation
from agr.training.balancing import Strategy
from agr.training.batches import PREDICT_BATCH, check_images, decode
from agr.training.calibration import corrupted_copies
from agr.training.documentation import compose
from agr.training.parameters import check_parameters, check_verbose, make_seed
from agr.training.saved import Saved

Floats = npt.NDArray[np.float32]
LEAST_TO_CALIBRATE = 100  # pictures; from fewer, what an earlier fit found is known better
TUNED = ("best_params_", "trials_")  # what tune learned, and a later fit leaves alone


@dataclass(kw_only=True, eq=False, repr=False)
class ImageEstimator(Saved, ABC):
    """Base of the estimators; a task adds its labels, targets, balancing and scores.

    Parameters
    ----------
    {shared}

    Attributes
    ----------
    task : str
        Name of what it learns.
    {fitted}
    """

    network: str = "face_mobilenet"
    network_options: dict[str, Any] | None = None
    weights: str | None = "auto"
    trainable: str = "all"
    image_size: int | None = None
    color: str = "rgb"
    dropout: float = 0.2
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 3e-4
    weight_decay: float = 0.02
    schedule: str = "cosine"
    warmup: float = 0.1
    patience: int | None = None
    augmentation: str | Augmentation | dict[str, float] | None = "light"
    loss: str | None = None
    balance: str | Mapping[str, float] | None = None
    random_state: int | None = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Complete the docstring of a task's class."""
        super().__init_subclass__(**kwargs)
        cls.__doc__ = compose(cls.__doc__)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that pictures come in, as arrays of four axes or as paths."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    # What a task adds.

    @abstractmethod
    def strategy(self) -> Strategy:
        """Give the way of balancing that ``balance`` names."""

    @abstractmethod
    def learn_labels(self, y: npt.NDArray[Any]) -> None:
        """Note which labels, or bins of age, there are to learn."""

    @abstractmethod
    def targets(self, y: npt.NDArray[Any]) -> Floats:
        """Give what the network shall put out, shape (n, k)."""

    @abstractmethod
    def soft_targets(self, soft: Floats) -> Floats:
        """Turn a teacher's probabilities, as ``predict_proba`` gives them, into targets."""

    @abstractmethod
    def last_layer(self) -> tuple[str, int]:
        """Give the kind of the network's last layer, and its number of outputs."""

    @abstractmethod
    def losses(self) -> Mapping[str, str]:
        """Give the losses to choose from, the default first: Keras's class by its name."""

    @abstractmethod
    def tally(self, y: npt.NDArray[Any], outputs: Floats) -> Tally:
        """Tally what a network put out, for `agr.evaluation.groups.make_report`.

        Parameters
        ----------
        y : array of shape (n,)
            True labels.
        outputs : array of shape (n, k)
            As the network gives them.

        Returns
        -------
        Tally
            The task's scores.
        """

    @abstractmethod
    def _check_own_parameters(self) -> None: ...

    @abstractmethod
    def _check_labels(self, y: Any) -> npt.NDArray[Any]: ...

    @abstractmethod
    def _metrics(self) -> list[Any]: ...

    @abstractmethod
    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any], n_clean: int) -> dict[str, Any]: ...

    def _loss_options(self) -> dict[str, Any]:
        return {}

    # What all tasks do.

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        soft_labels: npt.ArrayLike | Callable[..., Any] | None = None,
        unlabelled: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] = (),
        verbose: bool | str = "auto",
    ) -> Self:
        """Train on pictures and labels; forgets any earlier fit.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB pictures.
        y : array of shape (n,)
            Years as numbers, or label words.
        sample_weight : array of shape (n,), optional
            Multiplies the weights that ``balance`` gives.
        soft_labels : array of shape (n, k) or callable, optional
            A teacher's probabilities for each picture, as ``predict_proba`` gives them; or what
            gives them, for example `agr.training.teachers.Teachers`, when it is called with changed
            copies of shape (m, h, w, 3) and the m places of their pictures in ``X`` (followed by
            ``unlabelled``). They are 70 % of what is learned, and ``y`` the rest (Hinton et al.,
            Distilling the Knowledge in a Neural Network, 2015).
        unlabelled : array of shape (m, h, w, 3) or sequence of m paths, optional
            More pictures, of which only a teacher that can be called knows something.
        validation_data : tuple (X, y), optional
            Chooses the best epoch and calibrates; default: a tenth of the pictures.
        checkpoint_dir : path, optional
            Folder for the state of the training; the same call resumes it after a stop.
        callbacks : sequence of keras callbacks, default=()
            For example ``keras.callbacks.TensorBoard(log_dir)``.
        verbose : bool or "auto", default="auto"
            Whether to show the epochs, their scores and the time left; ``"auto"`` does so on a
            terminal and in a notebook.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        ParameterError, ImageError, LabelError
            The message says what was expected, what came and what to do.
        TrainingError
            The loss became infinite or no number.
        """
        from agr.training.fitting import Part, train_network
        from agr.training.loop import seeded
        from agr.training.networks import build as networks
        from agr.training.progress import shown

        check_parameters(self)
        check_verbose(verbose)
        part = Part.make(*self._check_pair(X, y), sample_weight, soft_labels, unlabelled)
        seed = make_seed(self.random_state)
        if validation_data is None:
            part, held_out = part.parted(seed)
        else:
            held_out = self._check_pair(*validation_data)
        self._forget()
        self.learn_labels(part.y)
        self._built = self._to_build()
        self.image_size_ = self.image_size or networks.native_size(self.network)
        held_out = decode(held_out[0], self.image_size_), held_out[1]
        with seeded(seed):
            model = networks.build(
                self.network,
                self.image_size_,
                weights=self.weights,
                dropout=self.dropout,
                last_layer=self.last_layer(),
                task=self.task,
                options=self.network_options,
                color=self.color,
                trainable=self.trainable,
            )
        with shown(verbose, self.epochs) as bars:
            self.history_ = train_network(
                self, model, part, held_out, seed, checkpoint_dir, [*callbacks, *bars]
            )
        self.model_ = networks.without_optimizer(model)
        return self.calibrate(*held_out)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        soft_labels: npt.ArrayLike | Callable[..., Any] | None = None,
        unlabelled: Any = None,
        validation_data: tuple[Any, Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] = (),
        verbose: bool | str = "auto",
    ) -> Self:
        """Go on learning, from more pictures; an estimator that is not fitted is fitted.

        The network, labels, bins and scaling stay those of the first fit, so that the pictures may
        come in parts that memory could not hold together. Each call trains for ``epochs`` epochs,
        with the learning rate's whole schedule; a tenth of the first fit's rate forgets less. What
        says how to train may be changed by ``set_params`` before, ``trainable`` too.

        Parameters
        ----------
        X, y, sample_weight, soft_labels, unlabelled, checkpoint_dir, callbacks, verbose
            As in `fit`. A part need not hold every label.
        validation_data : tuple (X, y), optional
            Chooses the best epoch, and from 100 pictures on calibrates anew; else the calibration
            stays. Without it the last epoch counts.

        Returns
        -------
        self
            Trained further; as it was before, if an error is raised.

        Raises
        ------
        ParameterError, ImageError, LabelError
            For example labels, ages below the first bin, or another ``network``, that it was not
            built for.
        """
        if not hasattr(self, "model_"):
            return self.fit(
                X,
                y,
                sample_weight=sample_weight,
                soft_labels=soft_labels,
                unlabelled=unlabelled,
                validation_data=validation_data,
                checkpoint_dir=checkpoint_dir,
                callbacks=callbacks,
                verbose=verbose,
            )
        from agr.training.fitting import Part, train_network
        from agr.training.loop import reseed
        from agr.training.networks import build as networks
        from agr.training.networks.last_layer import divide_logits
        from agr.training.progress import shown

        self._check_going_on()
        check_verbose(verbose)
        part = Part.make(*self._check_pair(X, y), sample_weight, soft_labels, unlabelled)
        held_out = None
        if validation_data is not None:
            X, y = self._check_pair(*validation_data)
            held_out = decode(X, self.image_size_), y
        before = self.model_.get_weights()
        temperature = self.calibration_.get("temperature", 1.0)
        networks.freeze(self.model_, self.trainable)
        model = networks.without_optimizer(self.model_)  # shares the layers; gets an optimizer
        try:
            # The network learns as it did before it was calibrated.
            divide_logits(model, 1 / temperature)
            seed = make_seed(self.random_state)
            reseed(model, seed)
            with shown(verbose, self.epochs) as bars:
                history = train_network(
                    self, model, part, held_out, seed, checkpoint_dir, [*callbacks, *bars]
                )
            divide_logits(model, temperature)
            if held_out is not None and len(held_out[1]) >= LEAST_TO_CALIBRATE:
                self.calibrate(*held_out)
        except BaseException:
            self.model_.set_weights(before)
            raise
        self.history_ = [*self.history_, *history]
        return self

    def calibrate(self, X: Any, y: Any, *, corrupted: float = 0.0) -> Self:
        """Fit the temperature, or the intervals of ages, anew; the answers' order stays.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB pictures that the network has not learned from, of the kind it will see.
        y : array of shape (n,)
            Their labels.
        corrupted : float, default=0
            Share of the pictures of which a copy is added as a bad camera would have it, so that
            what is said of unclear pictures holds too.

        Returns
        -------
        self
            Calibrated.
        """
        check_is_fitted(self, "model_")
        X, y = self._check_pair(X, y)
        copies, rows = corrupted_copies(X, self.image_size_, corrupted)
        outputs = np.concatenate([self.outputs(X), self.outputs(copies)])
        self.calibration_ = self._calibrate(outputs, np.concatenate([y, y[rows]]), len(y))
        return self

    def evaluate(self, X: Any, y: Any, groups: Any = None) -> Report:
        """Score predictions, overall and by group; never weighted.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB pictures.
        y : array of shape (n,)
            True labels.
        groups : array of shape (n,), or mapping of str to such arrays, optional
            Group of each picture; a DataFrame's columns give groups named ``column=value``.

        Returns
        -------
        Report
            Scores and their intervals: overall, by group and by intersection.
        """
        check_is_fitted(self, "model_")
        X, y = self._check_pair(X, y)
        outputs = self.outputs(X)
        return make_report(self.tally(y, outputs), groups)

    def score_outputs(self, y: npt.NDArray[Any], outputs: Floats) -> dict[str, float]:
        """Score what a network put out, for example through ONNX Runtime.

        Parameters
        ----------
        y : array of shape (n,)
            True labels.
        outputs : array of shape (n, k)
            As the network gives them.

        Returns
        -------
        dict of str to float
            Score by name.
        """
        return self.tally(y, outputs).scores()

    def outputs(self, X: Any) -> Floats:
        """Give what the network puts out, calibrated.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB pictures.

        Returns
        -------
        array of shape (n, k)
            Probability of each label or bin, or years.
        """
        check_is_fitted(self, "model_")
        X = check_images(X)
        batches = []
        for start in range(0, len(X), PREDICT_BATCH):
            images = [read_image(x) for x in X[start : start + PREDICT_BATCH]]
            batch = np.stack([resize(image, self.image_size_) for image in images])
            batches.append(np.asarray(self.model_.predict_on_batch(batch)))
        if not batches:
            return np.empty((0, self.model_.output_shape[-1]), dtype=np.float32)
        return np.concatenate(batches)

    # Helpers.

    def _check_going_on(self) -> None:
        check_parameters(self)
        for name, built in self._built.items():
            if self._to_build()[name] != built:
                raise ParameterError(
                    f"partial_fit goes on with what was fitted with {name}={built!r}, but {name} "
                    f"is now {getattr(self, name)!r}; set it back, or use fit to begin anew."
                )
        if self.strategy().forgets:
            raise ParameterError(
                f"balance={self.balance!r} learns the last layer anew and would forget the earlier "
                "pictures; choose another for partial_fit."
            )

    def _forget(self) -> None:
        for name in [n for n in vars(self) if n.endswith("_") and n not in TUNED]:
            delattr(self, name)

    def _check_pair(self, X: Any, y: Any) -> tuple[Any, npt.NDArray[Any]]:
        if y is None:
            raise LabelError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X = check_images(X)
        y = self._check_labels(y)
        if len(X) != len(y):
            raise LabelError(f"X holds {len(X)} pictures and y {len(y)} labels; they must match.")
        if not len(X):
            raise LabelError("X and y are empty; at least one picture is needed.")
        return X, y


ImageEstimator.__doc__ = compose(ImageEstimator.__doc__)
