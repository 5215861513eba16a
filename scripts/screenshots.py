"""Takes the page's pictures for the README, with Playwright and Chromium; ``agr serve`` must run.

python scripts/screenshots.py http://127.0.0.1:8000
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
FACE = ROOT / "examples/astronaut.jpg"  # public domain


def film(folder: str) -> Path:
    """Write what the fake camera shows."""
    frame = Image.new("RGB", (640, 480), "#5a6b70")
    with Image.open(FACE) as face:
        frame.paste(face.resize((300, 300)), (170, 90))
    stream = io.BytesIO()
    frame.save(stream, "JPEG", quality=92)
    path = Path(folder) / "face.mjpeg"
    path.write_bytes(stream.getvalue() * 5)
    return path


def main(url: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"]
        flags += ["--use-fake-device-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={film(folder)}")
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        desktop = browser.new_page(viewport={"width": 1180, "height": 620})
        desktop.goto(url)
        desktop.set_input_files("#files", str(FACE))
        desktop.wait_for_selector(".answer:not([hidden])")
        desktop.screenshot(path=target / "page.png")
        phone = {"width": 390, "height": 760}
        live = browser.new_page(viewport=phone, device_scale_factor=2, color_scheme="dark")
        live.goto(url)
        live.click("#open-camera")
        live.wait_for_function("() => document.querySelector('#video').videoWidth === 640")
        live.click("#snap")
        live.wait_for_selector(".answer:not([hidden])")
        live.click("#live")
        live.wait_for_timeout(2500)
        live.screenshot(path=target / "page-live.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs")
