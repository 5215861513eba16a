"""Take the pictures of the page and the reports for the documents, with Playwright and Chromium.

python scripts/screenshots.py [FOLDER]

The page shows a public-domain portrait, the reports show drawn faces; FOLDER is docs by default.
"""

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageOps
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
PORTRAIT = ROOT / "agr/serve/static/example.jpg"  # public domain
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
FACES = 600
SKINS = ("#8d5524", "#c68642", "#e0ac69", "#f1c27d", "#ffdbac", "#5b3a21")
HAIRS = ("#1c1410", "#4a2c17", "#8a5a2b", "#c9a35b", "#9b9b9b")
# What tells the labels apart in the drawings, on purpose nothing that people look like.
GROUNDS, SHIRTS = ("#c9dbe6", "#f0d3ae"), ("#b3413c", "#3c6fb3", "#4f9a51", "#c79a2a", "#7d55a8")


def group() -> Image.Image:
    """Paste the portrait twelve times, turned and in other sizes, as a group has them."""
    photo = Image.new("RGB", (1600, 1120), "#5a6b70")
    with Image.open(PORTRAIT) as opened:
        face = opened.convert("RGB").crop((40, 20, 240, 270))
    for k in range(12):
        width = 230 + (k * 37) % 70
        one = (ImageOps.mirror(face) if k % 2 else face).resize((width, width * 5 // 4))
        photo.paste(one, (50 + (k % 4) * 390 + (k * 29) % 60, 15 + (k // 4) * 370 + (k * 13) % 30))
    return photo


def film(folder: Path) -> Path:
    """Write what the fake camera shows."""
    frame = Image.new("RGB", (640, 480), "#5a6b70")
    with Image.open(PORTRAIT) as face:
        frame.paste(ImageOps.contain(face, (640, 480)), (128, 0))
    stream = io.BytesIO()
    frame.save(stream, "JPEG", quality=92)
    path = folder / "face.mjpeg"
    path.write_bytes(stream.getvalue() * 5)
    return path


def draw_face(age: int, gender: int, race: int, rng: np.random.Generator) -> Image.Image:
    """Draw a face whose labels can be learned, more or less, from its colours and size."""
    ground = GROUNDS[gender if rng.random() < 0.93 else 1 - gender]
    picture = Image.new("RGB", (200, 200), ground)
    draw = ImageDraw.Draw(picture)
    for _ in range(7):  # what is behind differs, or all would count as copies
        x, y, size = rng.integers(0, 200), rng.integers(0, 200), rng.integers(20, 70)
        dark = rng.uniform(0.72, 1)
        shade = tuple(int(c * dark) for c in ImageColor.getrgb(ground))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=shade)
    skin, hair = str(rng.choice(SKINS)), str(rng.choice(HAIRS[:4] if age < 50 else HAIRS[3:]))
    x, y = (100 + rng.integers(-22, 23, 2)).tolist()
    wide = (38 + min(age, 30) * 0.6) * rng.uniform(0.85, 1.1)
    high = wide * rng.uniform(1.15, 1.4)
    draw.rounded_rectangle((x - 75, y + 72, x + 75, 260), 40, fill=SHIRTS[race])
    draw.rectangle((x - 16, y + 30, x + 16, y + 80), fill=skin)
    draw.ellipse((x - wide - 7, y - high - 9, x + wide + 7, y + high * 0.6), fill=hair)
    draw.ellipse((x - wide, y - high, x + wide, y + high), fill=skin)
    fringe = sorted(rng.integers(190, 350, 2).tolist()) if rng.random() < 0.6 else [190, 350]
    draw.chord((x - wide, y - high - 4, x + wide, y + high * 0.2), *fringe, fill=hair)
    for side in (-1, 1):
        eye = x + side * wide * 0.42
        draw.ellipse((eye - 8, y - 7, eye + 8, y + 6), fill="white")
        draw.ellipse((eye - 4, y - 4, eye + 4, y + 4), fill="#2b2522")
        draw.line((eye - 10, y - 16, eye + 10, y - 17), fill=hair, width=4)
        for line in range(max(0, (age - 35) // 15)):
            draw.arc((eye - 16, y + 8 + 6 * line, eye + 16, y + 18 + 6 * line), 20, 160, "#7a5a48")
    draw.arc((x - 18, y + high * 0.3, x + 18, y + high * 0.62), 20, 160, fill="#7a2e2e", width=5)
    draw.line((x, y + 4, x - 4, y + 20, x + 5, y + 20), fill="#7a5a48", width=3)
    return picture


def write_faces(folder: Path) -> None:
    """Draw faces under UTKFace's names, a few copies and flaws among them."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    for k in range(FACES):
        age = int(np.clip(rng.gamma(4, 9), 1, 95))
        gender, race = int(rng.random() < 0.46), int(rng.choice(5, p=[0.4, 0.2, 0.17, 0.15, 0.08]))
        picture = draw_face(age, gender, race, rng)
        picture.save(folder / f"{age}_{gender}_{race}_2017{k:05d}.jpg", quality=92)
        if k % 80 == 0:
            picture.save(folder / f"{age + 4}_{gender}_{race}_2018{k:05d}.jpg", quality=92)
    (folder / "30_0_0_201799998.jpg").write_bytes(b"broken")
    (folder / "39_1_201799999.jpg").write_bytes(b"misnamed")


@contextmanager
def service() -> Any:
    """Start ``agr serve``; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    started = subprocess.Popen([sys.executable, "-m", "agr", "serve", "--port", str(port)])
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/health")
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        started.terminate()
        started.wait(20)


def take_page(browser: Any, url: str, target: Path) -> None:
    for name, context in (("page", DESKTOP), ("page-phone", PHONE)):
        for scheme in ("light", "dark"):
            stream = io.BytesIO()
            group().save(stream, "JPEG", quality=88)
            photo = {"name": "group.jpg", "mimeType": "image/jpeg", "buffer": stream.getvalue()}
            page = browser.new_page(color_scheme=scheme, **context)
            page.goto(url)
            page.set_input_files("#files", [photo])
            page.wait_for_selector(".faces:not([hidden])")
            if name == "page":
                page.locator(".box").nth(1).click()
            page.wait_for_timeout(800)
            shoot(page, target / named(name, scheme))
            page.close()
    live = browser.new_page(color_scheme="dark", **PHONE)
    live.goto(url)
    live.click("#open-camera")
    live.wait_for_function("() => document.querySelector('#video').videoWidth === 640")
    live.click("#live")
    live.wait_for_timeout(2500)
    shoot(live, target / "page-live.png")
    live.close()


def take_reports(browser: Any, folder: Path, target: Path) -> None:
    from agr.datasets import read_any
    from agr.gender import GenderEstimator
    from agr.runs.evaluate import evaluate_run
    from agr.runs.explore import write_report
    from agr.runs.selection import Selection

    data = folder / "drawn faces"
    write_faces(data)
    write_report(data, folder / "explore")
    learned = read_any(data).labelled("gender")
    rows = slice(0, FACES // 2)
    settings = {"image_size": 32, "epochs": 12, "batch_size": 16, "learning_rate": 0.01}
    estimator = GenderEstimator(network="tiny", random_state=0, **settings)
    estimator.fit(learned[0][rows], learned[1][rows]).save(folder / "model")
    selection = Selection(data=data, validation=0.1, test=0.5)
    evaluate_run("gender", selection, folder / "model", "test", plots=folder / "evaluate")
    for report in ("explore", "evaluate"):
        for name, context in (("", DESKTOP), ("-phone", PHONE)):
            for scheme in ("light", "dark"):
                page = browser.new_page(color_scheme=scheme, **context)
                page.goto((folder / report / "index.html").as_uri())
                shoot(page, target / named(report + name, scheme))
                page.close()


def named(name: str, scheme: str) -> str:
    return f"{name}{'' if scheme == 'light' else '-dark'}.png"


def shoot(page: Any, path: Path) -> None:
    """Take a picture, in 256 colours, which is a third of the size."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        small = picture.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
    print(path, path.stat().st_size)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"]
        flags += ["--use-fake-device-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={film(folder)}")
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        with service() as url:
            take_page(browser, url, target)
        take_reports(browser, folder, target)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
