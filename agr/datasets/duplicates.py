"""Find identical and near-identical pictures by a 256-bit difference hash."""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from agr.core.images import Pixels

SIDE = 16  # a hash has SIDE x SIDE bits
NEAR = 12  # bits that may differ between two copies of one picture
_CHUNK = 2048

Hashes = npt.NDArray[np.uint8]


def difference_hash(image: Pixels) -> bytes:
    """Hash a picture by the sign of brightness steps from left to right."""
    gray = Image.fromarray(image).convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    values = np.asarray(gray)
    return np.packbits(values[:, 1:] > values[:, :-1]).tobytes()


def group_duplicates(hashes: Hashes, distance: int = NEAR) -> npt.NDArray[np.int64]:
    """Find the groups of pictures whose hashes are near each other.

    Every pair within ``distance`` lands in one group, and so does a chain of such pairs. The bits
    are cut into ``distance + 1`` bands: two hashes that differ in at most ``distance`` bits agree
    in a whole band, so only pictures that share a band are compared.
    """
    n = len(hashes)
    words = np.ascontiguousarray(hashes).view(np.uint64)
    bits = np.unpackbits(hashes, axis=1)
    pairs = [np.empty((0, 2), np.intp)]
    for band in np.array_split(np.arange(bits.shape[1]), distance + 1):
        keys = bits[:, band].astype(np.int64) @ (1 << np.arange(len(band), dtype=np.int64))
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        for members in np.split(order, starts[1:]):
            if len(members) > 1:
                pairs += _near_pairs(words, members, distance)
    left, right = np.concatenate(pairs).T
    near = coo_array((np.ones(len(left), bool), (left, right)), shape=(n, n))
    _, first, component = np.unique(
        connected_components(near, directed=False)[1], return_index=True, return_inverse=True
    )
    return np.asarray(first[component], np.int64)


def _near_pairs(
    words: npt.NDArray[np.uint64], members: npt.NDArray[np.intp], distance: int
) -> list[npt.NDArray[np.intp]]:
    """Find the pairs of members that are near each other, a chunk of rows at a time."""
    pairs = []
    for start in range(0, len(members), _CHUNK):
        rows = members[start : start + _CHUNK]
        differing = sum(
            np.bitwise_count(words[rows, None, k] ^ words[None, members, k]).astype(np.uint16)
            for k in range(words.shape[1])
        )
        i, j = np.nonzero(differing <= distance)
        found = np.stack([rows[i], members[j]], axis=1)
        pairs.append(found[found[:, 0] < found[:, 1]])
    return pairs
