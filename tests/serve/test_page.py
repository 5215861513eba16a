"""The page in a real Chromium, without a screen."""

import base64
import csv
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
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
    api, program = browser_parts()
    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    film.write_bytes(camera_frame(portrait) * 5)
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


def browser_parts():
    """Give Playwright and Chromium's path; without them skip, or in CI fail."""
    missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    try:
        from playwright import sync_api
    except ImportError:
        missing("playwright is not installed: pip install playwright")
    program = os.environ.get("AGR_CHROMIUM") or shutil.which("chromium")
    if program is None:
        missing("there is no chromium: apt-get install chromium, or name it in AGR_CHROMIUM")
    return sync_api, program


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
    """Wait until so many pictures have their faces."""
    page.wait_for_function(
        "n => document.querySelectorAll('.faces:not([hidden])').length === n", arg=n
    )


def as_file(image, form="PNG"):
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def crowd(portrait, places, size):
    """Paste the portrait at places, each (left, top, side)."""
    photo = Image.new("RGB", size, "#556677")
    with Image.open(portrait) as face:
        for left, top, side in places:
            photo.paste(face.resize((side, side)), (left, top))
    return photo


@pytest.mark.parametrize("ci", ["true", ""])
def test_a_missing_browser_fails_in_ci_and_skips_elsewhere(monkeypatch, ci):
    pytest.importorskip("playwright", reason="playwright is not installed")
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("AGR_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception if ci else pytest.skip.Exception, match="no chromium"):
        browser_parts()


def test_upload_shows_age_range_and_probabilities(open_page, make_png):
    page = open_page()
    page.set_input_files("#files", [picture("face.png", make_png(40))])
    answered(page)
    photo = page.locator(".photo")
    assert photo.locator(".name").inner_text() == "face.png"
    assert photo.locator(".state").inner_text() == "1 face"
    row = " ".join(photo.locator("summary").inner_text().split())
    assert row == "Face 1 40 years likely 35 to 47 Female 75 % White 80 %"
    shares = photo.locator(".share").all_inner_texts()
    assert [" ".join(share.split()) for share in shares] == [
        "Female 75 %",
        "Male 25 %",
        "White 80 %",
        "Black 10 %",
        "Asian 5 %",
        "Other 5 %",
        "Indian < 1 %",
    ]
    track = photo.locator(".genders .track").first.bounding_box()
    fill = photo.locator(".genders .fill").first.bounding_box()
    assert fill["width"] / track["width"] == pytest.approx(0.75, abs=0.01)
    scale, interval, point = (
        photo.locator(name).bounding_box() for name in (".scale", ".interval", ".point")
    )
    assert (interval["x"] - scale["x"]) / scale["width"] == pytest.approx(0.35, abs=0.01)
    assert interval["width"] / scale["width"] == pytest.approx(0.12, abs=0.01)
    middle = point["x"] + point["width"] / 2 - scale["x"]
    assert middle / scale["width"] == pytest.approx(0.4, abs=0.01)
    spoken = page.locator("#status[aria-live=polite]").inner_text()
    assert spoken == (
        "face.png: about 40 years, likely 35 to 47; gender perceived as female; "
        "race perceived as white."
    )


def answer(page, **changes):
    """Let the service answer with one face that is sure of everything but what is changed."""
    row = {
        "image": "face.png",
        "box": [1, 1, 7, 7],
        "score": 0.9,
        "landmarks": {"left_eye": [2, 3]},
        "age": 30.4,
        "age_interval": [25.6, 39.2],
        "gender": "female",
        "gender_probabilities": {"female": 0.9, "male": 0.1},
        "race": "asian",
        "race_probabilities": {"asian": 0.9, "black": 0.1},
        "error": None,
    }
    rows = changes.pop("rows", [{}])
    results = [{**row, **changes, **own} for own in rows]
    page.route("**/v1/predict*", lambda route: route.fulfill(json={"results": results}))


@pytest.mark.parametrize(
    ("share", "words", "first"),
    [(0.5, "Gender not sure", 0), (0.59, "Gender not sure", 0), (0.6, "Female 60 %", 1)],
    ids=["tie", "under", "at"],
)
def test_a_doubtful_answer_looks_doubtful(open_page, make_png, share, words, first):
    page = open_page()
    answer(page, gender_probabilities={"female": share, "male": 1 - share})
    page.set_input_files("#files", [picture("face.png", make_png(40))])
    answered(page)
    label = page.locator(".labels .gender")
    assert label.inner_text() == words
    assert ("unsure" in (label.get_attribute("class") or "")) is not first
    assert page.locator(".genders .share.first").count() == first
    weight = "e => getComputedStyle(e).fontWeight"
    assert int(label.evaluate(weight)) >= (600 if first else 400)
    assert (int(label.evaluate(weight)) < 600) is not first
    assert page.locator(".labels .race").inner_text() == "Asian 90 %"
    said = page.locator("#status").inner_text()
    assert ("gender not sure" in said) is not first
    assert "60 %" in page.locator("#empty").text_content()  # the threshold is stated


def test_real_models_read_the_example(open_page, serve, real_predictor):
    page = open_page(service=serve(real_predictor))
    page.click("#example")
    answered(page)
    assert 0 <= int(page.locator(".years").inner_text()) <= 116
    assert page.locator(".share").count() == 7
    assert page.locator("details[open]").count() == 1
    drawn = page.evaluate(
        "() => document.querySelector('.thumb').getContext('2d').getImageData(48, 48, 1, 1).data[0]"
    )
    assert drawn > 0
    shown = page.locator(".frame img").bounding_box()
    box = page.locator(".box").bounding_box()
    middle = (box["x"] + box["width"] / 2 - shown["x"]) / shown["width"]
    assert 0.35 < middle < 0.5  # where her face is
    assert 0.1 < (box["y"] - shown["y"]) / shown["height"] < 0.25


def test_several_pictures_keep_their_order_and_status(open_page, make_png):
    page = open_page()
    files = [picture(f"{i}.png", make_png(i)) for i in (20, 30, 50)]
    files.insert(1, picture("broken.jpg", b"\xff\xd8 no", "image/jpeg"))
    files.append(picture("wall.png", make_png(255)))
    page.set_input_files("#files", files)
    answered(page, 3)
    page.wait_for_function("() => !document.querySelector('.wait:not([hidden])')")
    names = ["20.png", "broken.jpg", "30.png", "50.png", "wall.png"]
    assert page.locator(".name").all_inner_texts() == names
    states = ["1 face", "Not read", "1 face", "1 face", "No face"]
    assert page.locator(".state").all_inner_texts() == states
    assert page.locator(".years:visible").all_inner_texts() == ["20", "30", "50"]
    message = page.locator(".message:visible").first.inner_text()
    assert message.startswith("This is not a picture in a known format")
    assert message.endswith(".")
    assert page.locator("#status").inner_text() == "5 pictures: 3 faces, 1 not read."
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
    assert page.locator("#notice").inner_text() == "table.csv is not a picture."


def test_large_pictures_are_sent_smaller_and_answered_in_their_own_pixels(open_page, serve):
    service = serve()
    sizes = []
    reply = service.predictor._answer

    def spy(image):
        with Image.open(image) as opened:
            sizes.append(opened.size)
        image.seek(0)
        return reply(image)

    service.predictor._answer = spy
    noise = Image.effect_noise((2000, 1500), 90).convert("RGB")
    page = open_page(service=service)
    page.set_input_files("#files", [picture("large.png", as_file(noise))])
    answered(page)
    assert sizes == [(1600, 1200)]
    (row,) = json.loads(downloaded(page, "#save-json"))
    assert row["box"] == pytest.approx([12.5, 12.5, 1987.5, 1487.5])
    assert row["landmarks"]["left_eye"] == pytest.approx([25, 31.25], abs=0.1)


def downloaded(page, button):
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path()).read_bytes()


def test_a_format_that_only_the_browser_knows_is_sent_as_jpeg(open_page, serve):
    """As HEIC is in Safari; here it is AVIF."""
    service = serve()
    formats = []
    reply = service.predictor._answer

    def spy(image):
        with Image.open(image) as opened:
            formats.append(opened.format)
        image.seek(0)
        return reply(image)

    service.predictor._answer = spy
    page = open_page(service=service)
    data = as_file(Image.new("RGB", (64, 64), (40, 40, 40)), "AVIF")
    page.set_input_files("#files", [picture("phone.avif", data, "image/avif")])
    answered(page)
    assert formats == ["JPEG"]


def test_what_the_browser_cannot_show_is_shown_as_boxes(open_page):
    page = open_page(**PHONE)
    answer(page, rows=[{"box": [100, 100, 200, 220]}, {"box": [400, 120, 480, 200]}])
    page.set_input_files("#files", [picture("IMG_0001.HEIC", b"not for Chromium", "image/heic")])
    answered(page)
    assert page.locator(".unseen").is_visible()
    assert page.locator(".frame img").is_hidden()
    assert page.locator(".download").is_hidden()
    frame = page.locator(".frame").bounding_box()
    for box in page.locator(".box").all():
        place = box.bounding_box()
        assert place["x"] >= frame["x"]
        assert place["x"] + place["width"] <= frame["x"] + frame["width"]


def test_heic_that_nobody_can_read_says_what_to_do(open_page):
    page = open_page()
    page.set_input_files("#files", [picture("IMG_0001.HEIC", b"no picture", "")])
    page.wait_for_selector(".error:not([hidden])")
    assert "Save the photo as JPEG" in page.locator(".message").inner_text()


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
    """Count the pixels of the overlay that have the colour of the first person."""
    return page.evaluate(
        """() => {
          const canvas = document.querySelector("#overlay");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let found = 0;
          for (let i = 0; i < data.length; i += 4)
            found += data[i] === 0xff && data[i + 1] === 0xd6 && data[i + 2] === 0x40;
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
    assert page.locator(".photo").count() == 0


def test_a_live_person_keeps_the_colour_whatever_the_order(open_page):
    page = open_page()
    left, right = {"box": [100, 100, 200, 220]}, {"box": [400, 120, 480, 200]}
    answer(page, rows=[left, right])
    page.click("#open-camera")
    page.wait_for_function("() => document.querySelector('#video').videoWidth === 640")
    page.click("#live")
    page.wait_for_function("() => document.querySelector('#live').ariaPressed === 'true'")
    page.wait_for_timeout(700)
    both = overlay_places(page)
    assert abs(both[0] - both[1]) > 100
    page.unroute_all()
    answer(page, rows=[right, left])
    page.wait_for_timeout(1000)
    assert overlay_places(page) == pytest.approx(both, abs=25)
    page.unroute_all()
    answer(page, rows=[right])
    page.wait_for_timeout(1000)
    assert overlay_places(page)[0] is None
    assert overlay_places(page)[1] == pytest.approx(both[1], abs=25)


def overlay_places(page):
    """Give how far from the left the first two people's colours are on the whole."""
    return page.evaluate(
        """() => ["ffd640", "6cb8ff"].map((colour) => {
          const wanted = [0, 2, 4].map((at) => parseInt(colour.slice(at, at + 2), 16));
          const canvas = document.querySelector("#overlay");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let found = 0, sum = 0;
          for (let i = 0; i < data.length; i += 4)
            if (wanted.every((value, k) => data[i + k] === value)) {
              found++;
              sum += (i / 4) % canvas.width;
            }
          return found ? sum / found : null;
        })"""
    )


def test_a_photo_is_shown_once_with_a_numbered_box_for_each_face(
    open_page, serve, real_predictor, portrait
):
    photo = crowd(portrait, [(600, 100, 200), (60, 60, 300)], (900, 420))
    page = open_page(service=serve(real_predictor))
    page.set_input_files("#files", [picture("two.png", as_file(photo))])
    answered(page)
    assert page.locator(".photo").count() == page.locator(".frame img:visible").count() == 1
    assert page.locator("#status").inner_text() == "two.png: 2 faces."
    assert page.locator(".number").all_inner_texts() == ["1", "2"]
    boxes = [box.bounding_box() for box in page.locator(".box").all()]
    assert boxes[0]["x"] < boxes[1]["x"]  # numbered from the left
    assert boxes[0]["width"] > boxes[1]["width"]
    assert page.locator("details[open]").count() == 0
    page.locator(".box").nth(1).click()
    assert page.locator(".face").nth(1).locator("details[open]").count() == 1
    assert page.evaluate("() => document.activeElement.tagName") == "SUMMARY"
    assert "lit" in page.locator(".box").nth(1).get_attribute("class")
    page.keyboard.press("Shift+Tab")
    assert "lit" in page.locator(".box").nth(0).get_attribute("class")
    assert "lit" not in page.locator(".box").nth(1).get_attribute("class")


TWELVE = [(40 + 380 * (k % 4), 30 + 400 * (k // 4), 200 + 7 * k) for k in range(12)]


def test_twelve_faces_are_compact_on_a_phone(open_page, make_png):
    page = open_page(**PHONE)
    answer(page, rows=[{"box": [x, y, x + side, y + side]} for x, y, side in TWELVE])
    photo = Image.new("RGB", (1600, 1200), "#556677")
    page.set_input_files("#files", [picture("group.png", as_file(photo))])
    answered(page)
    assert page.locator(".face").count() == 12
    results = page.locator("#results").bounding_box()
    assert results["height"] < 1500
    assert page.evaluate("() => document.documentElement.scrollHeight") < 2200
    colours = page.locator(".box").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).borderTopColor)"
    )
    assert len(set(colours)) == 12


def test_faces_are_numbered_as_one_reads(open_page):
    page = open_page()
    shuffled = [7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 6, 4]
    rows = [
        {
            "box": [
                TWELVE[k][0],
                TWELVE[k][1] + 25 * (k % 2),
                TWELVE[k][0] + 150,
                TWELVE[k][1] + 200,
            ],
            "age": k,
        }
        for k in shuffled
    ]
    answer(page, rows=rows)
    photo = Image.new("RGB", (1600, 1200), "#556677")
    page.set_input_files("#files", [picture("group.png", as_file(photo))])
    answered(page)
    assert page.locator(".years").all_inner_texts() == [str(k) for k in range(12)]


def test_on_a_phone_the_camera_comes_first_and_the_view_goes_to_the_result(open_page, make_png):
    page = open_page(**PHONE)
    assert page.locator(".mouse").is_hidden()
    places = [page.locator(name).bounding_box() for name in ("#open-camera", "label[for=files]")]
    assert (places[0]["y"], places[0]["x"]) < (places[1]["y"], places[1]["x"])
    assert page.locator("#empty").is_visible()
    page.set_input_files("#files", [picture("face.png", make_png(40, size=(600, 800)))])
    answered(page)
    page.wait_for_function(
        "() => document.querySelector('#results').getBoundingClientRect().top < 40"
    )
    frame = page.locator(".frame").bounding_box()
    assert frame["y"] >= 0
    assert frame["y"] + frame["height"] < 844


def test_with_a_mouse_the_view_stays(open_page, make_png):
    page = open_page()
    assert page.locator(".mouse").is_visible()
    page.set_input_files("#files", [picture("face.png", make_png(40, size=(600, 800)))])
    answered(page)
    page.wait_for_timeout(300)
    assert page.evaluate("() => scrollY") == 0


def test_a_photo_without_faces_says_so(open_page, make_png):
    page = open_page()
    page.set_input_files("#files", [picture("wall.png", make_png(255))])
    page.wait_for_selector(".error:not([hidden])")
    assert page.locator(".message").inner_text().startswith("No face was found. Try a photo")
    assert page.locator("#status").inner_text() == "wall.png: No face was found."


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
    answer(page)
    page.click(".retry")
    answered(page)
    assert page.locator(".error").is_hidden()
    assert page.locator(".state").inner_text() == "1 face"


def test_a_key_is_asked_for_and_used(open_page, serve, make_png):
    page = open_page(service=serve(api_key="open-sesame"))
    page.set_input_files("#files", [picture("face.png", make_png(44))])
    page.wait_for_selector("#key-form:visible")
    page.fill("#key", "open-sesame")
    page.press("#key", "Enter")
    answered(page)
    assert page.locator(".years").inner_text() == "44"
    assert page.locator("#key-form").is_hidden()
    assert page.url.rstrip("/") == page.service.url  # the key is not in the address


def test_save_and_clear(open_page, make_png):
    page = open_page()
    files = [picture("a, b.png", make_png(20)), picture("b.png", make_png(30))]
    page.set_input_files("#files", [*files, picture("wall.png", make_png(255))])
    answered(page, 2)
    page.wait_for_selector(".error:not([hidden])")
    rows = json.loads(downloaded(page, "#save-json"))
    assert [(row["image"], row["age"]) for row in rows] == [
        ("a, b.png", 20), ("b.png", 30), ("wall.png", None),
    ]  # fmt: skip
    text = downloaded(page, "#save-csv").decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == [
        "image", "face", "left", "top", "right", "bottom", "score", "age", "age_low", "age_high",
        "gender", "gender_female", "gender_male", "race", "race_asian", "race_black",
        "race_indian", "race_other", "race_white", "error",
    ]  # fmt: skip
    assert [(row["image"], row["face"], row["age"]) for row in table] == [
        ("a, b.png", "1", "20"), ("b.png", "1", "30"), ("wall.png", "", ""),
    ]  # fmt: skip
    assert float(table[0]["gender_female"]) == 0.75
    assert (table[1]["age_low"], table[1]["age_high"]) == ("25", "37")
    assert table[2]["error"] == "no face was found"
    page.click("#clear")
    assert page.locator(".photo").count() == 0
    assert page.locator("#empty").is_visible()


def test_the_labelled_photo_can_be_saved(open_page):
    page = open_page()
    rows = [{"box": [x, y, x + side, y + side]} for x, y, side in TWELVE]
    answer(page, rows=rows, gender_probabilities={"female": 0.5, "male": 0.5})
    photo = Image.new("RGB", (1600, 1200), "#556677")
    page.set_input_files("#files", [picture("group.png", as_file(photo))])
    answered(page)
    with page.expect_download() as download:
        page.click(".download")
    assert download.value.suggested_filename == "group-labelled.jpg"
    with Image.open(download.value.path()) as saved:
        assert saved.size == (1600, 1200)
        pixels = np.asarray(saved.convert("RGB")).astype(int)
    changed = abs(pixels - (0x55, 0x66, 0x77)).max(axis=-1) > 40
    for x, y, side in TWELVE:
        assert changed[y : y + side, x - 4 : x + 4].mean() > 0.5  # the box is drawn,
        inside = changed[y + 12 : y + side - 12, x + 12 : x + side - 12]
        assert inside.mean() < 0.01  # and no label covers a face
    assert changed.mean() > 0.08  # the labels are somewhere


def test_keyboard_alone_is_enough(open_page, make_png):
    page = open_page()
    choosers = []  # listened for from the start: a chooser that opens too early is lost
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("() => document.activeElement.id || document.activeElement.className")
        )
    assert names == ["skip", "files", "open-camera", "example", ""]
    page.focus("#files")
    assert (
        page.evaluate(
            "() => getComputedStyle(document.querySelector('label[for=files]')).outlineStyle"
        )
        == "solid"
    )
    page.keyboard.press("Enter")
    for _ in range(100):
        if choosers:
            break
        page.wait_for_timeout(100)
    choosers[0].set_files([picture("key.png", make_png(50))])
    answered(page)
    page.focus("summary")
    page.keyboard.press("Enter")  # it was open, as the only face
    page.wait_for_selector("details:not([open])")
    page.keyboard.press("Enter")
    page.wait_for_selector("details[open]")
    page.focus("#open-camera")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'snap'")
    page.keyboard.press("Space")
    answered(page, 2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("context", [PHONE, {}], ids=["phone", "desktop"])
def test_axe_finds_nothing(open_page, make_png, context, scheme):
    page = open_page(color_scheme=scheme, **context)
    assert axe(page) == []
    rows = [{"box": [x, y, x + side, y + side]} for x, y, side in TWELVE]
    answer(page, rows=rows, gender_probabilities={"female": 0.5, "male": 0.5})
    photo = Image.new("RGB", (1600, 1200), "#556677")
    page.set_input_files("#files", [picture("group.png", as_file(photo))])
    answered(page)
    page.locator(".box").first.click()
    page.unroute_all()
    page.set_input_files("#files", [picture("b.jpg", b"bad", "image/jpeg")])
    page.wait_for_selector(".error:not([hidden])")
    assert axe(page) == []
    page.click("#open-camera")
    page.wait_for_selector("#snap:visible")
    assert axe(page) == []


def axe(page):
    """Give what axe-core objects to."""
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    from importlib.resources import files

    page.wait_for_timeout(250)  # colours that fade in would be measured half way
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text() + "; 0")
    found = page.evaluate("() => axe.run()")["violations"]
    return [(one["id"], node["html"]) for one in found for node in one["nodes"]]


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
                           e.getAttribute("aria-labelledby") || e.hasAttribute("alt")))
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
    page.set_input_files("#files", [picture("Screenshot" * 8 + ".png", make_png(50))])
    answered(page)
    page.click("#open-camera")
    page.wait_for_selector("#snap:visible")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for button in page.locator(".button:visible").all():
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
        """async () => (await (await caches.open("agr-2")).keys())
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


def test_the_page_is_small(open_page):
    """Everything it loads by itself, without the example portrait."""
    page = open_page()
    script = """() => [document.location.href, ...performance.getEntriesByType("resource")
      .map((entry) => entry.name)].filter((name) => !name.endsWith("example.jpg"))"""
    addresses = set(page.evaluate(script))
    assert len(addresses) > 8
    loaded = {url: len(page.request.get(url).body()) for url in addresses}
    assert sum(loaded.values()) < 60_000, loaded


class TestDocs:
    def test_endpoints_without_asking_anybody_else(self, open_page):
        page = open_page("/docs")
        page.wait_for_selector(".operation")
        assert page.locator(".operation h2").all_inner_texts() == [
            "GET/health",
            "POST/v1/predict",
            "GET/metrics",
        ]
        predict = page.locator(".operation").nth(1)
        assert "faces" in predict.locator(".fields dt").all_inner_texts()
        assert "images=@photo.jpg" in predict.locator("pre").inner_text()
        assert {"200", "413", "422", "503"} <= set(predict.locator(".fields dt").all_inner_texts())
        result = page.locator("#schema-Result .fields dt").all_inner_texts()
        assert {"image", "box", "age", "age_interval", "gender", "race", "error"} <= set(result)
        links = page.locator("main a[href^='#']").evaluate_all("all => all.map((a) => a.hash)")
        assert links
        for link in links:
            assert page.locator(link).count() == 1

    def test_try_it(self, open_page, serve):
        page = open_page("/docs", service=serve(api_key="open-sesame"))
        page.wait_for_selector(".operation")
        page.locator(".operation button").first.click()
        page.wait_for_function("() => document.querySelector('[role=status]').textContent")
        shown = page.locator("[role=status]").first.inner_text()
        assert shown.startswith("200")
        assert '"needs_key": true' in shown
        assert "Bearer KEY" in page.locator(".operation").nth(1).locator("pre").inner_text()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("context", [PHONE, {}], ids=["phone", "desktop"])
    def test_axe_finds_nothing(self, open_page, context, scheme):
        page = open_page("/docs", color_scheme=scheme, **context)
        page.wait_for_selector(".operation")
        assert axe(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= (
            390 if context else 1280
        )
