"""HTTP/1.1 as it is on the wire: what goes in as bytes, what comes out as bytes."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from slocheck.sample import server as http
from slocheck.sample.background import in_thread
from slocheck.sample.listener import Listener
from slocheck.sample.server import Answer, Request


async def _echo(request: Request) -> Answer:
    if request.path == "/nothing":
        return Answer(status=204)
    told = {"method": request.method, "path": request.path, "query": dict(request.query), "body": request.body.decode()}
    return Answer(content=told, is_cut=request.path == "/cut", headers={"X-Kind": "echo"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    @contextlib.asynccontextmanager
    async def listening():
        listener = Listener(lambda reader, writer: http.talk(reader, writer, _echo), 0, limit=http.HEAD_CAP)
        try:
            yield listener.port
        finally:
            await listener.close()

    with in_thread(listening) as opened:
        yield opened


def ask(port: int, sent: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def content(answer: bytes):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_request_is_answered_with_its_length_and_the_connection_stays_open_for_more(port):
    answer = ask(port, b"GET /a%20b?x=1&y=%C3%BC HTTP/1.1\r\nHost: h\r\n\r\n")
    assert content(answer) == {"method": "GET", "path": "/a b", "query": {"x": "1", "y": "ü"}, "body": ""}
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert f"Content-Length: {len(body.encode())}" in head
    assert "X-Kind: echo" in head
    assert "Connection" not in head


def test_requests_in_one_go_are_answered_in_order(port):
    one = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
    answer = ask(port, b"".join(one % n for n in range(20)))
    assert [f'"path":"/{n}"'.encode() in answer for n in range(20)] == [True] * 20
    assert answer.count(b"HTTP/1.1 200 OK") == 20


@pytest.mark.parametrize("request_head", [
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n",
])
def test_a_client_that_wants_to_close_is_answered_once(port, request_head):
    answer = ask(port, request_head * 2)
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in answer


def test_an_old_client_may_ask_to_keep_the_connection(port):
    assert ask(port, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2).count(b"HTTP/1.1 200 OK") == 2


def test_a_head_request_gets_the_length_and_no_body(port):
    answer = ask(port, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    told = {"method": "HEAD", "path": "/", "query": {}, "body": ""}
    assert f"Content-Length: {len(json.dumps(told, separators=(',', ':')))}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


def test_no_content_has_neither_body_nor_length(port):
    answer = ask(port, b"DELETE /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
    assert status(answer) == 204
    assert b"Content-Length" not in answer


@pytest.mark.parametrize(("head", "body"), [
    (b"Content-Length: 5\r\n", b"hello"),
    (b"Transfer-Encoding: chunked\r\n", b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: Chunked\r\n", b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"),
])
def test_a_body_is_read_by_its_length_or_its_chunks(port, head, body):
    answer = ask(port, b"POST / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n" + body + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b'"body":"hello"' in answer
    assert b'"path":"/next"' in answer


def test_a_client_that_waits_for_leave_gets_it(port):
    sent = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi"
    assert ask(port, sent).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_cut_answer_announces_its_whole_length_and_breaks_off(port):
    head, _, body = ask(port, b"GET /cut HTTP/1.1\r\nHost: h\r\n\r\n").partition(b"\r\n\r\n")
    announced = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) == announced // 2


@pytest.mark.parametrize(("sent", "expected"), [
    (b"garbage\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: h\r\n folded: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHo", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\nhello", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", 413),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
])
def test_bytes_that_are_no_request_are_refused_in_json_and_closed(port, sent, expected):
    answer = ask(port, sent)
    assert status(answer) == expected
    assert content(answer)["error"]
    assert b"Connection: close" in answer


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe"])
def test_a_client_that_goes_away_gets_no_answer(port, sent):
    assert ask(port, sent) == b""


def test_a_silent_client_does_not_keep_the_others_waiting(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as silent:
        silent.sendall(b"GET / HT")
        assert status(ask(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")) == 200


def test_an_idle_connection_is_closed_after_a_while(monkeypatch, port):
    monkeypatch.setattr(http, "IDLE_S", 0.05)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as idle:
        assert idle.recv(10) == b""
