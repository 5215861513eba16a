"""Random changes to a training picture: its framing, and what a camera does to it.

`draw` moves, turns and mirrors the picture and spoils most copies by none to two of the ways in
`WAYS`; `spoil` applies one way at a given strength, which is what the evaluation uses. Arrays are
uint8, RGB, of shape (h, w, 3). OpenCV does the work: about half a millisecond for 112 pixels.
"""

from collections.abc import Callable

import cv2
import numpy as np

Pixels = np.ndarray
Chance = np.random.Generator


def noise(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Sensor noise with a standard deviation of up to 30, sometimes of gray or coarse grain."""
    side = image.shape[0]
    grain = 1 if rng.random() < 0.7 else 2
    shape = (-(-side // grain), -(-side // grain), 1 if rng.random() < 0.3 else 3)
    field = rng.standard_normal(shape, np.float32) * (4 + 26 * strength)
    if grain > 1:
        field = cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)
        field = field.reshape(side, side, -1)
    return np.clip(image + field, 0, 255).astype(np.uint8)


def low_light(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Too little light: darker, with a gamma, and with the noise of the dark."""
    gamma = 1 + 1.2 * strength * rng.random()
    gain = 1 - 0.78 * strength
    dark = cv2.LUT(image, (255 * gain * (np.arange(256) / 255) ** gamma).astype(np.uint8))
    return noise(dark, 0.3 * strength, rng) if rng.random() < 0.5 else dark


def bright(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Too much light: washed out from above, or lifted by a gamma below one."""
    steps = np.arange(256) / 255
    curve = steps * (1 + 1.2 * strength) if rng.random() < 0.5 else steps ** (1 - 0.6 * strength)
    return cv2.LUT(image, np.clip(255 * curve, 0, 255).astype(np.uint8))


def blur(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Out of focus, with a sigma of up to 3.2 pixels of 112."""
    return cv2.GaussianBlur(image, (0, 0), (0.4 + 2.8 * strength) * image.shape[0] / 112)


def motion(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Shake the hand: blur along a line of up to 17 pixels of 112."""
    length = max(3, round((3 + 14 * strength) * image.shape[0] / 112))
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    dx, dy = half * np.cos(angle), half * np.sin(angle)
    ends = [(round(half + s * dx), round(half + s * dy)) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def jpeg(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Compressed to a quality from 60 down to 8."""
    quality = round(60 - 52 * strength)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def small(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Move the face away: scale down, to a fifth at most, and up again."""
    side = image.shape[0]
    low = max(8, round(side * (0.75 - 0.55 * strength)))
    shrunk = cv2.resize(image, (low, low), interpolation=cv2.INTER_AREA)
    back = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[
        rng.choice(3, p=(0.15, 0.55, 0.3))
    ]
    return cv2.resize(shrunk, (side, side), interpolation=back)


def flat(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Low contrast, down to a sixth."""
    factor = 1 - 0.83 * strength
    return cv2.convertScaleAbs(image, alpha=factor, beta=(1 - factor) * float(image.mean()))


def haze(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Fog or frost: a bright veil, thicker in some places than in others."""
    side = image.shape[0]
    cells = int(rng.integers(2, 9))
    veil = rng.random((cells, cells), np.float32)
    if rng.random() < 0.5:
        finer = rng.random((4 * cells, 4 * cells), np.float32)
        veil = 0.6 * cv2.resize(veil, finer.shape, interpolation=cv2.INTER_CUBIC) + 0.4 * finer
    veil = cv2.resize(veil, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    share = np.clip((0.15 + 0.6 * strength) * (0.6 + 0.8 * veil), 0, 0.92)
    light = rng.uniform(170, 255) + rng.uniform(-12, 12, 3).astype(np.float32)
    return np.clip(image * (1 - share) + light * share, 0, 255).astype(np.uint8)


def cast(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Set a wrong white balance, and colours too strong or too weak."""
    gains = np.exp(rng.uniform(-0.45, 0.45, 3) * strength)
    factor = 1 + rng.uniform(-0.8, 0.8) * strength
    gray = np.array([0.299, 0.587, 0.114])
    matrix = gains[:, None] * (factor * np.eye(3) + (1 - factor) * gray[None, :])
    return cv2.transform(image, matrix.astype(np.float32))


def gray(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Black and white, or brown as an old photo."""
    one = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if rng.random() < 0.75:
        return cv2.merge([one, one, one])
    tint = np.array([1.0, 0.93, 0.82]) ** rng.uniform(0, 1.5)
    return (one[..., None] * tint).astype(np.uint8)


def mask(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Put a mask over the mouth: one colour from below the eyes to the chin."""
    side, out = image.shape[0], image.copy()
    top, bottom = rng.uniform(0.50, 0.62), rng.uniform(0.82, 1.0)
    left, right = rng.uniform(0.08, 0.28), rng.uniform(0.72, 0.92)
    corners = [(left, top + 0.05), (0.5, top), (right, top + 0.05)]
    corners += [(right - 0.05, bottom - 0.07), (0.5, bottom), (left + 0.05, bottom - 0.07)]
    _fill(out, np.array(corners) * side, rng)
    return out


def band(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Sunglasses or a bar: dark over the eyes."""
    side, out = image.shape[0], image.copy()
    middle, half = rng.uniform(0.36, 0.46), rng.uniform(0.05, 0.09)
    left, right = rng.uniform(0.1, 0.25), rng.uniform(0.75, 0.9)
    colour = (
        rng.integers(0, 70, 3).tolist() if rng.random() < 0.8 else rng.integers(0, 256, 3).tolist()
    )
    if rng.random() < 0.5:
        axes = (round(0.14 * side * rng.uniform(0.8, 1.2)), round(half * 1.2 * side))
        for x in (left + 0.12, right - 0.12):
            cv2.ellipse(out, (round(x * side), round(middle * side)), axes, 0, 0, 360, colour, -1)
        half = 0.015
    ends = [
        (round(x * side), round(y * side))
        for x, y in ((left, middle - half), (right, middle + half))
    ]
    cv2.rectangle(out, ends[0], ends[1], colour, -1)
    return out


def erase(image: Pixels, strength: float, rng: Chance) -> Pixels:
    """Something in front: a rectangle of 2 to 20 % of the picture, of one colour or of noise."""
    side, out = image.shape[0], image.copy()
    area, ratio = rng.uniform(0.02, 0.03 + 0.17 * strength), np.exp(rng.uniform(-1, 1))
    h, w = (min(side, max(1, round(side * np.sqrt(v)))) for v in (area * ratio, area / ratio))
    y, x = rng.integers(0, side - h + 1), rng.integers(0, side - w + 1)
    whole = rng.random() < 0.5
    out[y : y + h, x : x + w] = rng.integers(0, 256, 3 if whole else (h, w, 3), dtype=np.uint8)
    return out


def _fill(out: Pixels, corners: np.ndarray, rng: Chance) -> None:
    bright = rng.random() < 0.5
    colour = rng.integers(150, 256, 3) if bright else rng.integers(0, 256, 3)
    cv2.fillPoly(out, [corners.round().astype(np.int32)], colour.tolist())


WAYS: dict[str, Callable[[Pixels, float, Chance], Pixels]] = {
    "noise": noise,
    "low light": low_light,
    "bright": bright,
    "blur": blur,
    "motion": motion,
    "jpeg": jpeg,
    "small": small,
    "flat": flat,
    "haze": haze,
    "cast": cast,
    "gray": gray,
    "mask": mask,
    "band": band,
    "erase": erase,
}
WEIGHTS = np.array([3, 2, 1, 2, 1.5, 1.5, 2, 1, 2.5, 1.5, 1.5, 0.8, 0.7, 2])
WEIGHTS = WEIGHTS / WEIGHTS.sum()
COUNTS = (0.35, 0.40, 0.25)  # of none, one and two ways


def spoil(image: Pixels, way: str, strength: float, rng: Chance) -> Pixels:
    """Spoil a picture in one way.

    Parameters
    ----------
    image : array of shape (side, side, 3)
        uint8, RGB.
    way : str
        One of `WAYS`.
    strength : float
        From 0 to 1.
    rng : numpy Generator
        Source of chance.

    Returns
    -------
    array of shape (side, side, 3)
        uint8, RGB.
    """
    return WAYS[way](image, strength, rng)


def frame(image: Pixels, size: int, rng: Chance, *, wide: float = 0.08) -> Pixels:
    """Mirror, turn, scale and shift a picture as a detector's jitter does.

    Parameters
    ----------
    image : array of shape (side, side, 3)
        uint8, RGB.
    size : int
        Side of the result.
    rng : numpy Generator
        Source of chance.
    wide : float, default=0.08
        Share of pictures that are cut much tighter or wider than usual.

    Returns
    -------
    array of shape (size, size, 3)
        uint8, RGB; what lies outside is black or repeats the edge.
    """
    side = image.shape[0]
    if rng.random() < 0.25:
        angle, scale, reach = rng.uniform(-25, 25), rng.uniform(-0.15, 0.15), 0.1
    else:
        angle, scale, reach = rng.uniform(-12, 12), rng.uniform(-0.12, 0.12), 0.08
    if rng.random() < wide:
        scale = rng.uniform(-0.35, 0.3)
    angle = np.deg2rad(angle)
    zoom = (1 + scale) * side / size
    a, b = zoom * np.cos(angle), zoom * np.sin(angle)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    dx, dy = rng.uniform(-reach, reach, 2) * side
    half, middle = (size - 1) / 2, (side - 1) / 2
    matrix = np.array([[mirror * a, -b, 0], [mirror * b, a, 0]])
    matrix[:, 2] = np.array([middle + dx, middle + dy]) - matrix[:, :2] @ [half, half]
    border = cv2.BORDER_CONSTANT if rng.random() < 0.4 else cv2.BORDER_REPLICATE
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=border)


def light(image: Pixels, rng: Chance) -> Pixels:
    """Change brightness and contrast a little."""
    alpha = rng.uniform(0.75, 1.3)
    beta = rng.uniform(-30, 30) + (1 - alpha) * 110
    return cv2.LUT(image, np.clip(alpha * np.arange(256) + beta, 0, 255).astype(np.uint8))


def draw(image: Pixels, size: int, rng: Chance) -> Pixels:
    """Draw one changed copy of a picture.

    Parameters
    ----------
    image : array of shape (side, side, 3)
        uint8, RGB.
    size : int
        Side of the copy.
    rng : numpy Generator
        Source of chance; the same state gives the same copy.

    Returns
    -------
    array of shape (size, size, 3)
        uint8, RGB.
    """
    copy = frame(image, size, rng)
    if rng.random() < 0.7:
        copy = light(copy, rng)
    count = rng.choice(3, p=COUNTS)
    for way in sorted(rng.choice(len(WAYS), count, replace=False, p=WEIGHTS), key=_place):
        strength = (0.8 if count == 2 else 1.0) * rng.random() ** 1.3
        copy = list(WAYS.values())[way](copy, strength, rng)
    return copy


def _place(way: int) -> int:
    """Sort the ways as they happen: before the lens, in it, on the sensor, in the file."""
    order = "erase mask band haze low light bright cast gray flat blur motion small noise jpeg"
    return order.index(list(WAYS)[way])
