import io

import numpy as np
import pytest
from PIL import Image

from agr.datasets import duplicates
from agr.datasets.duplicates import NEAR, SIDE, difference_hash, group_duplicates


def bits_apart(a, b):
    return sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))


def brute_force(hashes, distance):
    """Compare every pair, then let the smaller number spread until nothing changes."""
    bits = np.unpackbits(hashes, axis=1).astype(int)
    near = (bits[:, None] != bits[None]).sum(axis=2) <= distance
    groups = np.arange(len(hashes))
    while True:
        spread = np.where(near, groups[None], len(hashes)).min(axis=1)
        if (spread == groups).all():
            return groups
        groups = spread


def flip_bits(row, places):
    bits = np.unpackbits(row)
    bits[places] ^= 1
    return np.packbits(bits)


def random_hashes(seed, n=60):
    """Give random hashes, some of them copies with 0 to 20 bits flipped, also copies of copies."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 256, 32, dtype=np.uint8)]
    while len(rows) < n:
        if rng.random() < 0.6:
            parent = rows[rng.integers(len(rows))]
            rows.append(flip_bits(parent, rng.choice(256, rng.integers(0, 21), replace=False)))
        else:
            rows.append(rng.integers(0, 256, 32, dtype=np.uint8))
    return np.array(rows)


class TestHash:
    def test_brightness_steps_by_hand(self):
        rising = np.repeat(np.arange(17, dtype=np.uint8)[None] * 10, 16, axis=0)
        rgb = np.repeat(rising[..., None], 3, axis=2)
        assert difference_hash(rgb) == b"\xff" * 32
        assert difference_hash(np.ascontiguousarray(rgb[:, ::-1])) == b"\x00" * 32

    def test_size(self, picture):
        assert len(difference_hash(picture(0))) == SIDE * SIDE // 8

    @pytest.mark.parametrize("change", ["jpeg", "smaller", "brighter"])
    def test_copies_are_near(self, change, picture):
        image = picture(1, side=96)
        if change == "jpeg":
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "JPEG", quality=85)
            copy = np.asarray(Image.open(stream))
        elif change == "smaller":
            copy = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.LANCZOS))
        else:
            copy = (image * 0.6 + 90).astype(np.uint8)
        assert bits_apart(difference_hash(image), difference_hash(copy)) <= NEAR

    def test_other_pictures_are_far(self, picture):
        hashes = [difference_hash(picture(seed)) for seed in range(12)]
        apart = [bits_apart(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
        assert min(apart) > 5 * NEAR


class TestGroups:
    @pytest.mark.parametrize("distance", [0, 1, 2, 3, 7, 12, 30])
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_agrees_with_brute_force(self, seed, distance):
        hashes = random_hashes(seed)
        groups = group_duplicates(hashes, distance)
        np.testing.assert_array_equal(groups, brute_force(hashes, distance))

    def test_chunks_do_not_matter(self, monkeypatch):
        hashes = random_hashes(3)
        hashes[:, :8] = 0  # every hash shares bands with every other
        expected = brute_force(hashes, NEAR)
        monkeypatch.setattr(duplicates, "_CHUNK", 7)
        np.testing.assert_array_equal(group_duplicates(hashes), expected)

    def test_a_pair_that_shares_only_a_crowded_band(self, monkeypatch):
        bands = np.array_split(np.arange(256), NEAR + 1)
        hashes = np.random.default_rng(0).integers(0, 256, (40, 32), dtype=np.uint8)
        bits = np.unpackbits(hashes, axis=1)
        bits[:, bands[0]] = 0
        bits[35] = bits[30]
        bits[35, [band[0] for band in bands[1:]]] ^= 1
        monkeypatch.setattr(duplicates, "_CHUNK", 7)
        expected = np.arange(40)
        expected[35] = 30
        np.testing.assert_array_equal(group_duplicates(np.packbits(bits, axis=1)), expected)

    def test_distance_is_inclusive(self):
        base = np.zeros(32, np.uint8)
        spread = np.arange(0, 256, 256 // 13)  # a bit in every band
        at, above = flip_bits(base, spread[:12]), flip_bits(base, spread[:13])
        assert group_duplicates(np.array([base, at])).tolist() == [0, 0]
        assert group_duplicates(np.array([base, above])).tolist() == [0, 1]

    def test_chain_is_one_group(self):
        base = np.zeros(32, np.uint8)
        chain = [flip_bits(base, np.arange(10 * i)) for i in (2, 0, 1)]
        assert group_duplicates(np.array(chain)).tolist() == [0, 0, 0]
        assert group_duplicates(np.array(chain[:2])).tolist() == [0, 1]

    def test_all_ones(self):
        hashes = np.full((3, 32), 255, np.uint8)
        hashes[1] = 0
        assert group_duplicates(hashes, 3).tolist() == [0, 1, 0]

    def test_none(self):
        assert group_duplicates(np.empty((0, 32), np.uint8)).tolist() == []
