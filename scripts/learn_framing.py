"""Learn where a detector sees landmarks of training crops: numbers of ``agr/photo/alignment.py``.

    python scripts/learn_framing.py --data UTKFace --detector centerface --n 500

Every crop is put into the middle of a black square twice as large, so that nothing that the
detector needs is cut off at its edge. Prints the medians as shares of the crop's side.
"""

import argparse
from pathlib import Path

import numpy as np

from agr.core.images import find_images, read_image, resize
from agr.photo.detectors import DEFAULT, DETECTORS, open_detector

SIDE = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of aligned crops")
    parser.add_argument("--detector", choices=DETECTORS, default=DEFAULT)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    detector = open_detector(args.detector)
    paths = find_images([args.data])
    chosen = np.random.default_rng(args.seed).choice(len(paths), args.n, replace=False)
    seen = []
    for index in chosen:
        frame = np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)
        inner = slice(SIDE // 2, SIDE // 2 + SIDE)
        frame[inner, inner] = resize(read_image(paths[index]), SIDE)
        if found := detector(frame):
            seen.append([(np.array(p) - SIDE / 2) / SIDE for p in found[0].landmarks.values()])
            names = list(found[0].landmarks)
    shares, spread = np.median(seen, axis=0), np.std(seen, axis=0)
    print(f"{len(seen)} of {args.n} crops")
    for name, (x, y), (sx, sy) in zip(names, shares, spread, strict=True):
        print(f'"{name}": ({x:.4f}, {y:.4f}),  # sd {sx:.3f}, {sy:.3f}')


if __name__ == "__main__":
    main()
