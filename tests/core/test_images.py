import io
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agr.core import images
from agr.core.images import find_images, read_image, read_photo, resize
from agr.datasets.faces import scan
from agr.errors import ImageError

TRUNCATED = "cannot be decoded"


def encode(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
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
        with pytest.raises(ImageError, match=r"empty.png is not a picture in a known format \(bmp"):
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
        data = encode(Image.new("RGB", (8, 6)), "PNG")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ImageError, match="decompression bomb"):
                read_image(data)

    def test_bomb(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(ImageError, match="decompression bomb"):
            read_image(encode(Image.new("RGB", (8, 6)), "PNG"))

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
