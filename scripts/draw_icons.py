"""Draws the page's PNG icons; ``agr/serve/static/icon.svg`` is the same picture."""

from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).parents[1] / "agr/serve/static"
GREEN, WHITE = "#0b6b66", "#ffffff"
FINE = 8  # drawn so many times larger, then scaled down: Pillow's lines are not smooth


def draw(size: int, rounded: bool, inset: float) -> Image.Image:
    """Draw the icon on a 64 x 64 grid; ``inset`` shrinks the face for masks."""
    side = size * FINE
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, side - 1, side - 1), side * 14 / 64 if rounded else 0, fill=GREEN)

    def at(value: float) -> float:
        return (32 + (value - 32) * (1 - inset)) / 64 * side

    width = round(3.5 * (1 - inset) / 64 * side)

    def dots(points: list[tuple[float, float]]) -> None:
        for x, y in points:
            r = width / 2
            pen.ellipse((at(x) - r, at(y) - r, at(x) + r, at(y) + r), fill=WHITE)

    def stroke(points: list[tuple[float, float]]) -> None:
        pen.line([(at(x), at(y)) for x, y in points], fill=WHITE, width=width, joint="curve")
        dots([points[0], points[-1]])

    for flip_x in (False, True):
        for flip_y in (False, True):
            corner = [(13.0, 22.0), (13.0, 16.0), (14.0, 14.0), (16.0, 13.0), (22.0, 13.0)]
            stroke([(64 - x if flip_x else x, 64 - y if flip_y else y) for x, y in corner])
    half = 1.75  # Pillow draws an outline inside its box, SVG on its edge
    box = (at(21 - half), at(18 - half), at(43 + half), at(46 + half))
    pen.ellipse(box, outline=WHITE, width=width)
    stroke([(27.5, 30), (27.5, 31.5)])
    stroke([(36.5, 30), (36.5, 31.5)])
    stroke([(28 + 8 * t / 20, 38.5 + 6 * t / 20 * (1 - t / 20)) for t in range(21)])
    return image.resize((size, size), Image.Resampling.LANCZOS).quantize(64)


if __name__ == "__main__":
    draw(192, True, 0).save(STATIC / "icon-192.png", optimize=True)
    draw(512, True, 0).save(STATIC / "icon-512.png", optimize=True)
    draw(512, False, 0.15).save(STATIC / "icon-maskable-512.png", optimize=True)
    draw(180, False, 0.08).save(STATIC / "icon-180.png", optimize=True)
