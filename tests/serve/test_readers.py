"""Real processes that read real pictures, and how they end."""

import asyncio
import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agr.core.images import read_image
from agr.errors import ArtifactError, ParameterError
from agr.prediction import FIELDS, Prediction
from agr.serve.picture import Picture
from agr.serve.process import EndedError, Reader
from agr.serve.readers import Readers, Request
from agr.serve.settings import MIB, Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def given(models):
    return {**{task: str(folder) for task, folder in models.items()}, "threads": 1}


@pytest.fixture(scope="module")
def make(given):
    made = []

    def make(*, memory=200 * MIB, **predictor):
        made.append(Reader({**given, **predictor}, memory=memory))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


@pytest.fixture(scope="module")
def one(make):
    return make()


@pytest.fixture
def reader(one):
    """Give the process that most tests share; those that end it have it started again."""
    if not one.alive:
        assert one.start() == ("age", "gender", "race")
    return one


def ask(reader, data, seconds=5.0, *, large=True, faces="crop", max_pixels=25_000_000):
    return reader.read(Picture("a", data, faces=faces), max_pixels, seconds, large=large)


def draw_noise(side):
    """Draw a picture of much work: noise, so that its decoder has something to do."""
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    return encoded(Image.fromarray(noise).resize((side, side)), "PNG", compress_level=1)


@pytest.fixture(scope="module")
def heavy():
    return draw_noise(3000)


@pytest.fixture(scope="module")
def heaviest():
    """Give the most that a service reads."""
    return draw_noise(4900)


class TestOneProcess:
    @pytest.mark.parametrize("faces", ["crop", "detect"])
    def test_it_answers_as_the_predictor_here_does(self, reader, real_predictor, portrait, faces):
        data = portrait.read_bytes()
        answer = ask(reader, data, faces=faces)
        if faces == "detect":
            expected = real_predictor.predict_photo(data)
        else:
            (answered,) = real_predictor.stream([data], faces="crop")
            expected = [Prediction(**{f: getattr(answered, f) for f in FIELDS[Prediction]})]
        rows = [{"image": "a", **one.to_dict()} for one in expected]
        assert answer.rows == json.loads(json.dumps(rows))

    def test_without_race(self, make, make_png):
        alone = make(tasks=["age", "gender"])
        assert alone.start() == ("age", "gender")
        (row,) = ask(alone, make_png()).rows
        assert row["age"] is not None and row["gender"] is not None
        assert (row["race"], row["race_probabilities"], row["error"]) == (None, None, None)

    def test_what_is_wrong_with_a_picture_is_in_its_row(self, reader, make_png):
        (row,) = ask(reader, b"no picture").rows
        assert "known format" in row["error"]
        (row,) = ask(reader, make_png(1, (50, 50)), max_pixels=100).rows
        assert "at most 100 are read" in row["error"]
        (row,) = ask(reader, make_png(1, (300, 300)), faces="detect").rows
        assert row["error"] == "no face was found"
        assert ask(reader, make_png()).rows[0]["error"] is None

    def test_much_work_is_handed_back_where_others_would_wait(self, reader, heavy):
        answer = ask(reader, heavy, large=False)
        assert (answer.rows, answer.pixels) == (None, 9_000_000)
        assert ask(reader, heavy).rows[0]["error"] is None

    def test_a_photo_of_many_faces_is_handed_back_where_others_would_wait(self, reader, attacks):
        pid = reader.pid
        answer = ask(reader, attacks.crowd(12), faces="detect", large=False)
        assert (answer.rows, answer.late) == (None, True)
        assert len(ask(reader, attacks.crowd(2), faces="detect", large=False).rows) == 4
        assert reader.pid == pid

    @linux
    def test_too_much_time_ends_it_inside_of_the_decoder(self, reader, heavy, make_png):
        start = time.monotonic()
        with pytest.raises(EndedError, match=f"status -{signal.SIGPROF.value}"):
            ask(reader, heavy, seconds=0.05)
        assert time.monotonic() - start < 5
        assert not reader.alive
        reader.start()
        assert ask(reader, make_png()).rows[0]["error"] is None

    @linux
    def test_too_much_memory_is_refused_and_nothing_ends(self, make, make_png):
        reader = make(memory=20 * MIB)
        reader.start()
        pid = reader.pid
        (row,) = ask(reader, encoded(Image.new("RGBA", (4500, 4500)))).rows
        assert "takes more memory to decode than there is" in row["error"]
        assert ask(reader, make_png()).rows[0]["error"] is None
        assert reader.pid == pid

    @linux
    def test_many_faces_are_read_and_their_memory_is_given_back(self, make, attacks):
        reader = make()
        reader.start()
        before = attacks.in_use(reader.pid, "status", "VmRSS")
        rows = ask(reader, attacks.crowd(6), seconds=60, faces="detect").rows
        assert len(rows) >= 30
        assert attacks.in_use(reader.pid, "status", "VmRSS") < before + 60
        reader.close()

    def test_kill_ends_what_is_being_read(self, reader, heavy):
        threading.Timer(0.05, reader.kill).start()
        with pytest.raises(EndedError):
            while True:
                ask(reader, heavy)

    def test_signals_to_the_group_are_not_meant_for_it(self, reader, make_png):
        os.kill(reader.pid, signal.SIGINT)
        os.kill(reader.pid, signal.SIGTERM)
        time.sleep(0.2)
        assert ask(reader, make_png()).rows[0]["error"] is None

    def test_it_ends_with_the_service(self, reader):
        process = reader._process
        process.stdin.close()
        assert process.wait(10) == 0

    @linux
    def test_what_decoders_print_reaches_neither_the_log_nor_the_answers(self, reader):
        for number in (1, 2):
            assert os.readlink(f"/proc/{reader.pid}/fd/{number}") == os.devnull

    @linux
    def test_it_is_not_told_the_key(self, make, monkeypatch):
        monkeypatch.setenv("AGR_API_KEY", "secret")
        reader = make()
        reader.start()
        assert b"secret" not in Path(f"/proc/{reader.pid}/environ").read_bytes()
        reader.close()

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"age": "/nowhere"}, ArtifactError, "/nowhere"),
            ({"detector": "eyes"}, ParameterError, "detector must be one of"),
        ],
        ids=["model", "detector"],
    )
    def test_what_keeps_it_from_starting_is_told(self, make, options, error, words):
        reader = make(**options)
        with pytest.raises(error, match=words):
            reader.start()
        assert not reader.alive

    def test_heic_is_read_where_its_package_is(self, reader):
        pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
        picture = pillow_heif.from_pillow(Image.new("RGB", (64, 64), "grey"))
        stream = io.BytesIO()
        picture.save(stream)
        assert ask(reader, stream.getvalue()).rows[0]["error"] is None
        (row,) = ask(reader, stream.getvalue(), max_pixels=1000).rows
        assert "64 x 64 pixels; at most 1,000" in row["error"]

    def test_heic_says_what_is_missing(self, make, tmp_path, environment, monkeypatch):
        (tmp_path / "sitecustomize.py").write_text(
            "import sys\nsys.modules['pillow_heif'] = None\n"
        )
        paths = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
        monkeypatch.setenv("PYTHONPATH", paths)
        reader = make()
        reader.start()
        (row,) = ask(reader, b"\0\0\0\x18ftypheic" + b"\0" * 40).rows
        assert "need pillow_heif: pip install" in row["error"]


@pytest.fixture
def run():
    """Run a coroutine, within a time."""
    return lambda coroutine: asyncio.run(asyncio.wait_for(coroutine, 60))


class TestPool:
    def settings(self, **changed):
        return Settings(**{"picture_memory": 200 * MIB, "readers": 2, **changed})

    async def read(self, readers, data, *, n=1, request=None):
        request = request or Request("client")
        try:
            pictures = [Picture(str(i), data) for i in range(n)]
            answers = await asyncio.gather(*readers.submit(request, pictures))
            return [row["error"] for answer in answers for row in answer.rows]
        finally:
            readers.drop(request)

    def pool(self, make, *, memory=200 * MIB, **settings):
        ended = []
        made = [make(memory=memory), make(memory=memory)]
        return Readers(made, self.settings(**settings), on_end=ended.append), ended

    def test_large_pictures_are_read_by_the_first_and_keep_nobody_waiting(self, run, make, heavy):
        async def scenario():
            readers, _ = self.pool(make)
            await readers.start()
            try:
                start = time.monotonic()
                long = asyncio.create_task(self.read(readers, heavy, n=5))
                await asyncio.sleep(0.3)
                asked = time.monotonic()
                small = encoded(Image.new("RGB", (64, 64)))
                assert await self.read(readers, small, request=Request("other")) == [None]
                took = time.monotonic() - asked
                assert await long == [None] * 5
                return took, time.monotonic() - start
            finally:
                await readers.close()

        took, long = run(scenario())
        assert took < long / 2

    @linux
    def test_a_picture_that_takes_too_long_fails_alone(self, run, make, heaviest):
        start = time.process_time()
        read_image(heaviest)
        # Surely too little for it, and ample for the small ones, however fast this machine is.
        limit = (time.process_time() - start) / 4

        async def scenario():
            readers, ended = self.pool(make, picture_seconds=limit)
            await readers.start()
            try:
                assert await self.read(readers, heaviest) == [
                    f"The picture takes more than {limit:g} s of work; send a smaller one."
                ]
                small = encoded(Image.new("RGB", (64, 64)))
                assert await self.read(readers, small, n=3) == [None] * 3
                return ended
            finally:
                await readers.close()

        assert run(scenario()) == ["limit"]

    @linux
    def test_a_picture_that_takes_longer_than_it_looks_is_given_more_time(
        self, run, make, monkeypatch
    ):
        """Its request is not believed any more: the others wait with the large ones at once."""

        async def scenario():
            readers, ended = self.pool(make, picture_seconds=30)
            await readers.start()
            try:
                assert await self.read(readers, draw_noise(2000), n=6) == [None] * 6
                return ended
            finally:
                await readers.close()

        monkeypatch.setattr("agr.serve.readers.SMALL_SECONDS", 0.03)
        ended = run(scenario())
        assert set(ended) == {"limit"}
        assert len(ended) <= 2  # one for each reader, not one for each picture

    def test_photos_of_many_faces_end_no_reader_and_wait_with_the_large_ones(
        self, run, make, attacks
    ):
        async def scenario():
            readers, ended = self.pool(make, picture_seconds=30)
            await readers.start()
            try:
                request, crowd = Request("client"), Picture("a", attacks.crowd(12), faces="detect")
                answers = await asyncio.gather(*readers.submit(request, [crowd] * 3))
                assert all(len(answer.rows) >= 120 for answer in answers)
                assert request.slow
                readers.drop(request)
                return ended
            finally:
                await readers.close()

        assert run(scenario()) == []

    @linux
    def test_a_picture_that_takes_too_much_memory_fails_alone(self, run, make):
        async def scenario():
            readers, ended = self.pool(make, memory=20 * MIB)
            await readers.start()
            try:
                (error,) = await self.read(readers, encoded(Image.new("RGBA", (4500, 4500))))
                assert "takes more memory to decode than there is" in error
                return ended
            finally:
                await readers.close()

        assert run(scenario()) == []

    def test_the_pixels_of_a_request_are_bounded(self, run, make, heavy):
        async def scenario():
            readers, _ = self.pool(make, max_pixels=10_000_000, max_request_pixels=20_000_000)
            await readers.start()
            try:
                return await self.read(readers, heavy, n=4)
            finally:
                await readers.close()

        errors = run(scenario())
        assert errors.count(None) == 2
        assert sum("more than 20 megapixels" in error for error in errors if error) == 2

    def test_dropping_a_request_ends_even_what_is_being_read(self, run, make, heaviest):
        async def scenario():
            readers, ended = self.pool(make)
            await readers.start()
            try:
                first = readers._readers[0]
                request, process = Request("client"), first._process
                futures = readers.submit(request, [Picture("a", heaviest)] * 2)
                while not any(job.pixels for job in readers._at.values()):
                    await asyncio.sleep(0.01)
                readers.drop(request)
                assert all(future.cancelled() for future in futures)
                assert process.wait(10) == -signal.SIGKILL
                assert len(readers) == 0
                small = encoded(Image.new("RGB", (64, 64)))
                assert await self.read(readers, small, n=5) == [None] * 5
                while not first.alive:
                    await asyncio.sleep(0.01)
                assert not readers._large_pixels
                return ended
            finally:
                await readers.close()

        assert run(scenario()) == ["cancelled"]

    def test_a_reader_that_ended_by_itself_costs_no_picture(self, run, make):
        async def scenario():
            readers, ended = self.pool(make)
            await readers.start()
            try:
                for reader in readers._readers:
                    os.kill(reader.pid, signal.SIGKILL)
                    reader._process.wait()
                small = encoded(Image.new("RGB", (64, 64)))
                assert await self.read(readers, small, n=4) == [None] * 4
                assert readers.alive
                return ended
            finally:
                await readers.close()

        assert run(scenario()) == ["idle", "idle"]


def test_a_reader_loads_no_web_packages_and_the_service_no_models(environment):
    import subprocess

    code = "import sys, {0}; print([n for n in {1} if n in sys.modules])"
    for module, absent in [
        ("agr.serve.reader", ["fastapi", "uvicorn", "pydantic", "typer"]),
        ("agr.serve.app", ["onnxruntime", "agr.predictor"]),
    ]:
        done = subprocess.run(
            [sys.executable, "-c", code.format(module, absent)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
        assert done.stdout == "[]\n"
