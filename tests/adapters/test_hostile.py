"""A server that does anything wrong gets a finding with its name: never a traceback, never a hang, nothing left behind."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from slocheck.adapters.http import FINDINGS, Limits, Route
from slocheck.core.errors import TargetError
from slocheck.core.model import PHASE_NAMES, Phases
from tests.adapters.asking import LEVELS, Trust, ask
from tests.adapters.hostile import Peer, Script, closed_port, hostile

pytestmark = pytest.mark.usefixtures("punctual")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SHORT = 0.15  # seconds; for servers that would let us wait for ever

STAGES = {"connect": "connect", "tls": "tls", "send": "send", "wait": "wait", "receive": "receive"}


def says(data: bytes) -> Script:
    """Reads the request, says this, closes."""
    return lambda peer: peer.read_head().send(data)


def says_and_waits(data: bytes) -> Script:
    return lambda peer: peer.read_head().send(data).wait_for_end()


def head(*lines: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


@dataclass(frozen=True)
class Case:
    name: str
    script: Script
    finding: str
    stage: str
    timeout: float = 10.0
    got: str | None = None


PLAIN = [
    # before an answer
    Case("closes after the request", lambda peer: peer.read_head(), "http.closed", "wait"),
    Case("resets after the request", lambda peer: peer.read_head().reset(), "http.reset", "wait"),
    Case("never answers", lambda peer: peer.read_head().wait_for_end(), "http.timeout", "wait", SHORT),
    Case("interim answers only", says_and_waits(b"HTTP/1.1 103 Early Hints\r\n\r\n"), "http.timeout", "wait", SHORT),
    Case("closes after an interim answer", says(b"HTTP/1.1 100 Continue\r\n\r\n"), "http.truncated", "wait"),
    Case("endless interim answers", lambda peer: peer.read_head().endless(b"HTTP/1.1 102 Processing\r\n\r\n"), "http.head_too_large", "receive"),
    # within the head
    Case("closes within the status line", says(b"HTTP/1.1 2"), "http.truncated", "receive"),
    Case("closes within the head", says(b"HTTP/1.1 200 OK\r\nContent-Le"), "http.truncated", "receive"),
    Case("resets within the head", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\n").wait_and_reset(), "http.reset", "receive"),
    Case("stops within the head", says_and_waits(b"HTTP/1.1 200 OK\r\nX: "), "http.timeout", "receive", SHORT),
    Case("drips its head", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\n").endless(b"X", pause=0.01), "http.timeout", "receive", SHORT),
    Case("endless header lines", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\n").endless(b"X: y\r\n" * 50), "http.head_too_large", "receive"),
    Case("one endless header", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\nX: ").endless(b"y" * 500), "http.head_too_large", "receive"),
    Case("too many header lines", says(head(*[b"X: y"] * 300)), "http.head_too_large", "receive"),
    Case("an endless status line", lambda peer: peer.read_head().send(b"HTTP/1.1 200 ").endless(b"O" * 500), "http.head_too_large", "receive"),
    # nonsense
    Case("garbage", says(b"\x00\xff\xfe\x01garbage"), "http.malformed", "receive", got=r"'\x00\xff\xfe\x01garbage'"),
    Case("HTTP/0.9", says(b"<html>hello</html>"), "http.malformed", "receive", got="'<html>hello</html>'"),
    Case("the preface of HTTP/2", says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http.malformed", "receive"),
    Case("a frame of HTTP/2", says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18), "http.malformed", "receive"),
    Case("HTTP/2 in the status line", says(b"HTTP/2 200\r\n\r\n"), "http.malformed", "receive"),
    Case("another protocol", says(b"220 mail.example ESMTP ready\r\n"), "http.malformed", "receive"),
    Case("a status of four digits", says(b"HTTP/1.1 2000 OK\r\n\r\n"), "http.malformed", "receive", got="'HTTP/1.1 2000 OK'"),
    Case("a status below 100", says(b"HTTP/1.1 099 OK\r\n\r\n"), "http.malformed", "receive"),
    Case("no status", says(b"HTTP/1.1 OK\r\n\r\n"), "http.malformed", "receive"),
    Case("a NUL in a header", says(head(b"X: a\x00b")), "http.malformed", "receive"),
    Case("a bare CR in a header", says(head(b"X: a\rb")), "http.malformed", "receive"),
    Case("a header without a colon", says(head(b"nonsense")), "http.malformed", "receive", got="'nonsense'"),
    Case("a space before the colon", says(head(b"Content-Length : 2", body=b"ok")), "http.malformed", "receive"),
    Case("a folded first header", says(head(b" X: y")), "http.malformed", "receive"),
    # what two readers would read differently
    Case("two lengths that differ", says(head(b"Content-Length: 2", b"Content-Length: 3", body=b"oky")), "http.malformed", "receive"),
    Case("two lengths in one line", says(head(b"Content-Length: 2, 3", body=b"oky")), "http.malformed", "receive"),
    Case("a length and chunks", says(head(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")), "http.malformed", "receive"),
    Case("a length with a sign", says(head(b"Content-Length: +2", body=b"ok")), "http.malformed", "receive", got="'+2'"),
    Case("a negative length", says(head(b"Content-Length: -1")), "http.malformed", "receive"),
    Case("a hexadecimal length", says(head(b"Content-Length: 0x2", body=b"ok")), "http.malformed", "receive"),
    Case("a length of forty digits", says(head(b"Content-Length: " + b"9" * 40)), "http.malformed", "receive"),
    Case("chunked twice", says(head(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")), "http.malformed", "receive"),
    Case("a coding nobody asked for", says(head(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")), "http.malformed", "receive"),
    # within the body
    Case("a body too short", says(head(b"Content-Length: 9", body=b"short")), "http.truncated", "receive"),
    Case("resets within the body", lambda peer: peer.read_head().send(head(b"Content-Length: 9", body=b"s")).wait_and_reset(), "http.reset", "receive"),
    Case("stops within the body", says_and_waits(head(b"Content-Length: 9", body=b"s")), "http.timeout", "receive", SHORT),
    Case("drips its body", lambda peer: peer.read_head().send(head()).endless(b"x", pause=0.01), "http.timeout", "receive", SHORT),
    Case("a length above the cap", says_and_waits(head(b"Content-Length: 20000001")), "http.body_too_large", "receive"),
    Case("the largest length", says_and_waits(head(b"Content-Length: " + b"9" * 19)), "http.body_too_large", "receive"),
    Case("an endless body", lambda peer: peer.read_head().send(head()).endless(b"x" * 65_536), "http.body_too_large", "receive"),
    Case("endless chunks", lambda peer: peer.read_head().send(CHUNKED).endless(b"1000\r\n" + b"x" * 4096 + b"\r\n"), "http.body_too_large", "receive"),
    Case("endless tiny chunks", lambda peer: peer.read_head().send(CHUNKED).endless(b"1\nx\n" * 4000), "http.body_too_large", "receive"),
    Case("a chunk of all there is", says(CHUNKED + b"FFFFFFFFFFFFFFFF\r\n"), "http.body_too_large", "receive"),
    Case("a chunk size of 17 digits", says(CHUNKED + b"00000000000000001\r\nx\r\n0\r\n\r\n"), "http.malformed", "receive"),
    Case("a chunk size that is none", says(CHUNKED + b"zz\r\n"), "http.malformed", "receive", got="'zz\\r\\n'"),
    Case("a chunk size with a sign", says(CHUNKED + b"-1\r\n"), "http.malformed", "receive"),
    Case("a chunk longer than it says", says(CHUNKED + b"2\r\nokay\r\n0\r\n\r\n"), "http.malformed", "receive"),
    Case("no last chunk", says(CHUNKED + b"2\r\nok\r\n"), "http.truncated", "receive"),
    Case("no end of the trailers", says(CHUNKED + b"0\r\n"), "http.truncated", "receive"),
    Case("endless chunk extensions", lambda peer: peer.read_head().send(CHUNKED).endless(b"1;" + b"e" * 900 + b"\r\nx\r\n"), "http.head_too_large", "receive"),
    Case("an endless chunk extension", lambda peer: peer.read_head().send(CHUNKED + b"1;").endless(b"e" * 900), "http.malformed", "receive"),
    Case("endless trailers", lambda peer: peer.read_head().send(CHUNKED + b"0\r\n").endless(b"X: y\r\n"), "http.head_too_large", "receive"),
    Case("a broken trailer", says(CHUNKED + b"0\r\nnonsense\r\n\r\n"), "http.malformed", "receive"),
    Case("gzip that is none", says(head(b"Content-Encoding: gzip", b"Content-Length: 2", body=b"ok")), "http.decode", "receive"),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", PLAIN, ids=lambda c: c.name)
def test_a_wrong_answer_has_a_finding_of_its_own(case: Case, level: str):
    with hostile(case.script) as port, pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/", level=level, timeout=case.timeout)
    assert caught.value.finding == case.finding
    assert case.got is None or caught.value.got == case.got
    _check_facts(caught.value, case.stage, port)


def _check_facts(error: TargetError, stage: str, port: int) -> None:
    assert error.finding in FINDINGS
    assert error.facts["stage"] == stage
    assert error.facts["address"] == f"127.0.0.1:{port}"
    text = str(error)
    assert text[0].islower() or text.startswith(("127.", "TLS")), text
    assert not text.endswith(".")
    assert isinstance(error.phases, Phases)
    reached = PHASE_NAMES.index(STAGES[stage])
    for index, name in enumerate(PHASE_NAMES):
        value = getattr(error.phases, name)
        if name == "dns" or (name == "tls" and value is None):
            continue
        assert (value is not None) == (index <= reached), (name, error.phases)


def test_a_request_that_nobody_reads_times_out_while_sending():
    is_over = threading.Event()
    with hostile(lambda _peer: is_over.wait(10)) as port:
        with pytest.raises(TargetError) as caught:
            ask(f"http://127.0.0.1:{port}/", method="POST", body=b"x" * 20_000_000, timeout=SHORT)
        is_over.set()
    assert (caught.value.finding, caught.value.facts["stage"]) == ("http.timeout", "send")
    assert caught.value.phases.wait is None


def test_an_early_refusal_is_heard_although_the_request_was_not_read():
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"

    def script(peer: Peer) -> None:
        peer.read_head().send(refusal)
        peer.wait_for_end()

    with hostile(script) as port:
        made = ask(f"http://127.0.0.1:{port}/", method="POST", body=b"x" * 8_000_000)
    assert (made.status, made.body) == (413, b"big")


def test_a_reset_right_after_the_connection_was_accepted_is_a_reset():
    """Whether it is seen while connecting, sending or waiting is up to the two systems."""
    with hostile(lambda peer: peer.reset()) as port, pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/")
    assert caught.value.finding in ("connect.reset", "http.reset")


def test_a_closed_port_refuses():
    port = closed_port()
    with pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/")
    assert caught.value.finding == "connect.refused"
    assert caught.value.facts == {"stage": "connect", "address": f"127.0.0.1:{port}"}
    assert caught.value.phases.connect is not None
    assert caught.value.phases.send is None


def test_an_answer_before_the_request_has_no_wait():
    with hostile(lambda peer: peer.send(OK).wait_for_end()) as port:
        made = ask(f"http://127.0.0.1:{port}/")
    assert made.status == 200
    assert made.phases.total_us() == made.latency_us


# --- what is forgiven, as every client forgives it ---

FORGIVEN = [
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
    ("no reason phrase", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ("an empty reason phrase", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ("a folded header", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ("equal lengths", head(b"Content-Length: 2", b"Content-Length: 2", body=b"ok"), b"ok"),
    ("equal lengths in one line", head(b"Content-Length: 2, 2", body=b"ok"), b"ok"),
    ("bytes after the answer", OK + b"HTTP/1.1 500 No\r\n\r\n", b"ok"),
    ("no length", head(body=b"until the end"), b"until the end"),
    ("chunk extensions and trailers", CHUNKED + b"2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n", b"ok"),
    ("chunks in capitals with zeros", CHUNKED + b"000A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    ("identity", head(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"ok"), b"ok"),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
    ("an unknown coding", head(b"Content-Encoding: x-own", b"Content-Length: 2", body=b"ok"), b"ok"),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("answer", "body"), [f[1:] for f in FORGIVEN], ids=[f[0] for f in FORGIVEN])
def test_what_every_client_forgives_is_no_finding(answer: bytes, body: bytes, level: str):
    with hostile(says(answer)) as port:
        made = ask(f"http://127.0.0.1:{port}/", level=level)
    assert (made.status, made.body) == (200, body)


def test_header_values_in_any_encoding_are_text_on_both_levels():
    answer = head("X-Utf8: grün".encode(), b"X-Latin: gr\xfcn", b"Content-Length: 0")
    for level in LEVELS:
        with hostile(says(answer)) as port:
            made = ask(f"http://127.0.0.1:{port}/", level=level)
        assert (made.header("x-utf8"), made.header("X-Latin")) == ("grün", "grün")


def test_the_caps_are_the_callers():
    with hostile(says(OK)) as port, pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/", limits=Limits(body_bytes=1))
    assert caught.value.finding == "http.body_too_large"
    with hostile(says(OK)) as port, pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/", limits=Limits(head_bytes=20))
    assert caught.value.finding == "http.head_too_large"


# --- TLS ---

TLS = [
    Case("closes at once", lambda peer, _: None, "tls.handshake_failed", "tls"),
    Case("closes after the hello", lambda peer, _: peer.read_some(), "tls.handshake_failed", "tls"),
    Case("resets after the hello", lambda peer, _: peer.read_some().reset(), "tls.handshake_failed", "tls"),
    Case("never shakes hands", lambda peer, _: peer.read_some().wait_for_end(), "tls.timeout", "tls", SHORT),
    Case("half a record", lambda peer, _: peer.read_some().send(b"\x16\x03\x03\x01").wait_for_end(), "tls.timeout", "tls", SHORT),
    Case("garbage", lambda peer, _: peer.read_some().send(b"\xde\xad\xbe\xef" * 8), "tls.handshake_failed", "tls"),
    Case("plain HTTP", lambda peer, _: peer.read_some().send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls.handshake_failed", "tls"),
    Case("an alert", lambda peer, _: peer.read_some().send(b"\x15\x03\x03\x00\x02\x02\x28"), "tls.handshake_failed", "tls"),
    Case("an endless record", lambda peer, _: peer.read_some().endless(b"\x16\x03\x03\x40\x00" + b"\x0b" * 16384), "tls.handshake_failed", "tls"),
    Case("closes after the handshake", lambda peer, tls: peer.shake(tls).read_head(), "http.closed", "wait"),
    Case("silent after the handshake", lambda peer, tls: peer.shake(tls).read_head().wait_for_end(), "http.timeout", "wait", SHORT),
    Case("garbage after the handshake", lambda peer, tls: peer.shake(tls).read_head().send_raw(b"plain text now" * 9), "tls.handshake_failed", "wait"),
    Case("garbage within the answer", lambda peer, tls: peer.shake(tls).read_head().send(OK[:20]).send_raw(b"\x17\x03\x03\x00\x20" + b"g" * 32),
         "tls.broken", "receive"),
    Case("cut within the body", lambda peer, tls: peer.shake(tls).read_head().send(head(b"Content-Length: 9", body=b"s")), "http.truncated", "receive"),
    Case("no goodbye after a body without length", lambda peer, tls: peer.shake(tls).read_head().send(head(body=b"is this all?")),
         "http.truncated", "receive"),
    Case("reset within the body", lambda peer, tls: peer.shake(tls).read_head().send(head(b"Content-Length: 9", body=b"s")).wait_and_reset(),
         "http.reset", "receive"),
]


@pytest.mark.parametrize("case", TLS, ids=lambda c: c.name)
def test_wrong_tls_has_a_finding_of_its_own(case: Case, trust: Trust):
    script: Any = case.script
    context = trust.server()
    with hostile(lambda peer: script(peer, context)) as port, pytest.raises(TargetError) as caught:
        ask(f"https://127.0.0.1:{port}/", route=Route(ca_file=trust.ca_file), timeout=case.timeout)
    assert caught.value.finding == case.finding
    _check_facts(caught.value, case.stage, port)


def test_plain_http_on_a_tls_port_is_said_in_plain_words(trust: Trust):
    with hostile(lambda peer: peer.read_some().send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port, pytest.raises(TargetError, match="does not speak TLS"):
        ask(f"https://127.0.0.1:{port}/", route=Route(ca_file=trust.ca_file))


def test_a_body_with_a_length_is_whole_without_a_goodbye(trust: Trust):
    context = trust.server()
    with hostile(lambda peer: peer.shake(context).read_head().send(OK)) as port:
        made = ask(f"https://127.0.0.1:{port}/", route=Route(ca_file=trust.ca_file))
    assert made.body == b"ok"


def test_a_body_without_length_is_whole_with_a_goodbye(trust: Trust):
    context = trust.server()
    with hostile(lambda peer: peer.shake(context).read_head().send(head(body=b"this is all")).sock.unwrap()) as port:
        made = ask(f"https://127.0.0.1:{port}/", route=Route(ca_file=trust.ca_file))
    assert made.body == b"this is all"
