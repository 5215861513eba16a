"""Saving and loading, as every estimator has them."""

import inspect
import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from agr._version import __version__
from agr.core import artifact
from agr.evaluation.groups import Report
from agr.training.parameters import plain
from agr.training.tunable import Tunable

BUILT = ("network", "network_options", "image_size", "color", "dropout")  # what fit builds by


class Saved(Tunable):
    """Base of the estimators that adds `save`, `load` and `from_pretrained`."""

    _built_by: ClassVar[tuple[str, ...]] = BUILT

    @abstractmethod
    def meaning(self) -> dict[str, Any]:
        """Say what the outputs mean, as ``agr.json`` keeps it."""

    @abstractmethod
    def _restore_meaning(self, meaning: dict[str, Any]) -> None: ...

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
        from agr.training.card import model_card
        from agr.training.networks.export import export_onnx

        check_is_fitted(self, "model_")
        manifest = {
            "task": self.task,
            "agr": __version__,
            "image_size": self.image_size_,
            "parameters": {**plain(self.get_params(deep=False)), **self._built},
            "meaning": self.meaning(),
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
        from agr.training.networks.starts import load_saved

        manifest, model = load_saved(folder, cls.task)
        known = inspect.signature(cls).parameters
        estimator = cls(**{k: v for k, v in manifest["parameters"].items() if k in known})
        estimator.model_ = model
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

    def _to_build(self) -> dict[str, Any]:
        return plain({name: getattr(self, name) for name in self._built_by})
