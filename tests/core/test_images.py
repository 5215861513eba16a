import io
import os
import re
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, PngImagePlugin

from agr.core import images
from agr.core.images import FORMATS, SUFFIXES, find_images, read_image, read_photo, resize
from agr.datasets.faces import scan
from agr.errors import ImageError

TRUNCATED = "cannot be decoded"


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def heic(image):
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def red():
    return Image.new("RGB", (8, 6), (255, 0, 0))


class TestSources:
    @pytest.mark.parametrize("kind", ["path", "str", "bytes", "bytearray", "memoryview"])
    def test_names_and_bytes(self, kind, tmp_path, quarters):
        path = tmp_path / "a.png"
        Image.fromarray(quarters).save(path)
        data = path.read_bytes()
        source = {
            "path": path,
            "str": str(path),
            "bytes": data,
            "bytearray": bytearray(data),
            "memoryview": memoryview(data),
        }[kind]
        np.testing.assert_array_equal(read_image(source), quarters)

    def test_file_objects(self, tmp_path, quarters):
        path = tmp_path / "a.png"
        Image.fromarray(quarters).save(path)
        np.testing.assert_array_equal(read_image(io.BytesIO(path.read_bytes())), quarters)
        with path.open("rb") as file:
            np.testing.assert_array_equal(read_image(file), quarters)

    def test_pil_image(self, quarters):
        np.testing.assert_array_equal(read_image(Image.fromarray(quarters)), quarters)

    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)], ids=["2d", "one-channel"])
    def test_gray_array_becomes_rgb(self, shape):
        gray = np.arange(20, dtype=np.uint8).reshape(shape)
        pixels = read_image(gray)
        assert pixels.shape == (4, 5, 3)
        for channel in range(3):
            np.testing.assert_array_equal(pixels[..., channel], gray.reshape(4, 5))

    def test_rgb_array_is_returned_as_it_is(self, quarters):
        assert read_image(quarters) is quarters

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((4, 4, 3)), r"uint8 array \(0 to 255\), got float64.*\* 255"),
            (np.zeros((4, 4, 4), np.uint8), r"\(h, w, 3\), got \(4, 4, 4\)"),
            (np.zeros((1, 4, 4, 3), np.uint8), r"got \(1, 4, 4, 3\)"),
            (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
            (np.zeros((0, 0), np.uint8), r"got \(0, 0, 3\)"),
        ],
        ids=["float", "four-channels", "batch", "no-rows", "no-pixels"],
    )
    def test_wrong_arrays(self, array, message):
        with pytest.raises(ImageError, match=message):
            read_image(array)

    @pytest.mark.parametrize("source", [None, 3, ["a.png"]], ids=["none", "int", "list"])
    def test_other_types(self, source):
        with pytest.raises(ImageError, match=f"Expected a path.*got {type(source).__name__}"):
            read_image(source)


class TestFormats:
    # Where the picture's own upper left corner comes out, by EXIF orientation.
    CORNERS = {
        1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1),
        8: (-1, 0),
    }  # fmt: skip

    @pytest.mark.parametrize("orientation", list(CORNERS))
    def test_exif_turn(self, orientation, quarters):
        exif = Image.Exif()
        exif[0x0112] = orientation
        pixels = read_image(encode(Image.fromarray(quarters), "PNG", exif=exif))
        assert pixels.shape[:2] == ((20, 30) if orientation < 5 else (30, 20))
        assert tuple(pixels[self.CORNERS[orientation]]) == (255, 0, 0)

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
    def test_damaged_exif_leaves_a_picture_readable(self, quarters, kind):
        exif = Image.Exif()
        exif[0x0112] = 6
        exif[0x010E] = "a description"
        exif[0x011A] = 72.0
        data = encode(Image.fromarray(quarters), kind, exif=exif)
        block = exif.tobytes()[6:]
        start = data.index(block)
        shapes = Counter()
        for i in range(start, start + len(block)):
            for value in (0, 3, 12, 255):
                damaged = data[:i] + bytes([value]) + data[i + 1 :]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    shapes[read_image(damaged).shape] += 1
                    shapes[read_photo(damaged, 15)[0].shape] += 1
        # Mostly the damage lies elsewhere, and the picture is turned.
        assert shapes.keys() == {(30, 20, 3), (20, 30, 3), (15, 10, 3), (10, 15, 3)}
        assert shapes[30, 20, 3] > 2 * shapes[20, 30, 3]
        assert shapes[15, 10, 3] > 2 * shapes[10, 15, 3]

    def test_damaged_exif_of_an_example(self, tmp_path):
        whole = Image.open("examples/astronaut.jpg")
        exif = Image.Exif()
        exif[0x0112] = 8
        path = tmp_path / "damaged.jpg"
        whole.save(path, exif=exif, quality=95)
        data = bytearray(path.read_bytes())
        block = data.index(b"Exif") + 6
        data[block : block + 8] = b"\xde\xad\xbe\xef" * 2
        path.write_bytes(data)
        pixels, _ = read_photo(path, 100)
        small = np.asarray(whole.resize((100, 100), Image.Resampling.BILINEAR))
        assert abs(pixels.astype(int) - small).mean() < 4

    @pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA", "RGB"])
    def test_modes_give_rgb(self, mode):
        data = encode(Image.new("RGB", (8, 6), "white").convert(mode), "PNG")
        pixels = read_image(data)
        assert pixels.shape == (6, 8, 3)
        assert pixels.dtype == np.uint8
        assert (pixels == 255).all()

    def test_palette_keeps_its_colours(self, red):
        assert tuple(read_image(encode(red.convert("P"), "PNG"))[0, 0]) == (255, 0, 0)

    def test_cmyk(self, red):
        pixels = read_image(encode(red.convert("CMYK"), "TIFF"))
        assert tuple(pixels[0, 0]) == (255, 0, 0)

    def test_cmyk_jpeg(self, red):
        pixels = read_image(encode(red.convert("CMYK"), "JPEG", quality=95)).astype(int)
        assert abs(pixels - (255, 0, 0)).max() < 12

    def test_transparency_lies_on_white(self):
        image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
        image.putpixel((0, 0), (255, 0, 0, 255))
        image.putpixel((1, 0), (0, 0, 0, 128))
        pixels = read_image(encode(image, "PNG"))
        assert tuple(pixels[0, 0]) == (255, 0, 0)
        assert tuple(pixels[0, 1]) == (127, 127, 127)
        assert tuple(pixels[3, 3]) == (255, 255, 255)

    def test_transparent_palette_lies_on_white(self):
        image = Image.new("P", (4, 4), 0)
        image.putpalette([10, 20, 30, 255, 0, 0])
        image.putpixel((0, 0), 1)
        pixels = read_image(encode(image, "PNG", transparency=0))
        assert tuple(pixels[0, 0]) == (255, 0, 0)
        assert tuple(pixels[3, 3]) == (255, 255, 255)

    def test_16_bit_is_scaled(self):
        values = np.array([[0, 32768, 65535]], np.uint16)
        pixels = read_image(encode(Image.fromarray(values), "PNG"))
        assert pixels[0, :, 0].tolist() == [0, 127, 255]
        assert (pixels == pixels[..., :1]).all()

    def test_animation_gives_its_first_frame(self, red):
        frames = [Image.new("RGB", (8, 6), "blue"), Image.new("RGB", (8, 6), "lime")]
        data = encode(red, "GIF", save_all=True, append_images=frames)
        assert Image.open(io.BytesIO(data)).n_frames == 3
        assert tuple(read_image(data)[0, 0]) == (255, 0, 0)


class TestDamage:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
    def test_truncated(self, kind, picture):
        data = encode(Image.fromarray(picture(0)), kind)
        with pytest.raises(ImageError):
            read_image(data[: len(data) // 2])

    def test_truncated_says_which_file(self, tmp_path, picture):
        path = tmp_path / "half.jpg"
        path.write_bytes(encode(Image.fromarray(picture(0)), "JPEG")[:700])
        with pytest.raises(ImageError, match=f"half.jpg {TRUNCATED}"):
            read_image(path)

    def test_truncated_pil_image(self, picture):
        lazy = Image.open(io.BytesIO(encode(Image.fromarray(picture(0)), "JPEG")[:700]))
        with pytest.raises(ImageError, match=f"the PIL image {TRUNCATED}"):
            read_image(lazy)

    def test_empty_bytes(self):
        with pytest.raises(ImageError, match="0 bytes is not a picture"):
            read_image(b"")

    def test_empty_file(self, tmp_path):
        (tmp_path / "empty.png").touch()
        with pytest.raises(
            ImageError, match=r"empty.png is not a picture in a known format \(avif, bmp"
        ):
            read_image(tmp_path / "empty.png")

    def test_text_file(self, tmp_path):
        (tmp_path / "note.jpg").write_text("not a picture")
        with pytest.raises(ImageError, match="note.jpg is not a picture"):
            read_image(tmp_path / "note.jpg")

    def test_folder(self, tmp_path):
        with pytest.raises(ImageError, match="is a folder; expected one picture"):
            read_image(tmp_path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(ImageError, match="gone.jpg does not exist; check the path"):
            read_image(tmp_path / "gone.jpg")


def grown(data, tag, value):
    """Set a number of a little-endian TIFF's directory."""
    data = bytearray(data)
    start = struct.unpack_from("<I", data, 4)[0]
    for k in range(struct.unpack_from("<H", data, start)[0]):
        place = start + 2 + 12 * k
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<HII", data, place + 2, 4, 1, value)
    return bytes(data)


class TestAnyDamage:
    """Whatever a decoder raises is the picture's fault, and never ends a list of pictures."""

    @pytest.mark.parametrize(
        "error",
        [RuntimeError, IndexError, TypeError, OverflowError, AssertionError, NotImplementedError,
         AttributeError, KeyError, MemoryError, RecursionError, struct.error, EOFError],
    )  # fmt: skip
    def test_of_every_kind(self, monkeypatch, red, error):
        def fail(self):
            raise error

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
        said = f"cannot be decoded: {error.__name__}|more memory to decode than there is"
        with pytest.raises(ImageError, match=said):
            read_image(encode(red, "PNG"))

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_but_for_stops(self, monkeypatch, red, error):
        def stop(self):
            raise error

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", stop)
        with pytest.raises(error):
            read_image(encode(red, "PNG"))

    @pytest.mark.parametrize("read", [read_image, read_photo])
    def test_heic(self, read, red):
        pytest.importorskip("pillow_heif", reason="agr-faces[heic]")
        data = heic(Image.fromarray(np.full((64, 64, 3), 90, np.uint8)))
        assert read(data)[0] is not None
        # Without its last bytes the decoder raises RuntimeError; without the table of places,
        # there is no picture in it, which it tells as an IndexError.
        without = [data.replace(box, b"free") for box in (b"iloc", b"pitm", b"ispe")]
        for damaged in (data[:-20], data[:60], *without):
            with pytest.raises(ImageError):
                read(damaged)

    def test_tiff_with_a_broken_size(self, red):
        data = encode(red, "TIFF")
        assert read_image(grown(data, 256, 8)).shape == (6, 8, 3)
        for value in (0, 2**31, 2**32 - 1):
            with pytest.raises(ImageError):
                read_image(grown(data, 256, value))
        data = bytearray(data)
        start = struct.unpack_from("<I", data, 4)[0]
        struct.pack_into("<H", data, start + 4, 2)  # the width as text, which raises TypeError
        with pytest.raises(ImageError):
            read_image(bytes(data))

    @pytest.mark.parametrize("read", [read_image, lambda data: read_photo(data)[0]])
    def test_png_without_its_palette(self, read):
        data = encode(Image.new("P", (20_000, 1)), "PNG")
        start = data.index(b"PLTE") - 4
        end = start + 12 + struct.unpack_from(">I", data, start)[0]
        try:
            pixels = read(data[:start] + data[end:])
        except ImageError:
            return
        assert pixels.shape[2] == 3

    def test_a_list_goes_on(self, red, tmp_path):
        from agr import Predictor

        bad = encode(red, "TIFF")[:40]
        results = Predictor(["gender"], faces="crop").predict(
            [encode(red, "PNG"), bad, encode(red, "PNG")]
        )
        assert [bool(one.error) for one in results] == [False, True, False]
        assert results[0] == results[2]

    @pytest.mark.parametrize("path", ["a\0b.png", "x" * 5000, "x" * 100_000 + "/y.jpg"], ids=len)
    def test_impossible_paths(self, path):
        with pytest.raises(ImageError, match="cannot be decoded|does not exist"):
            read_image(path)
        assert find_images([path]) == [Path(path)]

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "face.jpg")
        with pytest.raises(ImageError, match="face.jpg is no regular file; expected one picture"):
            read_image(tmp_path / "face.jpg")

    def test_a_file_object_that_cannot_seek_and_one_of_text(self, red):
        class Plain:
            def __init__(self, content):
                self.read = lambda n: content

        assert read_image(Plain(encode(red, "PNG"))).shape == (6, 8, 3)
        with pytest.raises(ImageError, match="cannot be decoded"):
            read_image(io.StringIO("a picture"))


class TestOnlyNamedFormats:
    def test_every_format_is_read(self, red):
        for kind, (suffixes, _) in FORMATS.items():
            if kind == "HEIF":
                pytest.importorskip("pillow_heif", reason="agr-faces[heic]")
            data = heic(red) if kind == "HEIF" else encode(red, kind)
            assert read_image(data).shape == (6, 8, 3), kind
            assert all(suffix in SUFFIXES for suffix in suffixes)

    @pytest.mark.parametrize("kind", ["DDS", "ICO", "PCX", "PPM", "SGI", "SPIDER", "TGA", "EPS"])
    @pytest.mark.parametrize("read", [read_image, read_photo])
    def test_no_other_one(self, red, kind, read):
        image = red.convert("F") if kind == "SPIDER" else red
        with pytest.raises(ImageError, match="is not a picture in a known format"):
            read(encode(image, kind))

    def test_no_program_is_started(self, red, tmp_path, monkeypatch):
        (tmp_path / "face.jpg").write_bytes(encode(red, "EPS"))
        called = tmp_path / "called"
        (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {called}\n")
        (tmp_path / "gs").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # Pillow looks for it once
        with pytest.raises(ImageError, match="face.jpg is not a picture in a known format"):
            read_image(tmp_path / "face.jpg")
        assert not called.exists()

    def test_avif_under_the_brand_that_heic_has_too(self, red):
        data = encode(red, "AVIF")
        assert data[8:12] == b"avif"
        assert b"mif1" in data[:64]
        turned = data[:8] + b"mif1" + data[12:]
        assert read_image(turned).shape == (6, 8, 3)


PEAK = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from agr.core.images import read_image, read_photo
from agr.errors import ImageError

def read(path):
    try:
        return read_photo(path)[0].shape if kind == "photo" else read_image(path).shape
    except ImageError as error:
        return str(error)

kind, small, *paths = sys.argv[1:]
read(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(read, paths))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, *found, sep="\\n")
"""


BOMBS = {
    "16-bit": lambda: encode(Image.fromarray(np.zeros((5000, 5000), np.uint16)), "PNG"),
    "alpha": lambda: encode(Image.new("RGBA", (5000, 5000)), "PNG"),
    "palette": lambda: encode(Image.new("P", (7000, 7000)), "PNG"),
    "cmyk": lambda: encode(Image.new("CMYK", (5000, 5000)), "TIFF", compression="tiff_deflate"),
    "webp": lambda: encode(Image.new("RGB", (4000, 4000)), "WEBP", lossless=True, method=0),
    "avif": lambda: encode(Image.new("RGB", (4000, 4000)), "AVIF", speed=10),
    "progressive": lambda: encode(Image.new("RGB", (6000, 6000)), "JPEG", progressive=True),
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    """Write small files that decode to many pixels; gives their paths."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        (folder / name).write_bytes(make())
    return [folder / name for name in BOMBS]


class TestBoundedMemory:
    """What decoding takes beyond what the process has anyway, with eight threads."""

    @pytest.mark.parametrize(("kind", "side"), [("crop", 2048), ("photo", 4096)])
    def test_all_at_once(self, kind, side, bombs, tmp_path, environment, red):
        red.save(tmp_path / "small.png")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PEAK, kind, tmp_path / "small.png", *bombs],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        peak, *found = done.stdout.splitlines()
        sides = [min(side, 4000) if name in ("webp", "avif") else side for name in BOMBS]
        assert found == [f"({side}, {side}, 3)" for side in sides]
        assert int(peak) < 520

    def test_what_takes_more_is_refused_before_it_is_decoded(self, monkeypatch):
        data = encode(Image.new("RGBA", (9400, 9400)), "PNG", compress_level=1)
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("was decoded"))
        with pytest.raises(ImageError, match="takes .* MB to be decoded; at most 400 are used"):
            read_photo(data)

    def test_what_lies_in_memory_already_is_not_counted(self, monkeypatch):
        monkeypatch.setattr(images, "_DECODING", images.Budget(400))
        image = Image.new("RGB", (8, 6))
        assert read_image(image).shape == (6, 8, 3)
        with pytest.raises(ImageError, match="to be decoded"):
            read_image(encode(image, "PNG"))

    def test_thin_pictures(self):
        """A resampling filter for a picture of one row takes more memory than the picture."""
        with pytest.raises(ImageError, match="at most 65,535|65,535 in a row or column"):
            read_photo(encode(Image.new("L", (80_000_000, 1)), "PNG"))

    def test_16_bit_is_exact_across_strips(self, monkeypatch):
        monkeypatch.setattr(images, "_STRIP", 64)
        values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        pixels = read_image(encode(Image.fromarray(values), "PNG"))
        np.testing.assert_array_equal(pixels[..., 0], values // 257)

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "CMYK", "F"])
    def test_strips_give_what_the_whole_gives(self, monkeypatch, mode):
        noise = np.random.default_rng(0).integers(0, 256, (90, 70, 4), np.uint8)
        by = {"P": "RGB", "CMYK": "RGB", "F": "L"}.get(mode, "RGBA")
        image = Image.fromarray(noise).convert(by).convert(mode)
        whole, scale = read_photo(image, 40)
        monkeypatch.setattr(images, "_STRIP", 140)  # two rows
        np.testing.assert_array_equal(read_photo(image, 40)[0], whole)
        assert whole.shape == (40, 31, 3)
        assert scale == 90 / 40

    def test_a_callers_own_image_stays_as_it_was(self):
        lazy = Image.open(io.BytesIO(encode(Image.new("RGB", (4200, 4200)), "JPEG")))
        assert read_image(lazy).shape == (2048, 2048, 3)
        assert lazy.size == (4200, 4200)

    def test_crops_are_shrunk_as_they_are_decoded(self):
        assert read_image(encode(Image.new("RGB", (4200, 2100)), "JPEG")).shape == (1024, 2048, 3)


class TestBoundedWork:
    def bomb(self, scans, side=5000):
        """Make a progressive JPEG that goes over its pixels again and again."""
        data = encode(Image.new("RGB", (side, side), (90, 128, 70)), "JPEG", progressive=True)
        starts = [match.start() for match in re.finditer(b"\xff\xda", data)]
        last = data[starts[-1] : -2]
        return data[:-2] + last * (scans - len(starts)) + data[-2:]

    def test_too_many_scans(self):
        with pytest.raises(ImageError, match="has 100 scans; too many for a JPEG of 25,000,000"):
            read_image(self.bomb(100))
        assert read_image(self.bomb(12, side=500)).shape == (500, 500, 3)

    def test_scans_of_the_thumbnail_and_of_what_follows_do_not_count(self):
        data = encode(Image.new("RGB", (3000, 3000)), "JPEG", comment=b"\xff\xda" * 20_000)
        assert read_image(data + b"\xff\xda" * 20_000).shape == (2048, 2048, 3)
        data = encode(Image.new("RGB", (3000, 3000)), "JPEG", comment=b"\xff\xda" * 20_000,
                      progressive=True)  # fmt: skip
        assert read_image(data + b"\xff\xda" * 20_000).shape == (2048, 2048, 3)

    def test_a_flood_of_tiny_blocks(self, red):
        data = encode(red, "PNG")
        chunk = struct.pack(">I4sI", 0, b"prVt", zlib.crc32(b"prVt"))
        assert read_image(data[:33] + chunk * 1000 + data[33:]).shape == (6, 8, 3)
        with pytest.raises(ImageError, match="more than 200,000 parts"):
            read_image(data[:33] + chunk * 300_000 + data[33:])


class TestBudget:
    def test_no_more_than_the_total_is_held(self):
        budget, held, most = images.Budget(10), [], []

        def work(n):
            with budget.hold(n):
                held.append(n)
                most.append(sum(held))
                time.sleep(0.002)
                held.remove(n)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, [4, 3, 10, 1, 6, 2, 5, 9] * 4))
        assert max(most) <= 10
        assert any(total > 6 for total in most)

    def test_who_waits_for_much_is_not_overtaken(self):
        budget, order = images.Budget(10), []
        threads = []

        def work(n):
            with budget.hold(n):
                order.append(n)

        with budget.hold(5):
            for n in (10, 1):
                threads.append(threading.Thread(target=work, args=(n,)))
                threads[-1].start()
                time.sleep(0.2)
        for thread in threads:
            thread.join(20)
        assert order == [10, 1]

    def test_an_error_gives_the_bytes_back(self):
        budget = images.Budget(10)
        for _ in range(3):
            with pytest.raises(ValueError, match="no"), budget.hold(10):
                raise ValueError("no")


class TestTooLarge:
    def test_limit_is_exact(self, monkeypatch):
        monkeypatch.setattr(images, "MAX_PIXELS", 48)
        assert read_image(Image.new("RGB", (8, 6))).shape == (6, 8, 3)
        with pytest.raises(ImageError, match="9 x 6 pixels; at most 48 are read"):
            read_image(Image.new("RGB", (9, 6)))

    def test_file_is_refused_before_it_is_decoded(self, monkeypatch):
        data = encode(Image.new("1", (9500, 9500)), "PNG")
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("was decoded"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with pytest.raises(ImageError, match="9500 x 9500 pixels; at most 89,000,000"):
                read_image(data)

    def test_warning_as_error_is_an_image_error(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
        data = encode(Image.new("RGB", (8, 6)), "BMP")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ImageError, match="decompression bomb"):
                read_image(data)

    def test_bomb(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(ImageError, match="decompression bomb"):
            read_image(encode(Image.new("RGB", (8, 6)), "BMP"))

    def test_pillow_warns_only_above_the_limit(self):
        assert Image.MAX_IMAGE_PIXELS >= images.MAX_PIXELS


def test_reading_never_touches_warning_filters(faces, monkeypatch):
    # catch_warnings is not thread-safe; pictures are read in threads.
    def refuse(*args, **kwargs):
        raise AssertionError("a warning filter was set while reading pictures")

    paths = faces.paths[:5]  # pandas may set filters to give them
    with monkeypatch.context() as patch:  # pytest itself sets filters before its fixtures end
        patch.setattr(warnings, "simplefilter", refuse)
        patch.setattr(warnings, "filterwarnings", refuse)
        hashes, errors = scan(paths)
    assert all(hashes)
    assert errors == {}


class TestResize:
    def test_same_size_is_the_same_array(self, picture):
        image = picture(0, side=16)
        assert resize(image, 16) is image

    def test_shape_and_antialiasing(self):
        stripes = np.zeros((64, 64, 3), np.uint8)
        stripes[:, ::2] = 255
        small = resize(stripes, 16)
        assert small.shape == (16, 16, 3)
        assert abs(small[:, 2:-2].astype(int) - 127).max() < 10

    def test_not_square(self, quarters):
        small = resize(quarters, 10)
        assert small.shape == (10, 10, 3)
        assert tuple(small[1, 1]) == (255, 0, 0)
        assert tuple(small[8, 1]) == (0, 0, 255)


class TestFindImages:
    def test_folders_and_files(self, tmp_path):
        for name in ["b.PNG", "a.jpg", "sub/c.webp", "note.txt", "sub/deep/d.Tif"]:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).touch()
        odd = tmp_path / "odd.dat"
        found = find_images([odd, str(tmp_path / "in")])
        names = [p.relative_to(tmp_path).as_posix() for p in found]
        assert names == ["odd.dat", "in/a.jpg", "in/b.PNG", "in/sub/c.webp", "in/sub/deep/d.Tif"]
        assert all(isinstance(p, Path) for p in found)

    def test_nothing(self, tmp_path):
        assert find_images([tmp_path]) == []
