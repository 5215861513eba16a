from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from agr.errors import ImageError
from agr.training import batches
from agr.training.batches import ImageStore, check_images


@pytest.fixture
def paths(tmp_path):
    """Write five pictures of different sizes."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(5):
        pixels = rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        found.append(str(tmp_path / f"{i}.png"))
    return found


class TestCheck:
    @pytest.mark.parametrize(
        "kind",
        [list, tuple, np.array, pd.Series, lambda x: [Path(p) for p in x]],
        ids=["list", "tuple", "array", "series", "Path"],
    )
    def test_paths_become_words(self, kind):
        assert check_images(kind(["a.png", "b.png"])) == ["a.png", "b.png"]

    def test_array_is_kept(self):
        X = np.zeros((2, 8, 9, 3), np.uint8)
        assert check_images(X) is X

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.zeros((8, 8, 3), np.uint8), r"image\[None\]"),
            (np.zeros((2, 8, 8), np.uint8), r"image\[None\]"),
            (np.zeros((2, 8, 8, 4), np.uint8), r"got \(2, 8, 8, 4\)\.$"),
            (np.zeros((2, 8, 8, 3), np.float32), "uint8.*got float32"),
            ("a.png", "got str"),
            (b"bytes", "got bytes"),
            (None, "got NoneType"),
            (iter(["a.png"]), "a sequence of paths, got list_iterator"),
            ([b"a.png"], "must hold paths, got bytes"),
            ([np.zeros((8, 8, 3), np.uint8)], r"got ndarray.*np.stack\(images\)"),
        ],
        ids=["one", "gray", "rgba", "float", "str", "bytes", "None", "iterator", "[bytes]", "[a]"],
    )
    def test_refused(self, X, message):
        with pytest.raises(ImageError, match=message):
            check_images(X)


class TestStore:
    def test_scales(self, paths):
        store = ImageStore(paths, 12)
        assert len(store) == 5
        assert store[[0, 4]].shape == (2, 12, 12, 3)
        assert store[[0]].dtype == np.uint8

    def test_rows_in_the_order_asked(self, paths):
        store = ImageStore(paths, 12)
        np.testing.assert_array_equal(store[[3, 1]], store[np.arange(5)][[3, 1]])

    def test_streaming_gives_what_the_cache_gives(self, paths, monkeypatch):
        cached = ImageStore(paths, 12)
        monkeypatch.setattr(batches, "CACHE_BYTES", 5 * 12 * 12 * 3 - 1)
        streamed = ImageStore(paths, 12)
        for rows in ([0, 1, 2, 3, 4], [4, 4, 0], [2]):
            np.testing.assert_array_equal(streamed[rows], cached[rows], strict=True)

    @pytest.mark.parametrize("room", [0, 1], ids=["too small", "just right"])
    def test_reads_once_when_all_fit(self, paths, monkeypatch, room):
        reads = []
        read = batches.read_image
        monkeypatch.setattr(batches, "read_image", lambda x: reads.append(x) or read(x))
        monkeypatch.setattr(batches, "CACHE_BYTES", 5 * 12 * 12 * 3 - 1 + room)
        store = ImageStore(paths, 12)
        for _ in range(3):
            store[[0, 1]]
        assert len(reads) == (5 if room else 6)

    def test_training_is_the_same_from_cache_and_stream(
        self, new_estimator, faces_drawn, monkeypatch
    ):
        X, labels = faces_drawn(40, seed=4)
        answers = []
        for size in (batches.CACHE_BYTES, 0):
            monkeypatch.setattr(batches, "CACHE_BYTES", size)
            estimator = new_estimator("gender", epochs=1, augmentation="strong")
            answers.append(estimator.fit(X, labels["gender"]).predict_proba(X))
        np.testing.assert_array_equal(*answers)

    def test_names_the_first_of_the_unreadable(self, paths):
        Path(paths[3]).write_bytes(b"no picture")
        Path(paths[1]).unlink()
        with pytest.raises(ImageError, match=r"2 of 5 pictures.*1\.png does not exist.*Leave them"):
            ImageStore(paths, 12)
