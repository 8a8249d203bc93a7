"""Through a proxy: it stands on our side, so what it says about itself is ours; only 502 to 504 tell of the target."""

from __future__ import annotations

from typing import Any

import pytest

from slocheck.adapters.http import Route
from slocheck.adapters.wire_proxy import parse_proxy, proxy_of_environment
from slocheck.core.errors import ProbeError, ProberError, TargetError
from tests.adapters.asking import LEVELS, Trust, ask
from tests.adapters.hostile import Script, closed_port, hostile
from tests.adapters.servers import proxying, small

pytestmark = pytest.mark.usefixtures("punctual")

SECRET = "s3cr3t"


def through(trust: Trust, proxy: str) -> Route:
    return Route(ca_file=trust.ca_file, proxy=proxy)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wants", ["", f"anna:{SECRET}"])
def test_https_goes_through_a_tunnel(trust: Trust, level: str, wants: str):
    with small(tls=trust.server("shop.example")) as server, proxying(wants=wants) as proxy:
        made = ask(f"https://shop.example:{server.port}/", route=through(trust, proxy.url), level=level)
    assert (made.status, made.body) == (200, b"ok")
    assert proxy.asked == [f"CONNECT shop.example:{server.port} HTTP/1.1"]
    assert (made.proxy, made.address) == (f"127.0.0.1:{proxy.port}", f"127.0.0.1:{proxy.port}")
    assert made.phases.dns is None, "the proxy looks the name up"
    assert None not in (made.phases.connect, made.phases.tls)
    assert made.phases.total_us() == made.latency_us
    assert "proxy-authorization" not in server.seen[0].headers


@pytest.mark.parametrize("level", LEVELS)
def test_http_is_asked_for_in_absolute_form(trust: Trust, level: str):
    with proxying(wants=f"anna:{SECRET}") as proxy:
        made = ask("http://shop.example/a?b=1", route=through(trust, proxy.url), level=level)
    assert made.body == b"proxied http://shop.example/a?b=1"
    assert made.proxy == f"127.0.0.1:{proxy.port}"
    assert SECRET not in repr(made)


def test_a_tunnel_to_an_ipv6_address_is_written_in_brackets(trust: Trust):
    with proxying(refuse=403) as proxy, pytest.raises(ProberError):
        ask("https://[::1]:444/", route=through(trust, proxy.url))
    assert proxy.asked == ["CONNECT [::1]:444 HTTP/1.1"]


REFUSALS = [
    (407, ProberError, "prober.proxy"), (403, ProberError, "prober.proxy"), (400, ProberError, "prober.proxy"), (302, ProberError, "prober.proxy"),
    (502, TargetError, "proxy.refused"), (503, TargetError, "proxy.refused"), (504, TargetError, "proxy.refused"), (500, ProberError, "prober.proxy"),
]


@pytest.mark.parametrize(("status", "kind", "finding"), REFUSALS)
def test_whose_fault_a_refused_tunnel_is(trust: Trust, status: int, kind: type[ProbeError], finding: str):
    with proxying(refuse=status) as proxy, pytest.raises(ProbeError) as caught:
        ask("https://shop.example/", route=through(trust, f"http://anna:{SECRET}@127.0.0.1:{proxy.port}"))
    assert (type(caught.value), caught.value.finding, caught.value.got) == (kind, finding, str(status))
    assert caught.value.facts["proxy"] == f"127.0.0.1:{proxy.port}"
    assert SECRET not in f"{caught.value} {caught.value.facts}"


def test_wrong_credentials_are_ours_for_http_too(trust: Trust):
    with proxying(wants="anna:right") as proxy, pytest.raises(ProberError) as caught:
        ask("http://shop.example/", route=through(trust, f"http://anna:{SECRET}@127.0.0.1:{proxy.port}"))
    assert caught.value.finding == "prober.proxy"
    assert "credentials" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_407_without_a_proxy_is_an_answer_like_any_other():
    with small(lambda _seen: (407, {}, b"")) as server:
        assert ask(server.url).status == 407


BROKEN: list[tuple[str, Script, float]] = [
    ("closes", lambda peer: peer.read_head(), 10.0),
    ("resets", lambda peer: peer.read_head().reset(), 10.0),
    ("talks nonsense", lambda peer: peer.read_head().send(b"SSH-2.0-OpenSSH\r\n"), 10.0),
    ("never answers", lambda peer: peer.read_head().wait_for_end(), 0.15),
    ("never ends its head", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\n").endless(b"X: y\r\n" * 99), 10.0),
    ("sends into the tunnel", lambda peer: peer.read_head().send(b"HTTP/1.1 200 OK\r\n\r\nhello").wait_for_end(), 10.0),
]


@pytest.mark.parametrize(("script", "timeout"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_proxy_is_our_fault(trust: Trust, script: Script, timeout: float):
    with hostile(script) as port, pytest.raises(ProberError) as caught:
        ask("https://shop.example/", route=through(trust, f"http://anna:{SECRET}@127.0.0.1:{port}"), timeout=timeout)
    assert caught.value.finding == "prober.proxy"
    assert caught.value.facts["stage"] == "proxy"
    assert SECRET not in str(caught.value)


def test_a_proxy_that_is_not_there_is_our_fault(trust: Trust):
    for scheme in ("http", "https"):
        with pytest.raises(ProberError) as caught:
            ask(f"{scheme}://shop.example/", route=through(trust, f"http://127.0.0.1:{closed_port()}"))
        assert caught.value.finding == "prober.proxy"


def test_an_untrusted_certificate_behind_a_proxy_is_still_theirs(trust: Trust):
    with small(tls=trust.server("other.example")) as server, proxying() as proxy, pytest.raises(TargetError) as caught:
        ask(f"https://shop.example:{server.port}/", route=through(trust, proxy.url))
    assert caught.value.finding == "tls.untrusted"
    assert caught.value.facts["proxy"] == f"127.0.0.1:{proxy.port}"


def test_proxy_and_resolve_contradict_each_other(trust: Trust):
    with pytest.raises(ProberError) as caught:
        ask("http://shop.example/", route=Route(proxy="http://127.0.0.1:1", resolve="127.0.0.1"))
    assert caught.value.finding == "prober.proxy"


def test_the_environments_proxy_counts_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, trust: Trust):
    with small() as server, proxying() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for level in LEVELS:
            assert ask(server.url, level=level).proxy == ""
            assert ask(server.url, level=level, route=Route(proxy="environment")).proxy == ""
            assert ask("http://shop.example/", level=level, route=Route(proxy="environment")).proxy == f"127.0.0.1:{proxy.port}"


def test_all_proxy_serves_where_no_proxy_is_named_for_the_scheme(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("all_proxy", "http://a:1")
    monkeypatch.setenv("https_proxy", "http://b:2")
    assert proxy_of_environment("http", "shop.example") == "http://a:1"
    assert proxy_of_environment("https", "shop.example") == "http://b:2"
    monkeypatch.setenv("no_proxy", ".example")
    assert proxy_of_environment("https", "shop.example") == ""


@pytest.mark.parametrize(("text", "shown", "head"), [
    ("http://proxy", "proxy:80", b""),
    ("http://proxy:3128/", "proxy:3128", b""),
    ("http://[::1]:3128", "[::1]:3128", b""),
    ("http://a:b@proxy", "proxy:80", b"Proxy-Authorization: Basic YTpi\r\n"),
    ("http://a%40x:b%3Ac@proxy", "proxy:80", b"Proxy-Authorization: Basic YUB4OmI6Yw==\r\n"),
    ("http://a@proxy", "proxy:80", b"Proxy-Authorization: Basic YTo=\r\n"),
])
def test_a_proxy_is_written_as_an_address(text: str, shown: str, head: bytes):
    proxy = parse_proxy(text)
    assert proxy is not None
    assert (str(proxy), proxy.head) == (shown, head)


@pytest.mark.parametrize("text", [
    f"https://u:{SECRET}@proxy", f"socks5://u:{SECRET}@proxy", f"u:{SECRET}@proxy:1", f"http://u:{SECRET}@", f"http://u:{SECRET}@proxy:99999",
    f"http://u:{SECRET}@[::1", f"http://u:{SECRET}@prøxy",
])
def test_what_is_no_proxy_is_refused_without_its_secret(text: str):
    with pytest.raises(ProberError) as caught:
        parse_proxy(text)
    assert SECRET not in str(caught.value)
    assert caught.value.finding == "prober.proxy"


def test_no_text_is_no_proxy():
    nothing: Any = parse_proxy("")
    assert nothing is None
