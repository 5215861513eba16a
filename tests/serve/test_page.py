"""The page in a real Chromium, without a screen."""

import base64
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory, portrait):
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = os.environ.get("AGR_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium: apt-get install chromium, or name it in AGR_CHROMIUM")
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    film.write_bytes(camera_frame(portrait) * 5)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


def camera_frame(portrait):
    frame = Image.new("RGB", (640, 480), "#445566")
    with Image.open(portrait) as face:
        frame.paste(face.resize((480, 480)), (80, 0))
    stream = io.BytesIO()
    frame.save(stream, "JPEG", quality=90)
    return stream.getvalue()


@pytest.fixture
def open_page(chromium, serve):
    """Give a function that opens the page; at the end nothing may have gone wrong inside it."""
    contexts, wrong, asked = [], [], []

    def open_page(path="/", service=None, **context):
        service = service or serve()
        contexts.append(chromium.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.service, page.wrong = service, wrong
        page.goto(service.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [words for words in wrong if "Content Security Policy" in words] == []
    assert [words for words in wrong if "Failed to load resource" not in words] == []
    elsewhere = re.compile(r"^(?!http://127\.0\.0\.1:|blob:|data:)")
    assert [url for url in asked if elsewhere.match(url)] == []


def picture(name, data, kind="image/png"):
    return {"name": name, "mimeType": kind, "buffer": data}


def answered(page, n=1):
    page.wait_for_function(
        "n => document.querySelectorAll('.answer:not([hidden])').length === n", arg=n
    )


def test_upload_shows_age_interval_and_probabilities(open_page, make_png):
    page = open_page()
    page.set_input_files("#files", [picture("face.png", make_png(40))])
    answered(page)
    card = page.locator(".card")
    assert card.locator(".name").inner_text() == "face.png"
    assert card.locator(".years").inner_text() == "40"
    assert card.locator(".range").inner_text() == "35 to 47, nine times out of ten"
    shares = card.locator(".share").all_inner_texts()
    assert [" ".join(share.split()) for share in shares] == [
        "female 75 %",
        "male 25 %",
        "white 80 %",
        "black 10 %",
        "asian 5 %",
        "other 5 %",
        "indian < 1 %",
    ]
    track = card.locator(".gender .track").first.bounding_box()
    fill = card.locator(".gender .fill").first.bounding_box()
    assert fill["width"] / track["width"] == pytest.approx(0.75, abs=0.01)
    scale, interval, point = (
        card.locator(name).bounding_box() for name in (".scale", ".interval", ".point")
    )
    assert (interval["x"] - scale["x"]) / scale["width"] == pytest.approx(0.35, abs=0.01)
    assert interval["width"] / scale["width"] == pytest.approx(0.12, abs=0.01)
    middle = point["x"] + point["width"] / 2 - scale["x"]
    assert middle / scale["width"] == pytest.approx(0.4, abs=0.01)
    spoken = page.locator("#status[aria-live=polite]").inner_text()
    assert spoken == "face.png: about 40 years, perceived gender female, perceived race white."


def test_real_models_read_a_real_face(open_page, serve, real_predictor, portrait):
    page = open_page(service=serve(real_predictor))
    page.set_input_files("#files", [str(portrait)])
    answered(page)
    assert 0 <= int(page.locator(".years").inner_text()) <= 116
    assert page.locator(".share").count() == 7
    drawn = page.evaluate(
        "() => document.querySelector('.thumb').getContext('2d').getImageData(96, 96, 1, 1).data[0]"
    )
    assert drawn > 0


def test_several_pictures_keep_their_order_and_one_error_harms_none(open_page, make_png):
    page = open_page()
    files = [picture(f"{i}.png", make_png(i)) for i in (20, 30, 50)]
    files.insert(1, picture("broken.jpg", b"\xff\xd8 no", "image/jpeg"))
    page.set_input_files("#files", files)
    answered(page, 3)
    page.wait_for_selector(".error:not([hidden])")
    assert page.locator(".name").all_inner_texts() == ["20.png", "broken.jpg", "30.png", "50.png"]
    assert page.locator(".years:visible").all_inner_texts() == ["20", "30", "50"]
    assert "not a picture in a known format" in page.locator(".message:visible").inner_text()
    page.set_input_files("#files", [picture("newer.png", make_png(60))])
    answered(page, 4)
    assert page.locator(".name").first.inner_text() == "newer.png"


def test_drop(open_page, make_png):
    page = open_page()
    data = base64.b64encode(make_png(33)).decode()
    transfer = page.evaluate_handle(
        """async (data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
          transfer.items.add(new File(["a,b"], "table.csv", { type: "text/csv" }));
          return transfer;
        }""",
        data,
    )
    page.dispatch_event("#drop", "dragenter", {"dataTransfer": transfer})
    assert "over" in page.locator("#drop").get_attribute("class")
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    answered(page)
    assert "over" not in page.locator("#drop").get_attribute("class")
    assert page.locator(".name").all_inner_texts() == ["dropped.png"]
    assert page.locator("#notice").inner_text() == "table.csv is no picture."


def test_large_pictures_are_made_smaller_before_they_are_sent(open_page, serve):
    service = serve()
    sizes = []
    answer = service.predictor._answer

    def spy(image):
        with Image.open(image) as opened:
            sizes.append(opened.size)
        image.seek(0)
        return answer(image)

    service.predictor._answer = spy
    noise = Image.effect_noise((2000, 1500), 90).convert("RGB")
    stream = io.BytesIO()
    noise.save(stream, "PNG")
    page = open_page(service=service)
    page.set_input_files("#files", [picture("large.png", stream.getvalue())])
    answered(page)
    assert sizes == [(1600, 1200)]


def test_camera_photo_is_the_whole_picture(open_page, serve, real_predictor):
    class Sizes:
        tasks = real_predictor.tasks
        seen = []

        def stream_photos(self, photos):
            photos = list(photos)
            for one in photos:
                with Image.open(one) as opened:
                    self.seen.append(opened.size)
                one.seek(0)
            return real_predictor.stream_photos(photos)

        def predict(self, image, **parameters):
            assert not image

    page = open_page(service=serve(Sizes()))
    page.click("#open-camera")
    page.wait_for_function("() => document.querySelector('#video').videoWidth === 640")
    assert page.locator("#open-camera").get_attribute("aria-expanded") == "true"
    assert page.evaluate("() => document.activeElement.id") == "snap"
    page.click("#snap")
    answered(page)
    assert page.locator(".name").inner_text().startswith("Photo ")
    assert Sizes.seen == [(640, 480)]
    page.keyboard.press("Escape")
    assert page.locator("#camera").is_hidden()
    assert page.evaluate("() => document.querySelector('#video').srcObject") is None
    assert page.evaluate("() => document.activeElement.id") == "open-camera"


def overlay_colours(page):
    """Count the pixels of the overlay that have the colour of a found face."""
    return page.evaluate(
        """() => {
          const canvas = document.querySelector("#overlay");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let found = 0;
          for (let i = 0; i < data.length; i += 4)
            found += data[i] === 0x57 && data[i + 1] === 0xcf && data[i + 2] === 0xc5;
          return found;
        }"""
    )


def test_live_draws_labels_over_the_video_until_it_is_stopped(open_page):
    page = open_page()
    page.click("#open-camera")
    page.wait_for_function("() => document.querySelector('#video').videoWidth === 640")
    assert overlay_colours(page) == 0
    page.click("#live")
    page.wait_for_function("() => document.querySelector('#live').ariaPressed === 'true'")
    for _ in range(100):
        if len(page.service.predictor.batches) >= 3:
            break
        page.wait_for_timeout(100)
    assert overlay_colours(page) > 500
    page.click("#live")
    page.wait_for_timeout(500)
    asked = len(page.service.predictor.batches)
    page.wait_for_timeout(700)
    assert len(page.service.predictor.batches) == asked
    assert overlay_colours(page) == 0
    assert page.locator("#cards .card").count() == 0


def test_every_face_of_a_photo_gets_a_card(open_page, serve, real_predictor, portrait):
    photo = Image.new("RGB", (900, 420), "#556677")
    with Image.open(portrait) as face:
        photo.paste(face.resize((300, 300)), (60, 60))
        photo.paste(face.resize((200, 200)), (600, 100))
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    page = open_page(service=serve(real_predictor))
    page.set_input_files("#files", [picture("two.png", stream.getvalue())])
    answered(page, 2)
    assert page.locator(".name").all_inner_texts() == ["two.png", "two.png, face 2"]
    assert page.locator("#status").inner_text() == "two.png: 2 faces."


def test_a_photo_without_faces_says_so(open_page, make_png):
    page = open_page()
    page.set_input_files("#files", [picture("wall.png", make_png(255))])
    page.wait_for_selector(".error:not([hidden])")
    assert page.locator(".message").inner_text() == "no face was found"
    assert page.locator("#status").inner_text() == "wall.png: no face was found"


def test_without_a_camera_the_page_says_so(open_page):
    page = open_page()
    page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = () =>
             Promise.reject(new DOMException("no", "NotAllowedError")); }"""
    )
    page.click("#open-camera")
    page.wait_for_selector("#notice:visible")
    assert "The camera was not allowed" in page.locator("#notice").inner_text()
    assert page.locator("#drop").is_visible()


def test_a_problem_of_the_service_is_shown_and_can_be_tried_again(open_page, serve, make_png):
    page = open_page(service=serve(max_request_bytes=1000))
    page.set_input_files("#files", [picture("big.bmp", b"BM" + bytes(5000), "image/bmp")])
    page.wait_for_selector(".error:not([hidden])")
    assert "A request may have" in page.locator(".message").inner_text()
    assert page.locator(".retry").is_visible()
    page.unroute_all()
    page.route("**/v1/predict*", lambda route: route.fulfill(json={"results": []}, status=200))
    page.click(".retry")
    page.wait_for_selector(".error", state="hidden")


def test_a_key_is_asked_for_and_used(open_page, serve, make_png):
    page = open_page(service=serve(api_key="open sesame"))
    page.set_input_files("#files", [picture("face.png", make_png(44))])
    page.wait_for_selector("#key-form:visible")
    page.fill("#key", "open sesame")
    page.press("#key", "Enter")
    answered(page)
    assert page.locator(".years").inner_text() == "44"
    assert page.locator("#key-form").is_hidden()
    assert page.url.rstrip("/") == page.service.url  # the key is not in the address


def test_save_and_clear(open_page, make_png):
    page = open_page()
    files = [picture("a.png", make_png(20)), picture("b.png", make_png(30))]
    page.set_input_files("#files", files)
    answered(page, 2)
    with page.expect_download() as download:
        page.click("#save")
    rows = json.loads(Path(download.value.path()).read_text())
    assert [(row["image"], row["age"]) for row in rows] == [("a.png", 20), ("b.png", 30)]
    page.click("#clear")
    assert page.locator(".card").count() == 0
    assert page.locator("#empty").is_visible()


def open_chooser_by_key(page):
    """Press Enter on the field; a busy machine can lose the first press."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(2):
        try:
            with page.expect_file_chooser(timeout=5000) as chooser:
                page.keyboard.press("Enter")
            return chooser.value
        except TooLate:
            page.focus("#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    return chooser.value


def test_keyboard_alone_is_enough(open_page, make_png):
    page = open_page()
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("() => document.activeElement.id || document.activeElement.className")
        )
    assert names[:3] == ["skip", "files", "open-camera"]
    page.focus("#files")
    assert (
        page.evaluate(
            "() => getComputedStyle(document.querySelector('label[for=files]')).outlineStyle"
        )
        == "solid"
    )
    chooser = open_chooser_by_key(page)
    chooser.set_files([picture("key.png", make_png(50))])
    answered(page)
    page.focus("#open-camera")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'snap'")
    page.keyboard.press("Space")
    answered(page, 2)


def test_everything_has_a_name_for_screen_readers(open_page, make_png):
    page = open_page()
    page.set_input_files("#files", [picture("face.png", make_png(50))])
    answered(page)
    page.click("#open-camera")
    page.wait_for_selector("#snap:visible")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, video, canvas, img, section")]
          .filter((e) => e.checkVisibility() && e.ariaHidden !== "true")
          .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim() ||
                           e.getAttribute("aria-labelledby") || e.alt === ""))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("[role=alert]").count() == page.locator("[role=status]").count() == 1
    assert page.locator("html[lang=en]").count() == 1
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize(
    "width", [320, 390, 768, 1280], ids=["small", "phone", "tablet", "desktop"]
)
def test_nothing_is_cut_off_at_any_width(open_page, make_png, width):
    context = {**PHONE, "viewport": {"width": width, "height": 800}} if width < 800 else {}
    page = open_page(**context)
    page.set_viewport_size({"width": width, "height": 800})
    page.set_input_files("#files", [picture("a-rather-long-name-" * 5 + ".png", make_png(50))])
    answered(page)
    page.click("#open-camera")
    page.wait_for_selector("#snap:visible")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for button in page.locator("button:visible, label.button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 36  # a thumb's size


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_readable_in_light_and_dark(open_page, make_png, scheme):
    page = open_page(color_scheme=scheme)
    page.set_input_files(
        "#files", [picture("a.png", make_png(50)), picture("b.jpg", b"bad", "image/jpeg")]
    )
    answered(page)
    page.wait_for_selector(".error:not([hidden])")
    low = page.evaluate(CONTRAST)
    assert low == []
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) > 384) is (scheme == "light")


# WCAG's contrast of every visible text with the nearest ground behind it; at least 4.5.
CONTRAST = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
    !e.disabled && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return texts.map((e) => {
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)];
  }).filter(([contrast]) => contrast < 4.5);
}"""


def test_page_opens_offline_and_goes_on_once_connected(open_page, make_png):
    page = open_page()
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    page.wait_for_selector("#notice:visible")
    assert "offline" in page.locator("#notice").inner_text()
    assert page.locator("h1").inner_text() == "agr"
    page.set_input_files("#files", [picture("later.png", make_png(55))])
    page.wait_for_selector(".error:not([hidden])")
    assert "offline" in page.locator(".message").inner_text()
    kept = page.evaluate(
        """async () => (await (await caches.open("agr-1")).keys())
             .map((request) => new URL(request.url).pathname)"""
    )
    assert "/" in kept
    assert not [path for path in kept if path.startswith(("/v1", "/health", "/metrics"))]
    page.context.set_offline(False)
    answered(page)
    assert page.locator(".years").inner_text() == "55"
    assert page.locator("#notice").is_hidden()


def test_page_can_be_installed(open_page):
    page = open_page()
    href = page.locator("link[rel=manifest]").get_attribute("href")
    reply = page.request.get(f"{page.service.url}/{href}")
    assert reply.headers["content-type"] == "application/manifest+json"
    manifest = reply.json()
    assert manifest["display"] == "standalone"
    assert manifest["start_url"] == manifest["scope"] == "../"
    for icon in manifest["icons"]:
        body = page.request.get(f"{page.service.url}/static/{icon['src']}").body()
        if icon["type"] == "image/png":
            with Image.open(io.BytesIO(body)) as drawn:
                assert "x".join(map(str, drawn.size)) == icon["sizes"]
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    assert "maskable" in [icon.get("purpose") for icon in manifest["icons"]]
    client = page.context.new_cdp_session(page)
    assert client.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],  # what a test's window is
    )


def test_docs_show_the_endpoints_without_asking_anybody_else(open_page):
    page = open_page("/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock-summary-path").all_inner_texts() == [
        "/health",
        "/v1/predict",
        "/metrics",
    ]
