"""Train a task's shipped model, or pack one that is trained, into ``agr/TASK/pretrained``.

    python scripts/ship.py gender --data DIR --split split.csv.gz --teachers DIR   # trains, packs
    python scripts/ship.py gender --data DIR --split split.csv.gz --model DIR      # packs a model

Packing makes a saved model small and fast: ``model.onnx`` computes in int8 (per channel, its ranges
measured on training pictures), ``model.keras`` keeps its weights as float16. The scores of the
validation part before and after are printed, and the packing stops when int8 changes the log loss
by more than 0.005, or the error by more than 0.03 years; the accuracy of a few thousand pictures
moves more by chance.
"""

import argparse
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from agr.core import artifact
from agr.datasets.faces import Split
from agr.engines.engine import Engine
from agr.runs.train import Run, train_run
from agr.tasks import TASKS
from agr.training.batches import decode

SEED = 0
N_CALIBRATION = 512
MOST_LOST = {"log_loss": 0.005, "mae": 0.03}


class Pictures(CalibrationDataReader):
    """Hands training pictures to the quantizer, in batches."""

    def __init__(self, images: np.ndarray) -> None:
        self._batches = iter(np.array_split(images, max(1, len(images) // 64)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the next batch, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def quantize(path: Path, images: np.ndarray) -> None:
    """Replace an ONNX model by one that computes in int8."""
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            Pictures(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.999},  # of all values; a few are far out
            op_types_to_quantize=["Conv", "Clip"],
        )


def halve(path: Path) -> None:
    """Store the weights of a ``.keras`` file as float16; Keras reads them into float32 again."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    before = h5py.File(io.BytesIO(files["model.weights.h5"]))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as after:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                small = item.dtype == np.float32 and item.size > 4096
                after.create_dataset(name, data=item[()].astype("float16") if small else item[()])
            else:
                after.require_group(name).attrs.update(item.attrs)

        before.visititems(copy)
        after.attrs.update(before.attrs)
    files["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # A fixed date, so that the same weights give the same bytes.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def pack(task: str, folder: Path, split: Split, output: Path) -> None:
    """Write the small and fast copy of a saved model, and compare its scores."""
    estimator = TASKS[task].load_estimator().load(folder)
    size = estimator.image_size_
    train = split.train.merge_duplicates()
    rows = np.random.default_rng(SEED).permutation(len(train))[:N_CALIBRATION]
    images = decode(train.take(rows).paths, size)

    def change(part: Path, manifest: dict[str, Any]) -> None:
        quantize(part / artifact.ONNX, images)
        halve(part / artifact.KERAS)
        manifest["notes"]["packed"] = "model.onnx int8 per channel, model.keras float16"

    artifact.rewrite(folder, output, change, task)
    X, y = split.validation.labelled(task)
    held = decode(X, size)
    before = estimator.score_outputs(y, Engine(folder, task)(held))
    after = estimator.score_outputs(y, Engine(output, task)(held))
    for name in before:
        print(f"{name:20} {before[name]:8.4f} {after[name]:8.4f}")
    for name, most in MOST_LOST.items():
        if name in before and abs(before[name] - after[name]) > most:
            raise SystemExit(f"int8 changes {name} by more than {most}; see the table above")
    total = sum(p.stat().st_size for p in output.iterdir())
    print(f"wrote {output} ({total / 1e6:.1f} MB)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--data", type=Path, required=True, help="folder of all pictures")
    parser.add_argument("--split", type=Path, required=True, help="their labels and parts")
    parser.add_argument("--teachers", type=Path, help="what scripts/teachers made")
    parser.add_argument("--model", type=Path, help="a saved model, to be packed without training")
    parser.add_argument("--checkpoint", type=Path, help="state of the training, to go on from")
    args = parser.parse_args()
    output = Path(__file__).parent.parent / "agr" / args.task / "pretrained"
    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or Path(scratch) / "model"
        run = Run(
            task=args.task,
            data=args.data,
            split=args.split,
            output=model,
            recipe="shipped",
            teachers=args.teachers,
            checkpoint=args.checkpoint,
        )
        if args.model is None:
            train_run(run, print)
        pack(args.task, model, run.parts(), output)


if __name__ == "__main__":
    main()
