"""What bad light, cheap cameras and compression do to a picture, drawn at random for training.

Each function takes a square RGB picture, a strength between 0 and 1 and a source of chance, and
gives a changed copy. The kinds follow Hendrycks and Dietterich, Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations (ICLR 2019), as far as cameras know them, with
occlusions of faces added; strengths are drawn, not set in five steps.
"""

import io
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from agr.core.images import Pixels

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Corruption = Callable[[Pixels, float, np.random.Generator], Pixels]


def corrupt(image: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Change a ``share`` of pictures once, and a third of these twice."""
    for chance in (share, 1 / 3):
        if rng.random() >= chance:
            break
        change = CORRUPTIONS[rng.integers(len(CORRUPTIONS))]
        image = change(image, float(rng.random()), rng)
    return image


def with_borders(image: Pixels, margin: float) -> Pixels:
    """Repeat a picture's edges around it, as a crop at a photo's border has it."""
    pad = round(image.shape[0] * margin)
    return np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge")


def noise(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Add the grain of a sensor."""
    sd = 4 + 46 * strength
    return _pixels(image + sd * rng.standard_normal(image.shape, np.float32))


def low_light(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Take light away and add the grain that comes with it."""
    dark = (image.astype(np.float32) / 255) ** (1.2 + 1.8 * strength) * (255 - 130 * strength)
    return _pixels(dark + 10 * strength * rng.standard_normal(image.shape, np.float32))


def blur(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Put the face out of focus."""
    radius = image.shape[0] / 112 * (0.8 + 2.2 * strength)
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def motion(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Smear along a line."""
    length = max(3, round(image.shape[0] * (0.03 + 0.12 * strength)))
    angle = rng.uniform(0, math.pi)
    steps = np.linspace(-length / 2, length / 2, length)
    moves = np.rint(np.outer(steps, [math.sin(angle), math.cos(angle)])).astype(int)
    pad = length // 2 + 1
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="edge").astype(np.uint16)
    side = image.shape[0]
    total = sum(padded[pad + y : pad + y + side, pad + x : pad + x + side] for y, x in moves)
    return np.asarray(total // length, dtype=np.uint8)


def jpeg(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Compress until blocks show."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "jpeg", quality=round(45 - 40 * strength))
    return np.asarray(Image.open(stream))


def small(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Shrink, as a face far away, and enlarge again."""
    side = image.shape[0]
    less = max(12, round(side / (1.5 + 3 * strength)))
    shrunk = Image.fromarray(image).resize((less, less), Image.Resampling.BOX)
    return np.asarray(shrunk.resize((side, side), Image.Resampling.BILINEAR))


def contrast(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Pull all values to their mean."""
    mean = np.float32(image.mean())
    return _pixels(mean + (image - mean) * np.float32(0.7 - 0.5 * strength))


def haze(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Lay uneven bright fog over the picture."""
    coarse = rng.integers(140, 256, (4, 4), dtype=np.uint8)
    side = image.shape[0]
    fog = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    share = np.float32(0.2 + 0.5 * strength)
    return _pixels(image * (1 - share) + share * np.asarray(fog, np.float32)[..., None])


def cast(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Tint, as wrong white balance does."""
    gains = 1 + (0.1 + 0.35 * strength) * rng.uniform(-1, 1, 3).astype(np.float32)
    return _pixels(image * gains)


def glare(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Expose too long."""
    return _pixels(image * np.float32(1.2 + strength) + np.float32(30 * strength))


def mask(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Cover mouth and chin with one colour."""
    top = rng.uniform(0.52, 0.66)
    return _covered(image, (0.15, top, 0.85, rng.uniform(0.88, 1.0)), rng.integers(0, 256, 3))


def sunglasses(image: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Cover the eyes with something dark."""
    top = rng.uniform(0.26, 0.38)
    return _covered(image, (0.12, top, 0.88, top + 0.17), rng.integers(0, 60, 3))


CORRUPTIONS: tuple[Corruption, ...] = (
    noise,
    low_light,
    blur,
    motion,
    jpeg,
    small,
    contrast,
    haze,
    cast,
    glare,
    mask,
    sunglasses,
)


def _covered(image: Pixels, box: tuple[float, float, float, float], colour: Ints) -> Pixels:
    left, top, right, bottom = (round(share * image.shape[0]) for share in box)
    covered = image.copy()
    covered[top:bottom, left:right] = colour
    return covered


def _pixels(values: Floats) -> Pixels:
    return np.clip(values, 0, 255).astype(np.uint8)
