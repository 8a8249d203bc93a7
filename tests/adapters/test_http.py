"""Requests as they are built and written, and httpx without what it drags in."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from slocheck.adapters.http import USER_AGENT, Exchange, Http, Route, load_httpx
from slocheck.core.errors import ProberError
from slocheck.core.model import Phases
from tests.adapters.asking import LEVELS, ask, in_loop
from tests.adapters.servers import Seen, small


def build(*args: Any, **more: Any) -> Any:
    async def work(http: Http) -> Any:
        return http.request(*args, **more)

    return in_loop(work)


URL = "http://shop.example/"


@pytest.mark.parametrize(("args", "more", "words"), [
    (("GET", "shop.example"), {}, "must begin with http"),
    (("GET", "/videos"), {}, "must begin with http"),
    (("GET", "ftp://shop.example/"), {}, "must begin with http"),
    (("GET", "http://"), {}, "must begin with http"),
    (("GET", "http://[::1/"), {}, "not an address"),
    (("GET", "http://shop.example:99999/"), {}, "not an address"),
    (("GET", "http://a b.example/"), {}, "not an address"),
    (("GET", f"http://{'x' * 64}.ex\u00e4mple/"), {}, "not an address"),
    (("GE T", URL), {}, "method"),
    (("GET\r\nX: y", URL), {}, "method"),
    (("G\u00c9T", URL), {}, "method"),
    (("", URL), {}, "method"),
    (("GET", URL), {"headers": {"X": "a\r\nY: b"}}, "'X' holds a line break"),
    (("GET", URL), {"headers": {"X": "a\0b"}}, "control character"),
    (("GET", URL), {"headers": {"X Y": "a"}}, "line break or a control character"),
    (("GET", URL), {"headers": {"X:Y": "a"}}, "line break or a control character"),
    (("GET", URL), {"headers": {"": "a"}}, "line break or a control character"),
    (("GET", URL), {"headers": {"X\r\nY": "a"}}, "line break or a control character"),
    (("POST", URL), {"headers": {"content-length": "5"}, "body": b"four"}, "says 5, but the body has 4 bytes"),
    (("POST", URL), {"json": {}, "body": b"x"}, "one body"),
    (("POST", URL), {"form": {}, "body": b"x"}, "one body"),
])
def test_what_can_never_be_sent_is_refused_when_it_is_built(args: Any, more: Any, words: str):
    with pytest.raises(ValueError, match=words):
        build(*args, **more)


def test_a_header_that_is_spoilt_later_is_our_fault_and_never_sent():
    async def work(http: Http) -> None:
        request = http.request("GET", server.url)
        request.headers["X"] = "a\r\nY: b"
        await http.send(request, deadline_ns=2**62)

    with small() as server, pytest.raises(ProberError) as caught:
        in_loop(work)
    assert caught.value.finding == "prober.request"
    assert server.seen == []


def test_the_standing_headers_can_be_replaced_in_any_case():
    request = build("GET", URL)
    assert dict(request.headers.multi_items()) == {
        "user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "gzip, deflate, br, zstd", "host": "shop.example",
    }
    request = build("GET", URL, headers={"USER-AGENT": "own", "Accept-encoding": "identity", "host": "other.example"})
    assert sorted(request.headers.multi_items()) == [
        ("accept", "*/*"), ("accept-encoding", "identity"), ("host", "other.example"), ("user-agent", "own"),
    ]


def echo(seen: Seen) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"method": seen.method, "path": seen.path, "headers": seen.headers, "body": seen.body.decode()}).encode()


def echoed(url: str, **more: Any) -> Any:
    return json.loads(ask(url, **more).body)


@pytest.mark.parametrize("level", LEVELS)
def test_bodies_travel_with_their_type_and_length(level: str):
    with small(echo) as server:
        said = echoed(server.url, method="POST", json={"a": [1, "ü"]}, level=level)
        assert (json.loads(said["body"]), said["headers"]["content-type"]) == ({"a": [1, "ü"]}, "application/json")
        said = echoed(server.url, method="POST", form={"a": "1 2", "b": ["x", "y"]}, level=level)
        assert (said["body"], said["headers"]["content-type"]) == ("a=1+2&b=x&b=y", "application/x-www-form-urlencoded")
        said = echoed(server.url, method="PUT", body="grün", level=level)
        assert (said["body"], said["headers"]["content-length"]) == ("grün", "5")
        said = echoed(server.url, method="POST", level=level)
        assert (said["body"], said["headers"]["content-length"]) == ("", "0")
        assert "content-length" not in echoed(server.url, level=level)["headers"]


def test_a_chunked_body_of_the_caller_goes_with_its_length():
    with small(echo) as server:
        said = echoed(server.url, method="POST", body=b"four", headers={"Transfer-Encoding": "chunked"})
    assert said["headers"]["content-length"] == "4"
    assert "transfer-encoding" not in said["headers"]


def test_parameters_are_added_to_those_of_the_address():
    with small(echo) as server:
        assert echoed(f"{server.url}/a?x=1", params={"y": "2 3", "z": ["4", "5"]})["path"] == "/a?x=1&y=2+3&z=4&z=5"
        assert echoed(f"{server.url}/a?x=1")["path"] == "/a?x=1"


def test_credentials_in_the_address_become_basic_auth_and_leave_it():
    request = build("GET", "http://anna:ge%3Aheim@shop.example/a?b=1")
    assert str(request.url) == "http://shop.example/a?b=1"
    assert request.headers["authorization"] == "Basic YW5uYTpnZTpoZWlt"
    request = build("GET", "http://anna:geheim@shop.example/", headers={"Authorization": "Bearer t"})
    assert request.headers.get_list("authorization") == ["Bearer t"]


def test_a_fragment_stays_at_home():
    with small(echo) as server:
        assert echoed(f"{server.url}/a#part")["path"] == "/a"


def test_port_zero_is_not_the_usual_port():
    with pytest.raises(Exception, match=r"127\.0\.0\.1:0"):
        ask("http://127.0.0.1:0/")


def test_http2_is_refused_as_our_own_lack():
    with pytest.raises(ProberError) as caught:
        ask(URL, route=Route(http2=True))
    assert caught.value.finding == "prober.http2"


def test_both_levels_ask_alike_and_hear_alike():
    def shape(made: Exchange) -> Any:
        seen = json.loads(made.body)
        del seen["headers"]["host"]
        figures = {name: value is not None for name in ("dns", "connect", "tls", "send", "wait", "receive") for value in [getattr(made.phases, name)]}
        return seen, made.status, made.reason, made.request_body, made.request_headers, made.is_reused, figures, made.http_version

    with small(echo) as server:
        one, two = (ask(f"{server.url}/a?b=1", method="POST", json={"a": 1}, headers={"X": "y"}, level=level) for level in LEVELS)
    assert shape(one) == shape(two)


def test_an_exchange_finds_its_headers_in_any_case():
    made = Exchange(
        method="GET", url=URL, status=200, reason="OK", http_version="HTTP/1.1", headers=(("x", "1"), ("x", "2")), body=b"", body_bytes=0,
        phases=Phases(), latency_us=0, started_ms=0, clock="user",
    )
    assert made.header("X") == "1"
    assert made.header("y") is None


def test_secrets_of_a_route_do_not_show():
    assert "geheim" not in repr(Route(proxy="http://a:geheim@proxy"))


def test_httpx_comes_without_its_command_line_and_whole():
    """click, rich and pygments cost more than all the rest; httpx itself must be as others know it."""
    code = (
        "import sys; from slocheck.adapters.http import load_httpx; httpx = load_httpx()\n"
        "heavy = {'click', 'rich', 'pygments', 'httpcore', 'brotli', 'zstandard', 'certifi', 'cryptography'} & set(sys.modules)\n"
        "missing = [n for n in httpx.__all__ if n != 'main' and not hasattr(httpx, n)]\n"
        "print(sorted(heavy), missing, 'httpx._main' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[] [] False", done.stderr


def test_httpx_that_is_there_already_is_taken_as_it_is():
    assert load_httpx() is sys.modules["httpx"]
