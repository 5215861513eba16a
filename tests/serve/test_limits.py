import io
import socket
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from agr.errors import ImageError, ParameterError
from agr.serve.cost import look
from agr.serve.limits import network
from agr.serve.settings import Settings

MIB = 2**20


def bomb(width, height):
    """Write a PNG's head only: its size is known, its pixels are not there."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + crc + b"\0\0\1\0IDAT"


def assert_problem(reply, status, words):
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert words in problem["detail"]
    assert "Traceback" not in reply.text


def test_a_large_picture_fails_alone(serve, make_png):
    service = serve(max_picture_bytes=20_000)
    rows = service.predict(make_png(1), b"x" * 20_001, make_png(2)).json()["results"]
    assert [row["age"] for row in rows] == [1, None, 2]
    assert rows[1]["error"] == "The picture has more than 0.0190735 MiB."


def test_a_picture_of_exactly_the_limit_is_read(serve, make_png):
    picture = make_png(9)
    service = serve(max_picture_bytes=len(picture))
    assert service.predict(picture).json()["results"][0]["age"] == 9


def test_a_large_request_is_refused(serve):
    reply = serve(max_request_bytes=MIB).predict(b"x" * MIB)
    assert_problem(reply, 413, "at most")
    assert "1 MiB" in reply.json()["detail"]


def test_a_large_request_is_refused_before_it_has_come(serve):
    """A body that never ends, of unknown length: the answer comes while it is still sent."""
    service = serve(max_request_bytes=100_000)
    sent = 0

    def endless():
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        while sent < 400 * MIB:
            sent += 10_000
            yield b"x" * 10_000

    import httpx

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        reply = service.client.post("/v1/predict", content=endless(), headers=headers)
    except (httpx.WriteError, httpx.ReadError):
        reply = None  # the server closed while we wrote, which is its right
    assert reply is None or reply.status_code == 413
    assert sent < 20 * MIB
    assert service.service.shares._bytes == 0


def test_the_declared_length_is_enough_to_refuse(serve):
    service = serve(max_request_bytes=MIB)
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
            b"Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        reply = connection.recv(1000)
    assert reply.startswith(b"HTTP/1.1 413")


def test_too_many_pictures(serve, make_png):
    service = serve(max_pictures=3)
    assert service.predict(*[make_png()] * 3).status_code == 200
    assert_problem(service.predict(*[make_png()] * 4), 422, "3 pictures at most")


def test_too_many_pixels_are_not_decoded(serve, make_png):
    service = serve(max_pixels=1000)
    files = [make_png(1, (100, 10)), make_png(2, (100, 11)), bomb(50_000, 50_000)]
    rows = service.predict(*files).json()["results"]
    assert [row["age"] for row in rows] == [1, None, None]
    assert "100 x 11 pixels; at most 1,000" in rows[1]["error"]
    assert "more than 1,000 pixels" in rows[2]["error"]
    assert service.predictor.batches == [1]  # the others never came that far


def test_the_bytes_of_all_requests_are_bounded(serve, make_png, wait_until):
    service = serve(max_request_bytes=60_000, max_client_bytes=200_000, max_held_bytes=100_000)
    service.predictor.gate.clear()
    large = make_png(1) + b"\0" * 50_000
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.predict, large)
        wait_until(lambda: service.predictor.batches)
        refused = service.predict(large)
        service.predictor.gate.set()
        assert_problem(refused, 503, "Too many pictures are being received")
        assert refused.headers["retry-after"] == "1"
        assert first.result().status_code == 200
    assert service.service.shares._bytes == 0
    assert service.predict(large).status_code == 200


def test_the_bytes_of_one_client_are_bounded(serve, make_png, wait_until):
    service = serve(max_request_bytes=60_000, max_client_bytes=100_000)
    service.predictor.gate.clear()
    large = make_png(1) + b"\0" * 50_000
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.predict, large)
        wait_until(lambda: service.predictor.batches)
        refused = service.predict(large)
        service.predictor.gate.set()
        assert_problem(refused, 429, "too much at a time")
        assert first.result().status_code == 200
    assert not service.service.shares._client_bytes
    assert service.predict(large).status_code == 200


def test_the_open_requests_of_one_client_are_bounded(serve, make_png, wait_until):
    service = serve(max_client_requests=2)
    service.predictor.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(service.predict, make_png(1)) for _ in range(2)]
        wait_until(lambda: service.service.shares._requests["127.0.0.1"] == 2)
        refused = service.predict(make_png(2))
        service.predictor.gate.set()
        assert_problem(refused, 429, "2 requests open")
        assert refused.headers["retry-after"] == "1"
        assert [one.result().status_code for one in held] == [200, 200]
    assert not service.service.shares._requests


def test_a_slow_client_is_let_go_and_stops_nobody(serve, make_png):
    service = serve(timeout=2)
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        assert service.predict(make_png(3)).json()["results"][0]["age"] == 3
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):  # the other's answer came before it was let go
            slow.recv(1000)
        slow.settimeout(20)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
    assert not service.service.shares._requests


def test_a_client_that_goes_away_leaves_nothing_behind(serve, make_png, wait_until):
    service = serve()
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as gone:
        gone.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        wait_until(lambda: service.service.shares._bytes > 0)
    wait_until(lambda: not service.service.shares._requests)
    assert service.service.shares._bytes == 0
    assert service.predict(make_png(3)).status_code == 200


HEAD = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="images"\r\n\r\nx\r\n--b--\r\n'
OTHER = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
MANY = b"".join(b"X-%d: 1\r\n" % i for i in range(5000))


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("application/json", b"{}", 415, "multipart/form-data"),
        ("", b"{}", 415, "multipart/form-data"),
        ("multipart/form-data", b"x", 400, "boundary"),
        ("multipart/form-data; boundary=" + "b" * 500, b"x", 400, "boundary"),
        ("multipart/form-data; boundary=b", b"", 400, "ends before"),
        ("multipart/form-data; boundary=b", b"nonsense", 400, "malformed"),
        ("multipart/form-data; boundary=b", HEAD + b"x", 400, "ends before"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422, "no file"),
        ("multipart/form-data; boundary=b", OTHER, 422, "Unknown field 'file'"),
        ("multipart/form-data; boundary=b", FIELD, 422, "must be a file"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\n" + MANY + b"\r\nx\r\n--b--",
            400,
            "malformed",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 99_999, 400, "malformed"),
    ],
    ids=[
        "json",
        "no type",
        "no boundary",
        "long boundary",
        "empty",
        "nonsense",
        "cut",
        "no part",
        "other field",
        "text",
        "many headers",
        "long header",
    ],
)
def test_a_broken_request_gets_a_problem(serve, kind, body, status, words):
    service = serve()
    reply = service.client.post("/v1/predict", content=body, headers={"Content-Type": kind})
    assert_problem(reply, status, words)
    assert service.service.shares._bytes == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/docs/app.py", 404),
        ("DELETE", "/v1/predict", 405),
        ("POST", "/health", 405),
        ("POST", "/v1/predict?faces=all", 422),
    ],
    ids=["absent", "dots", "encoded dots", "docs", "delete", "post", "faces"],
)
def test_what_is_not_there_gets_a_problem(serve, method, path, status):
    reply = serve().client.request(method, path)
    assert_problem(reply, status, "")
    if status == 405:
        assert reply.headers["allow"]


def test_an_inner_error_tells_nothing(serve, monkeypatch, caplog, make_png):
    from agr.serve.service import Service

    async def fail(self, client, pictures):
        raise RuntimeError("an inner secret")

    monkeypatch.setattr(Service, "read", fail)
    service = serve()
    reply = service.predict(make_png())
    assert_problem(reply, 500, "inside the service")
    assert "secret" not in reply.text
    assert "an inner secret" in caplog.text  # but its operator hears of it
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert not service.service.shares._requests


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/docs", "/static/app.js", "/sw.js", "/nothing", "/openapi.json"],
    ids=lambda path: path,
)
def test_security_headers_are_everywhere(serve, path):
    headers = serve().client.get(path).headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"].startswith("camera=(self)")
    assert headers["cache-control"] in ("no-cache", "no-store")


def test_answers_are_not_kept(serve, make_png):
    assert serve().predict(make_png()).headers["cache-control"] == "no-store"


def test_formats_that_start_other_programs_are_refused():
    with pytest.raises(ImageError, match="known format"):
        look(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 1000)


def test_a_jpeg_of_endless_scans_is_refused():
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG", progressive=True)
    look(stream.getvalue(), 5000)
    with pytest.raises(ImageError, match="scans"):
        look(stream.getvalue() + b"\xff\xda" * 100, 5000)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
    ids=["ipv4", "ipv6", "mapped", "name", "none"],
)
def test_network_of_a_client(host, expected):
    assert network(host) == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_pictures": 0}, "max_pictures must be positive"),
        ({"timeout": -1}, "timeout must be positive"),
        ({"queue_size": 3, "max_pictures": 4}, "queue_size"),
        ({"max_pixels": 10**9}, "max_pixels must be at most 89,000,000"),
        ({"readers": 1}, "readers must be at least 2"),
        ({"timeout": "soon"}, "timeout must be a valid number.*got 'soon'"),
        ({"max_pixel": 5}, "Unknown setting 'max_pixel'. Did you mean 'max_pixels'?"),
        ({"max_held_bytes": 5}, "max_held_bytes"),
        ({"api_key": " "}, "api_key is empty"),
    ],
    ids=["zero", "negative", "queue", "pixels", "readers", "text", "name", "held", "key"],
)
def test_settings_that_cannot_work(settings, words):
    with pytest.raises(ParameterError, match=words):
        Settings(**settings)


def test_shares_survive_many_threads():
    from agr.serve.limits import Shares

    shares = Shares(Settings(max_client_requests=0))

    def ask():
        for _ in range(200):
            with shares.request("a") as held:
                held.take(10)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert shares._bytes == 0
    assert not shares._requests
