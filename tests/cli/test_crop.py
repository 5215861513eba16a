"""``agr crop``: aligned faces for trainings, under their photos' names."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.photo.detectors import open_detector


def run(*words):
    return CliRunner().invoke(app, ["crop", *map(str, words)])


@pytest.fixture
def photos(tmp_path):
    """Give a folder of two portraits, one in a subfolder, and a photo without a face."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    with Image.open("examples/portrait.jpg") as photo:
        photo.save(folder / "one.jpg", quality=95)
        both = Image.new("RGB", (800, 512))
        both.paste(photo.resize((256, 256)))
        both.paste(photo, (288, 0))
        both.save(folder / "more" / "two.png")
    Image.new("RGB", (90, 60)).save(folder / "nobody.jpg")
    return folder


def test_crops_are_framed_as_the_models_read_them(photos, tmp_path):
    done = run(photos, "--output", tmp_path / "crops")
    assert done.exit_code == 1
    assert done.stdout == f"2 of 3 faces were cut out into {tmp_path / 'crops'}.\n"
    assert done.stderr.splitlines() == [
        f"{photos / 'more/two.png'}: The largest of 2 faces was cut out.",
        f"{photos / 'nobody.jpg'}: No face was found.",
    ]
    names = [p.relative_to(tmp_path).as_posix() for p in (tmp_path / "crops").rglob("*.*")]
    assert sorted(names) == ["crops/more/two.png", "crops/one.jpg"]
    detector = open_detector()
    for name in names:
        with Image.open(tmp_path / name) as crop:
            assert crop.size == (200, 200)
            (face,) = detector(np.asarray(crop))
        for point, place in detector.framing.items():
            assert face.landmarks[point] == pytest.approx(np.multiply(place, 200), abs=12), point


def test_size(tmp_path):
    assert run("examples/portrait.jpg", "--output", tmp_path, "--size", 64).exit_code == 0
    with Image.open(tmp_path / "portrait.jpg") as crop:
        assert crop.size == (64, 64)


def test_photos_and_crops_are_not_replaced(photos, tmp_path):
    before = (photos / "one.jpg").read_bytes()
    done = run(photos, "--output", photos)
    assert done.exit_code == 2
    assert "choose another folder" in done.stderr
    done = run(photos / "one.jpg", photos, "--output", tmp_path / "crops")
    assert done.exit_code == 2
    assert "would both become" in done.stderr
    assert (photos / "one.jpg").read_bytes() == before
    assert not (tmp_path / "crops").exists()


def test_what_is_no_picture(tmp_path):
    done = run(tmp_path, "--output", tmp_path / "crops")
    assert "There are no pictures in" in done.stderr
    done = run(tmp_path / "absent.jpg", "--output", tmp_path / "crops")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{tmp_path / 'absent.jpg'}")
    assert done.stderr.count("absent.jpg") == 1
