import io
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from agr import __version__
from agr.prediction import Prediction

KEYS = ["image", *Prediction().to_dict()]
PLACE = ["box", "score", "landmarks", "n_faces", "warning"]
FACE_KEYS = ["image", *PLACE, *Prediction().to_dict()]


def test_health_says_models_version_and_limits(serve):
    service = serve(max_pictures=5)
    reply = service.client.get("/health")
    assert reply.status_code == 200
    assert reply.json() == {
        "status": "ok",
        "version": __version__,
        "models": ["age", "gender", "race"],
        "faces": ["crop", "detect"],
        "needs_key": False,
        "limits": {
            "picture_bytes": 10 * 2**20,
            "request_bytes": 40 * 2**20,
            "pixels": 25_000_000,
            "pictures": 5,
            "request_pixels": 400_000_000,
        },
    }


def test_health_fails_while_no_reader_runs(serve, make_png, wait_until, in_thread):
    class Broken(in_thread):
        alive = False

        def start(self):
            if self.alive is None:
                raise OSError("no more processes")
            self.alive = None
            return ("age",)

    readers = [Broken(None) for _ in range(2)]
    service = serve(readers=readers, timeout=2)
    assert service.client.get("/health").status_code == 200
    with ThreadPoolExecutor(2) as pool:  # each finds its reader gone
        asked = [pool.submit(service.predict, make_png(1)) for _ in range(2)]
        wait_until(lambda: service.client.get("/health").status_code == 503)
        assert [one.result().status_code for one in asked] == [503, 503]
    reply = service.client.get("/health")
    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"


def test_one_picture(serve, make_png):
    reply = serve().predict(("face.png", make_png(31)))
    assert reply.status_code == 200
    (row,) = reply.json()["results"]
    assert list(row) == KEYS
    assert (row["image"], row["age"], row["age_interval"]) == ("face.png", 31.0, [26.0, 38.0])
    assert (row["gender"], row["error"]) == ("female", None)
    assert sum(row["race_probabilities"].values()) == pytest.approx(1)


def test_photos_give_a_row_a_face(serve, make_png, fatal_png):
    files = [make_png(10), b"no picture", make_png(255), fatal_png, make_png(30, size=(90, 40))]
    reply = serve().predict(*files, params={"faces": "detect"})
    rows = reply.json()["results"]
    assert all(list(row) == FACE_KEYS for row in rows)
    assert [row["image"] for row in rows] == [f"{i}.png" for i in range(5)]
    assert [row["age"] for row in rows] == [10, None, None, None, 30]
    assert rows[2]["error"] == "no face was found"
    assert rows[3]["error"] == "The picture could not be read."
    assert rows[4]["box"] == [10, 10, 80, 30]


def test_crops_and_photos_at_the_same_time_keep_apart(serve, make_png):
    service = serve()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(service.predict, make_png(10), make_png(20))
        two = pool.submit(service.predict, make_png(30), make_png(40), params={"faces": "detect"})
    assert [row["age"] for row in one.result().json()["results"]] == [10, 20]
    assert [row["age"] for row in two.result().json()["results"]] == [30, 40]
    assert list(two.result().json()["results"][0]) == FACE_KEYS


def test_a_real_photo_with_two_faces(serve, real_predictor, portrait):
    photo = Image.new("RGB", (900, 420), "#556677")
    with Image.open(portrait) as face:
        photo.paste(face.resize((300, 300)), (60, 60))
        photo.paste(face.resize((200, 200)), (600, 100))
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    reply = serve(real_predictor).predict(stream.getvalue(), params={"faces": "detect"})
    boxes = [row["box"] for row in reply.json()["results"]]
    assert len(boxes) == 2
    assert boxes[0][2] < 420 < 560 < boxes[1][0]  # the larger first
    assert all(row["error"] is None for row in reply.json()["results"])


def test_several_pictures_keep_their_order_and_a_bad_one_harms_none(serve, make_png, fatal_png):
    files = [make_png(10), b"no picture", make_png(20), fatal_png, b"", make_png(30)]
    rows = serve().predict(*files).json()["results"]
    assert [row["image"] for row in rows] == [f"{i}.png" for i in range(6)]
    assert [row["age"] for row in rows] == [10, None, 20, None, None, 30]
    assert [bool(row["error"]) for row in rows] == [False, True, False, True, True, False]
    assert "known format" in rows[1]["error"]
    assert rows[3]["error"] == "The picture could not be read."  # nothing of the inner error
    assert "empty" in rows[4]["error"]
    assert all(list(row) == KEYS for row in rows)


def test_a_truncated_picture_is_called_by_its_name(serve, make_png):
    whole = make_png(50, (300, 300))
    (row,) = serve().predict(("half.png", whole[: len(whole) // 2])).json()["results"]
    assert row["error"].startswith("half.png cannot be decoded")


@pytest.mark.parametrize(
    "name", ["äöü 人.png", "in a folder/b.png", "x" * 300 + ".png"], ids=["unicode", "path", "long"]
)
def test_file_names_come_back(serve, name, make_png):
    (row,) = serve().predict((name, make_png())).json()["results"]
    assert row["error"] is None
    assert row["image"].startswith(name[:3])
    assert len(row["image"]) <= 255


def test_the_rows_are_those_of_the_command_line(serve, real_predictor, models, portrait, tmp_path):
    from typer.testing import CliRunner

    from agr.cli import app

    options = [text for task, folder in models.items() for text in (f"--{task}", str(folder))]
    output = tmp_path / "rows.json"
    command = ["predict", str(portrait), "--format", "json", "--output", str(output), *options]
    assert CliRunner().invoke(app, command).exit_code == 0
    (expected,) = json.loads(output.read_text())
    service = serve(real_predictor)
    (row,) = service.predict((str(portrait), portrait.read_bytes()), params={}).json()["results"]
    assert list(row) == list(expected)
    assert row.pop("gender_probabilities") == pytest.approx(expected.pop("gender_probabilities"))
    assert row.pop("race_probabilities") == pytest.approx(expected.pop("race_probabilities"))
    assert row.pop("age_interval") == pytest.approx(expected.pop("age_interval"))
    assert row.pop("age") == pytest.approx(expected.pop("age"))
    assert row == expected


def test_concurrent_requests_get_their_own_answers(serve, make_png, wait_until):
    service = serve()
    service.predictor.gate.clear()
    with ThreadPoolExecutor(17) as pool:
        asked = [pool.submit(service.predict, make_png(i), make_png(i + 100)) for i in range(17)]
        wait_until(lambda: len(service.service.readers) == 32)
        service.predictor.gate.set()
        for i, one in enumerate(asked):
            assert [row["age"] for row in one.result().json()["results"]] == [i, i + 100]


def test_a_small_request_does_not_wait_for_a_long_one(serve, make_png, wait_until):
    service = serve()
    service.predictor.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(service.predict, *[make_png(1)] * 32)
        wait_until(lambda: len(service.predictor.batches) == 2)
        short = pool.submit(service.predict, make_png(2))
        wait_until(lambda: len(service.service.readers) == 31)
        service.predictor.gate.set()
        assert short.result().json()["results"][0]["age"] == 2
        before = len(service.predictor.batches)
        assert long.result().status_code == 200
    assert before < 25


def test_a_full_queue_refuses_and_says_when_to_come_back(serve, make_png, wait_until):
    service = serve(queue_size=3, max_pictures=2)
    service.predictor.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(service.predict, make_png(1), make_png(2))
        wait_until(lambda: len(service.predictor.batches) == 2)
        second = pool.submit(service.predict, make_png(3), make_png(4))
        wait_until(lambda: len(service.service.readers) == 2)
        of_us = service.predict(make_png(5))
        of_all = service.predict(make_png(5), make_png(6))
        service.predictor.gate.set()
        assert first.result().status_code == second.result().status_code == 200
    assert (of_us.status_code, of_all.status_code) == (429, 503)
    assert of_us.headers["retry-after"] == of_all.headers["retry-after"] == "1"
    assert "2 of your pictures wait already" in of_us.json()["detail"]
    assert "2 pictures wait already" in of_all.json()["detail"]


def test_a_client_that_goes_away_ends_its_work(serve, make_png, wait_until):
    service = serve()
    service.predictor.gate.clear()
    request = service.client.build_request(
        "POST", "/v1/predict", files=[("images", ("a.png", make_png(1)))] * 9
    )
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as gone:
        lines = [b"%s: %s" % pair for pair in request.headers.raw]
        gone.sendall(b"\r\n".join([b"POST /v1/predict HTTP/1.1", *lines, b"", request.read()]))
        wait_until(lambda: len(service.service.readers) == 7)
    wait_until(lambda: len(service.service.readers) == 0)
    wait_until(lambda: not service.service.shares._requests)
    service.predictor.gate.set()
    assert service.predict(make_png(2)).json()["results"][0]["age"] == 2
    assert len(service.predictor.batches) == 3  # two of the nine, and this one


def test_an_answer_that_takes_too_long_ends_with_a_problem(serve, make_png):
    service = serve(timeout=1)
    service.predictor.gate.clear()
    start = time.monotonic()
    reply = service.predict(make_png(1))
    assert reply.status_code == 503
    assert "not ready within 1 seconds" in reply.json()["detail"]
    assert "retry-after" in reply.headers
    assert time.monotonic() - start < 5
    service.predictor.gate.set()
    assert service.predict(make_png(2)).json()["results"][0]["age"] == 2


def test_a_503_ends_the_remaining_work(serve, make_png):
    service = serve(timeout=1)
    service.predictor.gate.clear()
    assert service.predict(*[make_png(1)] * 9).status_code == 503
    assert len(service.service.readers) == 0
    service.predictor.gate.set()
    assert service.predict(make_png(2)).status_code == 200
    assert len(service.predictor.batches) == 3  # two of the nine, and this one


def test_metrics_count_requests_and_pictures(serve, make_png):
    service = serve()
    service.predict(make_png(1), b"bad", make_png(2))
    service.client.get("/health")
    service.client.get("/no/such/page")
    reply = service.client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in reply.text.splitlines() if line[0] != "#")
    assert lines['agr_requests_total{endpoint="/v1/predict",status="200"}'] == "1.0"
    assert lines['agr_requests_total{endpoint="other",status="404"}'] == "1.0"
    assert lines['agr_pictures_total{outcome="read"}'] == "2.0"
    assert lines['agr_pictures_total{outcome="failed"}'] == "1.0"
    assert lines['agr_reading_seconds_count{lane="small"}'] == "3.0"
    assert lines['agr_readers_ended_total{reason="limit"}'] == "0.0"
    assert lines["agr_queue_pictures"] == "0.0"
    assert "no/such" not in reply.text  # a client's words would make endless many series


def test_nothing_of_a_picture_is_logged_or_stored(serve, caplog, tmp_path, monkeypatch, make_png):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caplog.set_level("DEBUG", logger="agr")
    service = serve()
    service.predict(("secret-name.png", make_png(1, (900, 900))), ("secret-two.png", b"bad"))
    assert "secret" not in caplog.text
    assert list(tmp_path.iterdir()) == []


class TestKey:
    KEY = "k-123"

    @pytest.fixture
    def guarded(self, serve):
        return serve(api_key=self.KEY)

    def headers(self, key):
        return {"Authorization": f"Bearer {key}".encode("latin-1")}

    @pytest.mark.parametrize("path", ["/v1/predict", "/metrics"])
    def test_without_the_key_nobody_gets_in(self, guarded, path):
        method = "POST" if path == "/v1/predict" else "GET"
        for headers in ({}, self.headers("wrong"), {"Authorization": "Basic k"}):
            reply = guarded.client.request(method, path, headers=headers)
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
            assert reply.json()["status"] == 401

    def test_with_the_key_it_works(self, serve, make_png):
        service = serve(api_key="right-key")
        headers = self.headers("right-key")
        assert service.predict(make_png(7), headers=headers).json()["results"][0]["age"] == 7
        assert service.client.get("/metrics", headers=headers).status_code == 200

    def test_health_and_page_stay_open(self, guarded):
        assert guarded.client.get("/health").json()["needs_key"] is True
        assert guarded.client.get("/").status_code == 200

    def test_the_document_tells_of_the_key_only_where_there_is_one(self, guarded, serve):
        with_key = guarded.client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]
        without = serve().client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]
        assert with_key["security"]
        assert "security" not in without

    def test_the_key_is_not_in_the_settings_words(self):
        from agr.serve.settings import Settings

        assert "right-key" not in repr(Settings(api_key="right-key"))
