"""Make the starting weights of ``face_resnet`` from dlib's CC0 face-recognition network.

    pip install face_recognition_models dlib-bin        # the weights, and the check
    python scripts/convert_face_resnet.py --faces DIR --output face_resnet.npz

Reads ``dlib_face_recognition_resnet_model_v1.dat``, replays the network as dlib defines it and
compares its descriptors with dlib's own, then turns every fixed affine into a batch normalization
that computes the same: its mean and variance are measured on real faces (the first 2,048 pictures
of DIR, in the order of their names).
"""

import argparse
import importlib.util
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from agr.core.images import read_image, resize
from agr.training.networks import face_resnet

WEIGHTS = "models/dlib_face_recognition_resnet_model_v1.dat"
EPSILON = 1e-3  # of keras.layers.BatchNormalization


def read_tensors(data: bytes) -> list[np.ndarray]:
    """Every non-empty tensor of a dlib network file, in its order: input first."""
    found, at = [], 0
    while (at := data.find(b"\x01\x02", at)) >= 0:
        sizes, cursor = [], at + 2
        while len(sizes) < 4 and cursor < len(data) and data[cursor] <= 4:
            n_bytes = data[cursor]  # dlib writes an int as its length, then its bytes
            sizes.append(int.from_bytes(data[cursor + 1 : cursor + 1 + n_bytes], "little"))
            cursor += 1 + n_bytes
        n = int(np.prod(sizes)) if len(sizes) == 4 else 0
        if 0 < n <= (len(data) - cursor) // 4 and sizes[0] < 1_000_000:
            values = np.frombuffer(data, "<f4", n, cursor)
            if n >= 64 and np.isfinite(values).all() and np.abs(values).max() < 1e3:
                found.append(values)
                at = cursor + 4 * n
                continue
        at += 1
    return found


def convolution_shapes() -> list[tuple[int, int, int]]:
    """(kernel, channels in, channels out) of each convolution, input first."""
    shapes, channels = [(7, 3, 32)], 32
    for filters, n_blocks, _ in face_resnet.STAGES:
        for _ in range(n_blocks):
            shapes += [(3, channels, filters), (3, filters, filters)]
            channels = filters
    return shapes


def unpack(tensors: list[np.ndarray]) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """Kernel (h, w, in, out), bias, gamma and beta by convolution, and the last dense layer."""
    layers, rest = [], list(tensors)
    for kernel, n_in, n_out in convolution_shapes():
        size = kernel * kernel * n_in * n_out
        weights, affine = rest.pop(0), rest.pop(0)
        if len(weights) != size + n_out or len(affine) != 2 * n_out:
            raise ValueError(
                f"expected {size + n_out} and {2 * n_out} values, "
                f"got {len(weights)} and {len(affine)}"
            )
        filters = weights[:size].reshape(n_out, n_in, kernel, kernel).transpose(2, 3, 1, 0)
        layers.append(
            {
                "kernel": filters,
                "bias": weights[size:],
                "gamma": affine[:n_out],
                "beta": affine[n_out:],
            }
        )
    (dense,) = rest
    return layers, dense.reshape(256, 128)


def replay(images: np.ndarray, layers: list[dict], dense: np.ndarray) -> np.ndarray:
    """Descriptors of uint8 RGB (n, 150, 150, 3) faces, with dlib's own borders."""
    todo = iter(layers)

    def conv(x, stride, padding):
        w = next(todo)
        return (tf.nn.conv2d(x, w["kernel"], stride, padding) + w["bias"]) * w["gamma"] + w["beta"]

    x = (images.astype("float32") - np.float32(face_resnet.CHANNEL_MEAN)) / 256
    x = tf.nn.max_pool2d(tf.nn.relu(conv(x, 2, "VALID")), 3, 2, "VALID")
    for filters, n_blocks, first_stride in face_resnet.STAGES:
        for block in range(n_blocks):
            stride = first_stride if block == 0 else 1
            y = tf.nn.relu(conv(x, stride, "SAME" if stride == 1 else "VALID"))
            y = conv(y, 1, "SAME")
            if stride == 2:
                x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            size = max(x.shape[1], y.shape[1])

            def grow(t, size=size, filters=filters):  # dlib adds unequal tensors as if zero-padded
                return tf.pad(
                    t,
                    [
                        [0, 0],
                        [0, size - t.shape[1]],
                        [0, size - t.shape[2]],
                        [0, filters - t.shape[3]],
                    ],
                )

            x = tf.nn.relu(grow(x) + grow(y))
    return (tf.reduce_mean(x, [1, 2]) @ dense).numpy()


def check(images: np.ndarray, path: Path, layers: list[dict], dense: np.ndarray) -> float:
    """Largest difference between our descriptors and dlib's."""
    import dlib

    network = dlib.face_recognition_model_v1(str(path))
    theirs = np.array([network.compute_face_descriptor(np.ascontiguousarray(i)) for i in images])
    return float(np.abs(theirs - replay(images, layers, dense)).max())


def to_batch_normalization(layers: list[dict], images: np.ndarray) -> dict[str, np.ndarray]:
    """Keras weights by layer name; the same function, with means and variances of real faces."""
    inputs = keras.Input(images.shape[1:], dtype="uint8")
    model = keras.Model(inputs, face_resnet.build(inputs))
    convs = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    norms = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]
    for conv, norm, w in zip(convs, norms, layers, strict=True):
        conv.set_weights([w["kernel"]])
        scale = np.sqrt(1 + EPSILON)
        n = len(w["gamma"])
        norm.set_weights(
            [w["gamma"] * scale, w["beta"] + w["gamma"] * w["bias"], np.zeros(n), np.ones(n)]
        )
    before = model.predict(images[:64], verbose=0)
    taps = keras.Model(inputs, [conv.output for conv in convs])
    total, square, n_seen = [0.0] * len(convs), [0.0] * len(convs), 0
    for start in range(0, len(images), 64):
        outputs = taps.predict_on_batch(images[start : start + 64])
        n_seen += len(outputs[0])
        for i, out in enumerate(outputs):
            values = out.astype("float64")
            total[i] += values.mean((1, 2)).sum(0)
            square[i] += (values**2).mean((1, 2)).sum(0)
    weights = {}
    for i, (conv, norm, w) in enumerate(zip(convs, norms, layers, strict=True)):
        mean = total[i] / n_seen
        variance = square[i] / n_seen - mean**2
        norm.set_weights(
            [
                w["gamma"] * np.sqrt(variance + EPSILON),
                w["beta"] + w["gamma"] * (w["bias"] + mean),
                mean,
                variance,
            ]
        )
        for layer in (conv, norm):
            for variable in layer.weights:
                weights[f"{layer.name}/{variable.name}"] = np.asarray(variable)
    after = model.predict(images[:64], verbose=0)
    print(
        f"batch normalization against affine, largest difference {np.abs(before - after).max():.2g}"
    )
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="folder of aligned face crops")
    parser.add_argument("--dat", type=Path, help="dlib's file; default: face_recognition_models")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    path = args.dat
    if path is None:
        spec = importlib.util.find_spec("face_recognition_models")
        path = Path(spec.submodule_search_locations[0]) / WEIGHTS
    layers, dense = unpack(read_tensors(path.read_bytes()))
    pictures = [read_image(p) for p in sorted(args.faces.glob("*.jpg"))[:2048]]
    difference = check(np.stack([resize(p, 150) for p in pictures[:16]]), path, layers, dense)
    print(f"descriptors against dlib, largest difference {difference:.2g}")
    if difference > 1e-3:
        raise SystemExit("the converted network does not compute what dlib does")
    weights = to_batch_normalization(layers, np.stack([resize(p, 112) for p in pictures]))
    np.savez(args.output, **{name: w.astype("float16") for name, w in weights.items()})
    print(f"wrote {args.output} ({args.output.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
