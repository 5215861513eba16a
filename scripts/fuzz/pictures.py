"""Small pictures of every format, mode and kind of block that is read."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image


def draw() -> list[bytes]:
    """Encode one drawn picture in many ways."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    return [_encode(picture, *rest) for rest in _kinds(exif.tobytes())]


def _kinds(exif: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for mode in ("L", "RGB", "CMYK"):
        yield "JPEG", mode, {"exif": exif}
        yield "JPEG", mode, {"progressive": True}
    yield "JPEG", "RGB", {"subsampling": 0, "restart_marker_blocks": 2}
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield "PNG", mode, {}
    yield "PNG", "P", {"transparency": 3, "exif": exif}
    yield "PNG", "RGB", {"transparency": (1, 2, 3), "dpi": (72, 72)}
    yield "PNG", "RGBA", {"save_all": True, "append_images": [Image.new("RGBA", (48, 40))]}
    yield "GIF", "P", {}
    yield "GIF", "P", {"save_all": True, "append_images": [Image.new("P", (48, 40))]}
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield "BMP", mode, {}
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB"):
        yield "TIFF", mode, {}
    for compression in ("tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield "TIFF", "RGB", {"compression": compression, "exif": exif}
    yield "TIFF", "1", {"compression": "group4"}
    for options in ({}, {"lossless": True}, {"exif": exif}):
        yield "WEBP", "RGBA", options
    yield "WEBP", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (48, 40), "red")]}
    for mode in ("L", "RGB", "RGBA"):
        yield "AVIF", mode, {"speed": 10, "exif": exif}
        yield "HEIF", mode, {}


def _encode(picture: Image.Image, kind: str, mode: str, options: dict[str, Any]) -> bytes:
    if mode.startswith(("I", "F")):
        deep = np.asarray(picture.convert("L")).astype({"I": "i4", "F": "f4"}.get(mode, "u2"))
        picture = Image.fromarray(deep * 257)
    elif mode == "LAB":
        raw = picture.convert("RGB").tobytes()
        picture = Image.frombytes("LAB", picture.size, raw)
    else:
        picture = picture.convert("RGB" if mode in ("CMYK", "P") else "RGBA").convert(mode)
    stream = io.BytesIO()
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(picture).save(stream)
    else:
        picture.save(stream, kind, **options)
    return stream.getvalue()
