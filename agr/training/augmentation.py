"""Random changes to training pictures: geometry, colour and erasing, on the fly."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from agr.core.images import Pixels
from agr.errors import ParameterError, choice
from agr.training.camera import corrupt, with_borders


@dataclass(frozen=True)
class Augmentation:
    """How far training pictures are changed.

    Parameters
    ----------
    flip : float
        Probability of a mirrored picture.
    rotation : float
        Largest turn to either side, in degrees.
    zoom, shift, shear : float
        Largest change of scale, place and slant, as a share of the side.
    colour : float
        Largest change of brightness, contrast and saturation, as a share.
    grayscale : float
        Probability of a picture without colour.
    erasing : float
        Probability of a rectangle (2 to 20 % of the area) filled with noise (Zhong et al., Random
        Erasing Data Augmentation, AAAI 2020).
    camera : float
        Probability of noise, low light, blur, compression, haze or another fault of cameras, or of
        a mask or sunglasses (see `agr.training.camera`); also half of the pictures that are turned
        or shifted then have repeated instead of black borders.
    """

    flip: float = 0.5
    rotation: float = 10.0
    zoom: float = 0.1
    shift: float = 0.05
    shear: float = 0.0
    colour: float = 0.3
    grayscale: float = 0.05
    erasing: float = 0.25
    camera: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """Give the parameters by name."""
        return asdict(self)

    def apply(self, image: Pixels, size: int, rng: np.random.Generator) -> Pixels:
        """Draw one changed copy of a picture."""
        margin = MARGIN if self.camera and rng.random() < 0.5 else 0.0
        picture = Image.fromarray(with_borders(image, margin) if margin else image).transform(
            (size, size),
            Image.Transform.AFFINE,
            self._affine(image.shape[1], image.shape[0], size, rng, margin),
            Image.Resampling.BILINEAR,
        )
        if self.colour:
            factors = 1 + rng.uniform(-self.colour, self.colour, 3)
            for enhance, factor in zip(
                (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color),
                factors,
                strict=True,
            ):
                picture = enhance(picture).enhance(factor)
        if rng.random() < self.grayscale:
            picture = picture.convert("L").convert("RGB")
        pixels = np.array(picture)
        if self.camera:
            pixels = np.array(corrupt(pixels, self.camera, rng))
        if rng.random() < self.erasing:
            _erase(pixels, rng)
        return pixels

    def _affine(
        self, width: int, height: int, size: int, rng: np.random.Generator, margin: float = 0.0
    ) -> tuple[float, float, float, float, float, float]:
        """Map places in the copy to places in the picture, both around their centres.

        Around the picture lies ``margin`` of its height on every side.
        """
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        scale = 1 + rng.uniform(-self.zoom, self.zoom)
        shear = rng.uniform(-self.shear, self.shear)
        dx, dy = rng.uniform(-self.shift, self.shift, 2)
        mirror = -1.0 if rng.random() < self.flip else 1.0
        sx, sy = scale * width / size, scale * height / size
        a, b = mirror * sx * math.cos(angle), sx * (shear - math.sin(angle))
        d, e = mirror * sy * math.sin(angle), sy * math.cos(angle)
        half = size / 2
        edge = round(height * margin)
        c = width * (0.5 + dx) - (a + b) * half + edge
        f = height * (0.5 + dy) - (d + e) * half + edge
        return a, b, c, d, e, f


NONE = Augmentation(0, 0, 0, 0, 0, 0, 0, 0)
MARGIN = 0.3  # of the side, around a picture whose borders are repeated
LEVELS = {
    "none": NONE,
    "light": Augmentation(colour=0.2, erasing=0.0),
    "medium": Augmentation(),
    "strong": Augmentation(
        rotation=20, zoom=0.2, shift=0.1, colour=0.5, grayscale=0.1, erasing=0.5
    ),
    "camera": Augmentation(
        rotation=25, zoom=0.15, shift=0.1, colour=0.4, grayscale=0.1, camera=0.6
    ),
}


def make_augmentation(value: Any) -> Augmentation:
    """Turn a level's name, a mapping or None into an `Augmentation`."""
    if isinstance(value, Augmentation):
        return _checked(value)
    if value is None:
        return NONE
    if isinstance(value, str) and value in LEVELS:
        return LEVELS[value]
    if isinstance(value, Mapping):
        known = [f.name for f in fields(Augmentation)]
        for name in value:
            if name not in known:
                raise ParameterError(choice("a name in augmentation", name, known))
        return _checked(Augmentation(**value))
    raise ParameterError(choice("augmentation", value, LEVELS))


def _checked(augmentation: Augmentation) -> Augmentation:
    for name, value in augmentation.to_dict().items():
        top = 180 if name == "rotation" else 1
        if not (isinstance(value, int | float | np.number) and 0 <= value <= top):
            raise ParameterError(
                f"{name} in augmentation must be a number between 0 and {top}, got {value!r}."
            )
    return augmentation


def _erase(pixels: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    side = pixels.shape[0]
    area, ratio = rng.uniform(0.02, 0.2), math.exp(rng.uniform(-1, 1))
    h = min(side, max(1, round(side * math.sqrt(area * ratio))))
    w = min(side, max(1, round(side * math.sqrt(area / ratio))))
    y, x = rng.integers(0, side - h + 1), rng.integers(0, side - w + 1)
    pixels[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
