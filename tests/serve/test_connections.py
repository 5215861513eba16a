"""Heads of requests that are too long, too slow or too many, without a proxy before the service."""

import json
import logging
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest


@pytest.fixture
def connect():
    """Give a function that opens a connection to a service."""
    opened = []

    def connect(service):
        host, port = service.url.removeprefix("http://").split(":")
        opened.append(socket.create_connection((host, int(port)), timeout=20))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def receive(connection):
    """Give all that comes until the server closes."""
    data = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def assert_refused(data, status):
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), data[:200]
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == status


HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
KINDS = {
    "one header": HEAD + b"X: " + b"a" * 200_000,
    "a name": HEAD + b"a" * 200_000,
    "many headers": HEAD + b"X: aaaaaaaaaaaaaaa\r\n" * 10_000,
    "a target": b"GET /" + b"a" * 200_000,
    "complete": HEAD + b"X: " + b"a" * 50_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_a_long_head_is_refused(serve, connect, data):
    service = serve()
    connection = connect(service)
    connection.sendall(data[:100_000])
    assert_refused(receive(connection), 431)
    assert service.client.get("/health").status_code == 200


def test_a_head_of_usual_length_is_taken(serve):
    headers = {f"X-{i}": "a" * 1000 for i in range(30)}
    assert serve().client.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "data",
    [b"0\r\nX: " + b"a" * 200_000, b"5;" + b"a" * 200_000],
    ids=["trailer", "chunk extension"],
)
def test_what_follows_a_body_is_bounded_too(serve, connect, data):
    connection = connect(serve())
    connection.sendall(
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    time.sleep(0.1)
    start = time.monotonic()
    with suppress(OSError):
        for _ in range(50):
            connection.sendall(data[:5] + b"a" * 200_000)
    receive(connection)
    assert time.monotonic() - start < 5


def test_a_slow_head_is_let_go(serve, connect):
    service = serve(header_seconds=0.5)
    slow, silent = connect(service), connect(service)
    slow.sendall(HEAD)
    start = time.monotonic()
    for _ in range(3):
        time.sleep(0.1)
        slow.sendall(b"X: a\r\n")
    assert_refused(receive(slow), 408)
    assert receive(silent) == b""
    assert 0.4 < time.monotonic() - start < 5


def test_a_slow_second_head_is_let_go_too(serve, connect):
    connection = connect(serve(header_seconds=0.5))
    connection.sendall(HEAD + b"\r\n" + b"GET /hea")
    start = time.monotonic()
    data = receive(connection)
    assert data.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in data
    assert time.monotonic() - start < 5


def test_an_answer_that_takes_longer_than_a_head_may_is_given(serve, make_png, wait_until):
    service = serve(header_seconds=0.3)
    service.predictor.gate.clear()
    threading.Timer(0.8, service.predictor.gate.set).start()
    assert service.predict(make_png(5)).json()["results"][0]["age"] == 5


def test_the_longest_wait_ends_when_there_are_too_many(serve, connect, wait_until):
    service = serve(max_connections=20)
    slow = [connect(service) for _ in range(30)]
    for one in slow:
        with suppress(OSError):
            one.sendall(HEAD)
    for _ in range(5):  # each over a connection of its own
        start = time.monotonic()
        connection = connect(service)
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert receive(connection).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - start < 5
    slow[0].settimeout(1)
    assert receive(slow[0]) == b""
    slow[-1].settimeout(0.2)
    with pytest.raises(TimeoutError):
        slow[-1].recv(1)


def test_who_is_at_work_is_never_put_out(serve, connect, make_png, wait_until):
    service = serve(max_connections=16)
    service.predictor.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        files = [("images", ("a.png", make_png(3)))]
        given = {"files": files, "trust_env": False}
        asked = [pool.submit(httpx.post, f"{service.url}/v1/predict", **given) for _ in range(16)]
        wait_until(lambda: service.service.shares._requests.total() == 16)
        assert_refused(receive(connect(service)), 503)
        service.predictor.gate.set()
        assert [one.result().status_code for one in asked] == [200] * 16


def be_deaf(connection):
    """Ask for more than fits into the system's buffers, and read nothing of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /static/example.jpg HTTP/1.1\r\nHost: x\r\n\r\n" * 500)


def test_who_does_not_read_answers_makes_room(serve, connect, wait_until):
    service = serve(max_connections=16, header_seconds=60)
    for _ in range(16):
        be_deaf(connect(service))
    wait_until(lambda: len(service.door.waiting) == 16)
    connection = connect(service)
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    assert receive(connection).startswith(b"HTTP/1.1 200")


def test_who_does_not_read_answers_is_let_go(serve, connect, wait_until, caplog):
    service = serve(timeout=0.5, header_seconds=60)
    be_deaf(connect(service))
    wait_until(lambda: service.door.waiting)
    wait_until(lambda: not service.door.waiting, 5)
    wait_until(lambda: not service.server.server_state.tasks)
    assert "raised exception" not in caplog.text  # nothing more was written to it


def test_who_reads_slowly_gets_all(serve, connect):
    connection = connect(serve(timeout=1, header_seconds=1))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /static/example.jpg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    data = b""
    while piece := connection.recv(2_000):
        data += piece
        time.sleep(0.15)
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head)
    assert len(body) == int(length)


def test_a_request_on_its_way_is_answered_while_stopping(serve, connect, wait_until):
    service = serve()
    begun, silent = connect(service), connect(service)
    begun.sendall(HEAD)
    wait_until(lambda: len(service.door.waiting) == 2)
    service.server.should_exit = True
    wait_until(lambda: not service.server.servers[0].is_serving())
    for connection in (begun, silent):
        connection.sendall(b"\r\n" if connection is begun else HEAD + b"\r\n")
        data = receive(connection)
        assert data.startswith(b"HTTP/1.1 200")


def test_what_is_no_http_gets_a_problem(serve, connect):
    connection = connect(serve())
    connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert_refused(receive(connection), 400)


def test_nobody_is_advised_to_install_websockets(serve, caplog):
    service = serve()
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert service.client.get("/health", headers=headers).status_code == 200
    logging.getLogger("uvicorn.error").removeHandler(caplog.handler)
    assert "nstall" not in caplog.text


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/sw.js", "/static/app.js", "/metrics"])
def test_head_is_get_without_the_body(serve, connect, path):
    service = serve()
    head, get = service.client.head(path), service.client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(get.content))


def test_head_is_not_post(serve):
    reply = serve().client.head("/v1/predict")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/static/docs.css", "/static/app.js"])
def test_a_bad_range_gets_a_problem(serve, path):
    client = serve().client
    for value, status in [("bytes=x", 400), ("bytes=99999999-", 416)]:
        reply = client.get(path, headers={"Range": value})
        assert (reply.status_code, reply.json()["status"]) == (status, status)
        assert reply.headers["content-type"] == "application/problem+json"
        assert "Range" in reply.json()["detail"]
    assert reply.headers["content-range"].startswith("bytes */")
    assert client.get(path, headers={"Range": "bytes=0-9"}).status_code == 206


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/predict?face=detect", "'face'; known are faces. Did you mean 'faces'?"),
        ("/v1/predict?faces=crop&x=1", "'x'; known are faces."),
        ("/v1/predict?faces=crops", "faces must be one of 'crop', 'detect'; got 'crops'."),
        ("/health?verbose=1", "'verbose'; there are none here."),
        ("/metrics?name=a", "'name'; there are none here."),
    ],
)
def test_unknown_query_fields_are_refused(serve, make_png, path, words):
    service = serve()
    files = [("images", ("a.png", make_png()))]
    reply = service.client.request("POST" if "v1" in path else "GET", path, files=files)
    assert reply.status_code == 422
    assert words in reply.json()["detail"]


def test_faces_nearly_right_are_asked_back(serve, make_png):
    reply = serve().predict(make_png(), params={"faces": "detected"})
    assert "Did you mean 'detect'?" in reply.json()["detail"]
