"""A real server on a free port of this machine, and a predictor that answers from brightness."""

import io
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from PIL import Image

from agr.core.images import read_image
from agr.errors import ImageError
from agr.prediction import Face, Prediction
from agr.predictor import Predictor
from agr.serve.app import create_app
from agr.serve.connection import Connection
from agr.serve.reading import read
from agr.serve.settings import Settings
from agr.tasks import TASKS

ROOT = Path(__file__).parents[2]
PURPLE = (255, 0, 255)  # the colour that makes the fake predictor fail


def draw_png(level=100, size=(8, 8), colour=None):
    """Draw a picture of one gray level, or one colour."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour or (level,) * 3).save(stream, "PNG")
    return stream.getvalue()


class BrightnessPredictor:
    """Age is the brightness; nothing is answered while ``gate`` is closed."""

    tasks = tuple(TASKS)

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def predict(self, image, *, faces=None):
        self.batches.append(len(image))
        self.gate.wait(20)
        return [self._answer(one) for one in image]

    def stream_photos(self, photos):
        """Every photo shows one face, ten pixels from its borders; a white one shows none."""
        for photo in photos:
            (answer,) = self.predict([photo])
            if answer.error:
                yield [Face(error=answer.error)]
                continue
            photo.seek(0)
            height, width, _ = read_image(photo).shape
            box = (10.0, 10.0, width - 10.0, height - 10.0)
            face = Face(**vars(answer), box=box, score=0.9, landmarks={"left_eye": (20.0, 25.0)})
            yield [] if answer.age == 255 else [face]

    def _answer(self, image):
        try:
            pixels = read_image(image)
        except ImageError as error:
            return Prediction(error=str(error))
        if tuple(pixels[0, 0]) == PURPLE:
            raise RuntimeError("an inner secret")
        age = float(pixels[0, 0, 0])
        female = 0.75 if age < 128 else 0.25
        return Prediction(
            age=age,
            age_interval=(max(age - 5, 0), age + 7),
            gender="female" if female > 0.5 else "male",
            gender_probabilities={"female": female, "male": 1 - female},
            race="white",
            race_probabilities={
                "asian": 0.05,
                "black": 0.1,
                "indian": 0.004,
                "other": 0.046,
                "white": 0.8,
            },
        )


class InThread:
    """Reads as a process does, with a predictor of this process."""

    alive = True

    def __init__(self, predictor):
        self.predictor = predictor

    def start(self):
        return self.predictor.tasks

    def read(self, picture, max_pixels, seconds, *, large):
        return read(self.predictor, picture, max_pixels, large=large)

    def kill(self):
        """A thread goes on to its end."""

    def close(self):
        """There is nothing to end."""


@contextmanager
def running(app):
    """Run an application in a thread; gives its address and the server."""
    options = {"log_level": "warning", "ws": "none", "timeout_graceful_shutdown": 3}
    config = uvicorn.Config(app, http=Connection, **options)
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait(lambda: server.started or not thread.is_alive())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            server.should_exit = True
            thread.join(20)
        assert not thread.is_alive()


def wait(true, seconds=15):
    """Wait for something to become true, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def serve():
    """Give a function that starts a service with settings, and whatever a test asks of it."""
    with contextmanager(_serve)() as start:
        yield start


def _serve():
    with ExitStack() as stack:

        def start(predictor=None, *, readers=None, **settings):
            predictor = predictor or BrightnessPredictor()
            stack.callback(lambda: getattr(predictor, "gate", threading.Event()).set())
            readers = readers or [InThread(predictor) for _ in range(2)]
            app = create_app(Settings(**settings), readers)
            url, server = stack.enter_context(running(app))
            client = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
            return SimpleNamespace(
                url=url,
                server=server,
                client=client,
                predictor=predictor,
                service=app.state.service,
                door=app.state.door,
                predict=lambda *files, params=(("faces", "crop"),), **kw: client.post(
                    "/v1/predict", files=as_form(files), params=params, **kw
                ),
            )

        # The gates open first, so that no thread waits while its server stops.
        yield start


def as_form(files):
    """Name pictures for a multipart body."""
    return [
        ("images", file if isinstance(file, tuple) else (f"{i}.png", file))
        for i, file in enumerate(files)
    ]


@pytest.fixture(scope="session")
def models(request):
    """Give folders of saved models: those that ``AGR_TEST_MODELS`` names, or freshly trained."""
    given = os.environ.get("AGR_TEST_MODELS")
    if given:
        return {task: Path(given) / task for task in TASKS}
    pytest.importorskip("keras", reason="tiny models are trained with keras, which is absent")
    trained = request.getfixturevalue("trained")
    return {task: trained[task].folder for task in TASKS}


@pytest.fixture(scope="session")
def real_predictor(models):
    """Give a predictor with real models."""
    return Predictor(**models, threads=1)


@pytest.fixture(scope="session")
def portrait():
    """Give the example's file."""
    return ROOT / "examples/astronaut.jpg"


@pytest.fixture(scope="session")
def attacks():
    """Give the module ``benchmarks/attacks.py``."""
    spec = spec_from_file_location("attacks", ROOT / "benchmarks/attacks.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def in_thread():
    """Give the class that stands for a process that reads."""
    return InThread


@pytest.fixture(scope="session")
def make_png():
    """Give the function that draws a picture of one gray level."""
    return draw_png


@pytest.fixture(scope="session")
def fatal_png():
    """Give the picture that makes the brightness predictor fail."""
    return draw_png(colour=PURPLE)


@pytest.fixture(scope="session")
def wait_until():
    """Give the function that waits for something to become true."""
    return wait
