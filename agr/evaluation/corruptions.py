"""What cameras, weather and clothes do to a picture of a face, at five severities.

Kinds and strengths follow Hendrycks and Dietterich, Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations (ICLR 2019), as far as cameras know them; low light, small
faces, colour casts, masks and sunglasses are added. The code is not that of the training's
augmentation, so that a model is tested on what it has not practised.
"""

import io
import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy.signal import fftconvolve

from agr.core.images import Pixels, resize
from agr.errors import ParameterError, choice

SEVERITIES = (1, 2, 3, 4, 5)
SIDE = 128  # pixels; what a face is scaled to before, so that a severity means the same for all

Floats = npt.NDArray[np.float64]
Corruption = Callable[[Floats, int, np.random.Generator], Floats]


def corrupt(image: Pixels, kind: str, severity: int, *, seed: int = 0) -> Pixels:
    """Spoil a picture of a face.

    Parameters
    ----------
    image : array of shape (h, w, 3)
        uint8 RGB, one aligned face.
    kind : str
        A key of `CORRUPTIONS`.
    severity : int
        From 1 to 5.
    seed : int, default=0
        What is drawn, such as a mask's colour, follows from it.

    Returns
    -------
    array of shape (128, 128, 3)
        uint8 RGB.

    Raises
    ------
    ParameterError
        Unknown kind or severity.

    Examples
    --------
    >>> corrupt(np.zeros((64, 64, 3), np.uint8), "fog", 3).shape
    (128, 128, 3)
    """
    if kind not in CORRUPTIONS:
        raise ParameterError(choice("corruption", kind, CORRUPTIONS))
    if severity not in SEVERITIES:
        raise ParameterError(f"severity must be a whole number from 1 to 5, got {severity!r}.")
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(kind)])
    values = resize(image, SIDE).astype(float) / 255
    spoilt = CORRUPTIONS[kind](values, severity - 1, rng)
    return np.asarray(np.rint(np.clip(spoilt, 0, 1) * 255), dtype=np.uint8)


def _noise(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    return image + (0.08, 0.12, 0.18, 0.26, 0.38)[k] * rng.standard_normal(image.shape)


def _low_light(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Catch few photons, and amplify only a part of what is missing."""
    light, photons = (0.5, 0.35, 0.25, 0.17, 0.12)[k], (200, 100, 60, 40, 25)[k]
    linear = image**2.2 * light
    caught = rng.poisson(linear * photons / light) * light / photons
    return np.asarray(np.clip(caught, 0, None) ** (1 / 2.2))


def _blur(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Spread each point over a disk, as a lens out of focus does."""
    radius = (1.5, 2.2, 3.2, 4.4, 5.7)[k]
    axis = np.arange(-math.ceil(radius) - 1, math.ceil(radius) + 2)
    distance = np.hypot(*np.meshgrid(axis, axis))
    return _convolved(image, np.clip(radius + 0.5 - distance, 0, 1))


def _motion(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    length, angle = (5, 8, 11, 15, 20)[k], rng.uniform(0, math.pi)
    path = Image.new("L", (2 * length + 1,) * 2)
    dx, dy = math.cos(angle) * length / 2, math.sin(angle) * length / 2
    ends = (length - dx, length - dy, length + dx, length + dy)
    ImageDraw.Draw(path).line(ends, fill=255)
    return _convolved(image, np.asarray(path, float))


def _jpeg(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    stream = io.BytesIO()
    pixels = np.rint(image * 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "jpeg", quality=(25, 18, 15, 10, 7)[k])
    return np.asarray(Image.open(stream), float) / 255


def _contrast(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    means = image.mean(axis=(0, 1))
    return np.asarray(means + (image - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[k])


def _fog(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    thick = (0.6, 0.9, 1.2, 1.6, 2.2)[k]
    fog = thick * _clouds(rng, roughness=1.6)[..., None]
    return np.asarray((image + fog) / (1 + thick * 0.8))


def _frost(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Lay ridges of ice over the picture, thicker towards the edges."""
    ice = 1 - abs(2 * _clouds(rng, roughness=1.0) - 1)
    axis = np.linspace(-1, 1, SIDE)
    edge = np.clip(np.hypot(*np.meshgrid(axis, axis)), 0, 1)
    share = np.clip(ice**3 * (0.4 + edge), 0, 1)[..., None] * (0.45, 0.6, 0.75, 0.9, 1.0)[k]
    return np.asarray(image * (1 - share) + share * (0.85, 0.92, 1.0))


def _small(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    side = (48, 32, 24, 16, 12)[k]
    picture = Image.fromarray(np.rint(image * 255).astype(np.uint8))
    shrunk = picture.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(shrunk.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float) / 255


def _colour_cast(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Light by a lamp of one colour: a hue is drawn, other light is taken away."""
    hue = rng.uniform(0, 2 * math.pi) + np.array([0, 2, 4]) * math.pi / 3
    lamp = 1 - (0.15, 0.3, 0.45, 0.6, 0.75)[k] * (1 - np.cos(hue)) / 2
    return np.asarray(image * lamp)


def _gray(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    gray = (image @ (0.299, 0.587, 0.114))[..., None]
    share = (0.2, 0.4, 0.6, 0.8, 1.0)[k]
    return np.asarray(image * (1 - share) + gray * share)


def _mask(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Cover chin, mouth and more of the nose with cloth, which hangs from the ears."""
    top = (0.78, 0.72, 0.66, 0.6, 0.55)[k]
    outline = [(0.08, top - 0.02), (0.5, top - 0.07), (0.92, top - 0.02), (0.8, 0.95), (0.5, 1.0)]
    return _covered(image, [*outline, (0.2, 0.95)], rng.uniform(0.1, 0.95, 3), 1.0)


def _sunglasses(image: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Darken two round glasses before the eyes."""
    opacity, size = (0.5, 0.7, 0.85, 1.0, 1.0)[k], (0.1, 0.11, 0.12, 0.13, 0.16)[k]
    turn, colour = np.linspace(0, 2 * math.pi, 24), rng.uniform(0, 0.15, 3)
    for middle in (0.33, 0.67):
        outline = zip(middle + 1.3 * size * np.cos(turn), 0.38 + size * np.sin(turn), strict=True)
        image = _covered(image, list(outline), colour, opacity)
    return image


CORRUPTIONS = MappingProxyType(
    {
        "noise": _noise,
        "low_light": _low_light,
        "blur": _blur,
        "motion": _motion,
        "jpeg": _jpeg,
        "contrast": _contrast,
        "fog": _fog,
        "frost": _frost,
        "small": _small,
        "colour_cast": _colour_cast,
        "gray": _gray,
        "mask": _mask,
        "sunglasses": _sunglasses,
    }
)


def _convolved(image: Floats, kernel: Floats) -> Floats:
    pad = kernel.shape[0] // 2
    framed = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    weights = (kernel / kernel.sum())[..., None]
    return np.asarray(fftconvolve(framed, weights, mode="same", axes=(0, 1)))[pad:-pad, pad:-pad]


def _clouds(rng: np.random.Generator, roughness: float) -> Floats:
    """Draw noise whose power falls with frequency, from 0 to 1."""
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = math.inf
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequency**roughness
    field = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return np.asarray((field - field.min()) / np.ptp(field))


def _covered(
    image: Floats, outline: list[tuple[float, float]], colour: Floats, opacity: float
) -> Floats:
    stencil = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(stencil).polygon([(x * SIDE, y * SIDE) for x, y in outline], fill=255)
    share = np.asarray(stencil, float)[..., None] / 255 * opacity
    return np.asarray(image * (1 - share) + share * colour)
