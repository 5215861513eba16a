"""Maps of how an answer changes when parts of a face are covered (Zeiler and Fergus, ECCV 2014).

They tell what a network's answer is sensitive to: no reasons, no causes, and nothing of the person.
A covered face is a picture of a kind that the network has hardly seen, so a part of the change is
its surprise.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from agr.core.images import Pixels
from agr.errors import ParameterError

SIDE = 224  # pixels of the crop
PATCH, STEPS = 0.2, 13  # side of the cover as a share of the crop, and its places a side
LOWER, HIGHER = (214, 40, 40), (40, 90, 220)  # where a cover lowers the number, and raises it
STRONGEST = 0.65  # of the colour over the face
CAPTION = 22  # pixels of height

Floats = npt.NDArray[np.float64]


def covers(crop: Pixels) -> tuple[list[Pixels], npt.NDArray[np.bool_]]:
    """Cover a face in many places, one after another, with the crop's mean colour.

    Parameters
    ----------
    crop : array of shape (side, side, 3)
        uint8, RGB.

    Returns
    -------
    pictures : list of n arrays
        The crop with a square covered.
    masks : array of shape (n, side, side)
        Where each is covered.
    """
    side = crop.shape[0]
    if crop.shape[:2] != (side, side):
        raise ParameterError(f"crop must be a square, got shape {crop.shape}.")
    size = max(1, round(PATCH * side))
    colour = np.rint(crop.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    # The outermost covers stick out by half, so that every pixel is covered about as often.
    starts = np.rint(np.linspace(-size / 2, side - size / 2, STEPS)).astype(int)
    pictures, masks = [], []
    for top in starts:
        for left in starts:
            mask = np.zeros((side, side), bool)
            mask[max(top, 0) : top + size, max(left, 0) : left + size] = True
            pictures.append(np.where(mask[..., None], colour, crop))
            masks.append(mask)
    return pictures, np.array(masks)


def sensitivity(
    crop: Pixels, numbers: Callable[[Sequence[Pixels]], Floats]
) -> npt.NDArray[np.float64]:
    """Map how much numbers fall when a place is covered.

    Parameters
    ----------
    crop : array of shape (side, side, 3)
        uint8, RGB: the aligned face.
    numbers : callable
        Gives an array (n, k) for n pictures: k answers, as ages or probabilities.

    Returns
    -------
    array of shape (k, side, side)
        Answer of the whole crop minus the mean answer over the covers that lie on a pixel.
    """
    pictures, masks = covers(crop)
    said = np.asarray(numbers([crop, *pictures]), dtype=float)
    falls = said[:1] - said[1:]
    weights = masks.reshape(len(masks), -1).astype(float)
    maps = falls.T @ weights / np.maximum(weights.sum(axis=0), 1)
    return np.asarray(maps.reshape(-1, *crop.shape[:2]))


def draw_map(crop: Pixels, heat: Floats, caption: str) -> Image.Image:
    """Colour a face by a map: red where a cover lowers the number, blue where it raises it.

    Parameters
    ----------
    crop : array of shape (side, side, 3)
        uint8, RGB.
    heat : array of shape (side, side)
        From `sensitivity`; its largest value, of either sign, gets the strongest colour.
    caption : str
        A line below.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    share = heat / max(float(np.abs(heat).max()), 1e-9)
    colours = np.where((share > 0)[..., None], LOWER, HIGHER)
    opaque = (STRONGEST * np.abs(share))[..., None]
    gray = np.repeat(crop.mean(axis=2, keepdims=True), 3, axis=2)  # so that colours mean one thing
    drawn = np.rint(gray * (1 - opaque) + colours * opaque).astype(np.uint8)
    height, width = drawn.shape[:2]
    picture = Image.new("RGB", (width, height + CAPTION), (16, 20, 28))
    picture.paste(Image.fromarray(drawn))
    font = ImageFont.load_default(12)
    ImageDraw.Draw(picture).text((4, height + 4), caption, fill=(255, 255, 255), font=font)
    return picture
