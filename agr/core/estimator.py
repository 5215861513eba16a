"""What the three estimators share: fit, predict, evaluate, tune, save and load."""

import inspect
import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from agr._version import __version__
from agr.core import artifact
from agr.core.balance import Plan
from agr.core.batches import PREDICT_BATCH, check_images, decode
from agr.core.checks import check_parameters, make_seed, plain
from agr.core.groups import Report, make_report
from agr.core.images import Pixels, read_image, resize
from agr.core.tunable import Tunable
from agr.errors import LabelError, ParameterError

Floats = npt.NDArray[np.float32]
LEAST_TO_CALIBRATE = 100  # pictures; from fewer, what an earlier fit found is known better
BUILT = ("network", "network_options", "image_size", "color", "dropout")  # what fit builds by
TUNED = ("best_params_", "trials_")  # what tune learned, and a later fit leaves alone


class ImageEstimator(Tunable):
    """Base of the estimators; a task adds its labels, targets, balancing and scores.

    Attributes
    ----------
    model_ : keras.Model
        Takes uint8 pictures of ``image_size_`` pixels.
    image_size_ : int
        Side in pixels.
    history_ : list of dict
        Loss, metrics, learning rate and seconds of each epoch.
    calibration_ : dict of str to float
        What was fitted on the validation pictures.
    """

    # What a task adds.

    _built_by: tuple[str, ...] = BUILT

    @abstractmethod
    def _check_parameters(self) -> None: ...

    @abstractmethod
    def _check_labels(self, y: Any) -> npt.NDArray[Any]: ...

    @abstractmethod
    def _learn_labels(self, y: npt.NDArray[Any]) -> None: ...

    @abstractmethod
    def _targets(self, y: npt.NDArray[Any]) -> Floats: ...

    @abstractmethod
    def _plan(self, y: npt.NDArray[Any], seed: int) -> Plan: ...

    @abstractmethod
    def _n_outputs(self) -> int: ...

    @abstractmethod
    def _loss(self) -> tuple[Any, list[Any]]: ...

    @abstractmethod
    def _calibrate(self, outputs: Floats, y: npt.NDArray[Any]) -> dict[str, float]: ...

    @abstractmethod
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

    @abstractmethod
    def _meaning(self) -> dict[str, Any]: ...

    @abstractmethod
    def _restore_meaning(self, meaning: dict[str, Any]) -> None: ...

    # What all tasks do.

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        soft_labels: npt.ArrayLike | None = None,
        validation_data: tuple[Any, Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] = (),
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
        soft_labels : array of shape (n, k), optional
            A teacher's probabilities for each picture, as ``predict_proba`` gives them. Half of
            what is learned comes from them and half from ``y`` (Hinton et al., Distilling the
            Knowledge in a Neural Network, 2015).
        validation_data : tuple (X, y), optional
            Chooses the best epoch and calibrates; default: a tenth of the pictures.
        checkpoint_dir : path, optional
            Folder for the state of the training; the same call goes on from it after a stop.
        callbacks : sequence of keras callbacks, default=()
            For example ``keras.callbacks.TensorBoard(log_dir)``.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        ParameterError, ImageError, LabelError
            The message says what was expected, what came and what to do.
        """
        from agr.core import networks
        from agr.core.fitting import Part, train_network
        from agr.core.training import seeded

        check_parameters(self)
        part = Part.make(*self._check_pair(X, y), sample_weight, soft_labels)
        seed = make_seed(self.random_state)
        if validation_data is None:
            part, held_out = part.parted(seed)
        else:
            held_out = self._check_pair(*validation_data)
        self._forget()
        self._learn_labels(part.y)
        self._built = self._to_build()
        self.image_size_ = self.image_size or networks.native_size(self.network)
        held_out = decode(held_out[0], self.image_size_), held_out[1]
        with seeded(seed):
            model = networks.build(
                self.network,
                self.image_size_,
                weights=self.weights,
                dropout=self.dropout,
                n_outputs=self._n_outputs(),
                task=self.task,
                options=self.network_options,
                color=self.color,
                trainable=self.trainable,
            )
        self.history_ = train_network(self, model, part, held_out, seed, checkpoint_dir, callbacks)
        self.model_ = networks.without_optimizer(model)
        return self.calibrate(*held_out)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: npt.ArrayLike | None = None,
        soft_labels: npt.ArrayLike | None = None,
        validation_data: tuple[Any, Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Any] = (),
    ) -> Self:
        """Go on learning, from more pictures; an estimator that is not fitted is fitted.

        The network, labels, bins and scaling stay those of the first fit, so that the pictures may
        come in parts that memory could not hold together. Each call trains for ``epochs`` epochs,
        with the learning rate's whole schedule; a tenth of the first fit's rate forgets less. What
        says how to train may be changed by ``set_params`` before, ``trainable`` too.

        Parameters
        ----------
        X, y, sample_weight, soft_labels, checkpoint_dir, callbacks
            As in `fit`. A part need not hold every label.
        validation_data : tuple (X, y), optional
            Chooses the best epoch, and from 100 pictures on calibrates anew; else the calibration
            stays. Without it the last epoch counts.

        Returns
        -------
        self
            Goes on from here; as it was before, if an error is raised.

        Raises
        ------
        ParameterError, ImageError, LabelError
            For example labels, ages below the first bin, or another ``network``, that it was not
            built for.
        """
        from agr.core import networks
        from agr.core.fitting import Part, train_network
        from agr.core.training import reseed

        if not hasattr(self, "model_"):
            return self.fit(
                X,
                y,
                sample_weight=sample_weight,
                soft_labels=soft_labels,
                validation_data=validation_data,
                checkpoint_dir=checkpoint_dir,
                callbacks=callbacks,
            )
        check_parameters(self)
        for name, built in self._built.items():
            if self._to_build()[name] != built:
                raise ParameterError(
                    f"partial_fit goes on with what was fitted with {name}={built!r}, but {name} "
                    f"is now {getattr(self, name)!r}; set it back, or use fit to begin anew."
                )
        if self.balance == "smote":
            raise ParameterError(
                "balance='smote' learns the last layer anew and would forget the earlier pictures; "
                "choose another for partial_fit."
            )
        part = Part.make(*self._check_pair(X, y), sample_weight, soft_labels)
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
            networks.divide_logits(model, 1 / temperature)
            seed = make_seed(self.random_state)
            reseed(model, seed)
            history = train_network(self, model, part, held_out, seed, checkpoint_dir, callbacks)
            networks.divide_logits(model, temperature)
            if held_out is not None and len(held_out[1]) >= LEAST_TO_CALIBRATE:
                self.calibrate(*held_out)
        except BaseException:
            self.model_.set_weights(before)
            raise
        self.history_ = [*self.history_, *history]
        return self

    def calibrate(self, X: Any, y: Any) -> Self:
        """Fit the temperature, or the margin of the age intervals, anew; the answers' order stays.

        Parameters
        ----------
        X : array of shape (n, h, w, 3) or sequence of n paths
            uint8 RGB pictures that the network has not learned from, of the kind it will see.
        y : array of shape (n,)
            Their labels.

        Returns
        -------
        self
            Calibrated.
        """
        check_is_fitted(self, "model_")
        X, y = self._check_pair(X, y)
        self.calibration_ = self._calibrate(self._outputs(X), y)
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
            ``overall``, ``by_group`` and ``n``.
        """
        check_is_fitted(self, "model_")
        X, y = self._check_pair(X, y)
        outputs = self._outputs(X)
        return make_report(lambda rows: self.score_outputs(y[rows], outputs[rows]), len(y), groups)

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        notes: dict[str, Any] | None = None,
        report: Report | None = None,
    ) -> None:
        """Write the fitted model as a folder of four files.

        Parameters
        ----------
        folder : path
            New, empty, or a saved model to be replaced.
        notes : dict, optional
            JSON types to keep with it, for example the data.
        report : Report, optional
            Scores of pictures that it has not seen, for the model card.
        """
        from agr.core.card import model_card
        from agr.core.export import export_onnx

        check_is_fitted(self, "model_")
        manifest = {
            "task": self.task,
            "agr": __version__,
            "image_size": self.image_size_,
            "parameters": {**plain(self.get_params(deep=False)), **self._built},
            "meaning": self._meaning(),
            "calibration": self.calibration_,
            "history": self.history_,
            "notes": notes or {},
            "report": None if report is None else report.to_dict(),
        }
        with artifact.writing(folder) as part:
            self.model_.save(part / artifact.KERAS)
            export_onnx(self.model_, part / artifact.ONNX)
            (part / artifact.CARD).write_text(model_card(manifest))
            artifact.write_manifest(part, manifest)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read a saved model; runs no code from it.

        Parameters
        ----------
        folder : path
            What `save` wrote.

        Returns
        -------
        estimator
            Fitted.

        Raises
        ------
        ArtifactError
            It is damaged, too new, or for another task.
        """
        from agr.core.starts import open_saved

        manifest = artifact.read_manifest(folder, cls.task)
        path = artifact.checked_file(folder, manifest, artifact.KERAS)
        known = inspect.signature(cls.__init__).parameters
        estimator = cls(**{k: v for k, v in manifest["parameters"].items() if k in known})
        estimator.model_ = open_saved(path, manifest)
        estimator._built = estimator._to_build()
        estimator.image_size_ = manifest["image_size"]
        estimator.calibration_ = manifest["calibration"]
        estimator.history_ = manifest["history"]
        estimator._restore_meaning(manifest["meaning"])
        return estimator

    @classmethod
    def from_pretrained(cls) -> Self:
        """Load the model that comes with agr.

        Returns
        -------
        estimator
            Fitted.
        """
        return cls.load(Path(inspect.getfile(cls)).parent / "pretrained")

    # Helpers.

    def _to_build(self) -> dict[str, Any]:
        return plain({name: getattr(self, name) for name in self._built_by})

    def _forget(self) -> None:
        for name in [n for n in vars(self) if n.endswith("_") and n not in TUNED]:
            delattr(self, name)

    def _outputs(self, X: Sequence[str] | Pixels) -> Floats:
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

    def _check_pair(self, X: Any, y: Any) -> tuple[Any, npt.NDArray[Any]]:
        X = check_images(X)
        y = self._check_labels(y)
        if len(X) != len(y):
            raise LabelError(f"X holds {len(X)} pictures and y {len(y)} labels; they must match.")
        if not len(X):
            raise LabelError("X and y are empty; at least one picture is needed.")
        return X, y
