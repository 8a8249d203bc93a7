"""The wire against real servers, on both levels: same figures, same shape."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from slocheck.adapters.http import Exchange, Http, Limits, Route, load_httpx
from slocheck.core.errors import ProberError, TargetError
from tests.adapters.asking import LEVELS, Trust, after, ask, in_loop
from tests.adapters.servers import (
    LARGE,
    NGINX,
    TEXT,
    Nginx,
    has_ipv6,
    hypercorn_serving,
    nginx_serving,
    small,
    uvicorn_serving,
)

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")

SERVERS = {"uvicorn": uvicorn_serving, "hypercorn": hypercorn_serving}


@pytest.fixture(scope="module", params=[(name, scheme) for name in SERVERS for scheme in ("http", "https")], ids="-".join)
def base(request: pytest.FixtureRequest, trust: Trust) -> Iterator[str]:
    name, scheme = request.param
    with SERVERS[name](trust.files("127.0.0.1", "localhost") if scheme == "https" else None) as port:
        yield f"{scheme}://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Nginx]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    with nginx_serving(folder, trust.files("127.0.0.1", "localhost", "::1"), trust.ca_file) as ports:
        yield ports


@pytest.fixture
def route(trust: Trust) -> Route:
    return Route(ca_file=trust.ca_file)


def check_shape(made: Exchange, *, is_tls: bool) -> None:
    phases = made.phases
    assert phases.dns is None, "a literal address is not looked up"
    assert (phases.tls is not None) == is_tls
    assert None not in (phases.connect, phases.send, phases.wait, phases.receive)
    assert phases.total_us() == made.latency_us
    assert made.latency_us > 0
    assert made.http_version == "HTTP/1.1"
    assert made.address.startswith("127.0.0.1:")
    assert not made.is_reused
    assert (made.tls.get("version") in ("TLSv1.2", "TLSv1.3")) == is_tls


# --- ASGI servers ---


@pytest.mark.parametrize("level", LEVELS)
def test_a_plain_answer(base: str, route: Route, level: str):
    made = ask(f"{base}/", route=route, level=level)
    assert (made.status, made.body, made.body_bytes) == (200, TEXT, len(TEXT))
    assert made.header("content-length") == str(len(TEXT))
    check_shape(made, is_tls=base.startswith("https"))


@pytest.mark.parametrize("level", LEVELS)
def test_a_chunked_answer(base: str, route: Route, level: str):
    made = ask(f"{base}/chunked", route=route, level=level)
    assert made.header("transfer-encoding") == "chunked"
    assert made.body == b"a" + b"b" * 1000 + b"c" * 100_000


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("codings", ["gzip", "deflate", "br", "zstd", "gzip+br", "deflate+gzip+zstd"])
def test_a_packed_answer(base: str, route: Route, level: str, codings: str):
    made = ask(f"{base}/packed/{codings}", route=route, level=level)
    assert made.body == TEXT
    assert 0 < made.body_bytes < len(TEXT)
    assert made.header("content-encoding") == codings.replace("+", ", ")


@pytest.mark.parametrize("level", LEVELS)
def test_answers_without_a_body(base: str, route: Route, level: str):
    for method, path, status in (("HEAD", "/", 200), ("HEAD", "/chunked", 200), ("GET", "/empty", 204), ("GET", "/cached", 304)):
        made = ask(f"{base}{path}", method=method, route=route, level=level)
        assert (made.status, made.body) == (status, b""), (method, path)


@pytest.mark.parametrize("level", LEVELS)
def test_a_large_answer_and_a_large_request(base: str, route: Route, level: str):
    assert ask(f"{base}/large", route=route, level=level).body == LARGE
    assert ask(f"{base}/echo", method="POST", body=LARGE, route=route, level=level).body == LARGE


@pytest.mark.parametrize("level", LEVELS)
def test_a_connection_that_the_server_closes(base: str, route: Route, level: str):
    assert ask(f"{base}/close", route=route, level=level).body == b"bye"


def test_one_connection_serves_again_when_it_is_asked_to(base: str, route: Route):
    async def work(http: Http) -> list[Exchange]:
        token = http.warm()
        paths = ("/", "/chunked", "/packed/br", "/empty", "/close", "/")
        return [
            (await http.send(http.request("GET", base + path), deadline_ns=after(10), route=route, reuse=token))[-1] for path in paths
        ]

    made = in_loop(work)
    assert [m.status for m in made] == [200, 200, 200, 204, 200, 200]
    # hypercorn ends connections after bodiless answers of its own accord, so only the sure ones are named
    assert [m.is_reused for m in made][:3] == [False, True, True]
    assert not made[5].is_reused
    again = made[1]
    assert (again.phases.dns, again.phases.connect, again.phases.tls) == (None, None, None)
    assert again.phases.total_us() == again.latency_us
    assert again.tls == made[0].tls


def test_without_a_token_every_connection_is_new(base: str, route: Route):
    async def work(http: Http) -> list[bool]:
        return [(await http.send(http.request("GET", base), deadline_ns=after(10), route=route))[-1].is_reused for _ in range(3)]

    assert in_loop(work) == [False, False, False]


# --- the standard library's server ---


def test_the_standard_librarys_server_over_tls(trust: Trust, route: Route):
    with small(tls=trust.server()) as server:
        made = ask(f"https://127.0.0.1:{server.port}/a?b=1", route=route)
    assert (made.status, made.body, server.seen[0].path) == (200, b"ok", "/a?b=1")


def test_what_is_sent_says_who_asks_and_closes():
    with small() as server:
        ask(f"{server.url}/", headers={"X-Own": "1"})
    seen = server.seen[0].headers
    assert seen["user-agent"].startswith("slocheck/")
    assert seen["accept-encoding"] == "gzip, deflate, br, zstd"
    assert (seen["connection"], seen["x-own"], seen["host"]) == ("close", "1", f"127.0.0.1:{server.port}")


# --- nginx ---


@needs_nginx
@pytest.mark.parametrize("level", LEVELS)
def test_nginx_plain_and_tls(nginx: Nginx, route: Route, level: str):
    for scheme, port in (("http", nginx.plain), ("https", nginx.tls)):
        made = ask(f"{scheme}://127.0.0.1:{port}/text.txt", route=route, level=level)
        assert (made.status, made.body, made.header("content-encoding")) == (200, TEXT, "gzip")
        assert made.header("server") == "nginx"
        check_shape(made, is_tls=scheme == "https")
        large = ask(f"{scheme}://127.0.0.1:{port}/large.bin", route=route, level=level, headers={"Accept-Encoding": "identity"})
        assert large.body == LARGE


@needs_nginx
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_both_versions_of_tls(nginx: Nginx, route: Route, version: str):
    made = ask(f"https://127.0.0.1:{nginx.old if version == 'TLSv1.2' else nginx.tls}/who", route=route)
    assert made.tls["version"] == version
    assert version in made.body.decode()
    assert made.tls["cipher"]


@needs_nginx
def test_mutual_tls_with_and_without_a_certificate(nginx: Nginx, trust: Trust, route: Route):
    cert, key = trust.files("client.example")
    made = ask(f"https://127.0.0.1:{nginx.mutual}/", route=Route(ca_file=trust.ca_file, client_cert=(cert, key)))
    assert made.body == b"SUCCESS"
    both = trust.folder / "both.pem"
    both.write_bytes(Path(cert).read_bytes() + Path(key).read_bytes())
    assert ask(f"https://127.0.0.1:{nginx.mutual}/", route=Route(ca_file=trust.ca_file, client_cert=(str(both), ""))).body == b"SUCCESS"
    assert ask(f"https://127.0.0.1:{nginx.mutual}/", route=route).status == 400  # nginx says it in HTTP


def test_a_server_that_ends_tls_for_want_of_a_certificate_is_at_fault(trust: Trust, route: Route):
    context = trust.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(trust.ca_file)
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = newest
        with small(tls=context) as server, pytest.raises(TargetError) as caught:
            ask(f"https://127.0.0.1:{server.port}/", route=route)
        assert caught.value.finding in ("tls.handshake_failed", "http.reset"), newest
        with small(tls=context) as server:
            made = ask(f"https://127.0.0.1:{server.port}/", route=Route(ca_file=trust.ca_file, client_cert=trust.files("me")))
        assert made.status == 200


@needs_nginx
@pytest.mark.parametrize("level", LEVELS)
def test_nginx_closing_without_an_answer(nginx: Nginx, level: str):
    with pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{nginx.cut}/", level=level)
    assert caught.value.finding == "http.closed"


@needs_nginx
def test_nginx_keeps_a_connection(nginx: Nginx, route: Route):
    async def work(http: Http) -> list[str]:
        token = http.warm()
        url = f"https://127.0.0.1:{nginx.tls}/header"
        return [
            (await http.send(http.request("GET", url), deadline_ns=after(10), route=route, reuse=token))[-1].body.decode().rpartition("|")[2]
            for _ in range(3)
        ]

    assert in_loop(work) == ["1", "2", "3"]


@needs_nginx
def test_basic_auth_from_the_address_never_shows(nginx: Nginx):
    url = f"http://anna:geheim@127.0.0.1:{nginx.plain}/private"
    for level in LEVELS:
        made = ask(url, level=level)
        assert made.status == 200
        assert "geheim" not in made.url
        assert "@" not in made.url
    assert ask(f"http://127.0.0.1:{nginx.plain}/private").status == 401


@needs_nginx
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_the_family_of_addresses_can_be_chosen(nginx: Nginx):
    assert ask(f"http://[::1]:{nginx.plain}/text.txt").address == f"[::1]:{nginx.plain}"
    made = ask(f"http://localhost:{nginx.plain}/text.txt", route=Route(family=4))
    assert made.address == f"127.0.0.1:{nginx.plain}"
    assert made.phases.dns is not None
    for text in ("::1", "[::1]", f"[::1]:{nginx.plain}"):
        assert ask(f"http://shop.example:{nginx.plain}/text.txt", route=Route(family=6, resolve=text)).address == f"[::1]:{nginx.plain}"


def test_a_literal_address_of_the_other_family_is_our_own_contradiction():
    with small() as server, pytest.raises(ProberError) as caught:
        ask(f"{server.url}/", route=Route(family=6))
    assert caught.value.finding == "prober.no_route"


# --- flows of httpx over the wire ---


def flow(url: str, **send: Any) -> tuple[Exchange, ...]:
    async def work(http: Http) -> tuple[Exchange, ...]:
        auth = send.pop("digest", None)
        if auth:
            send["auth"] = load_httpx().DigestAuth(*auth)
        return await http.send(http.request("GET", url), deadline_ns=after(10), **send)

    return in_loop(work)


@needs_nginx
def test_redirects_are_followed_as_far_as_allowed_and_each_is_kept(nginx: Nginx):
    url = f"http://127.0.0.1:{nginx.plain}"
    assert [m.status for m in flow(f"{url}/moved")] == [302]
    made = flow(f"{url}/moved", redirects=1)
    assert [(m.status, m.url) for m in made] == [(302, f"{url}/moved"), (200, f"{url}/text.txt")]
    assert all(m.phases.total_us() == m.latency_us for m in made)
    assert made[1].body == TEXT
    with pytest.raises(TargetError) as caught:
        flow(f"{url}/loop", redirects=3)
    assert (caught.value.finding, caught.value.facts["status"]) == ("http.too_many_redirects", 302)


def test_a_redirect_to_nowhere_is_theirs():
    for place in ("ftp://127.0.0.1/", "//[", "mailto:a@b", "http://a b/", "http://x:99999/"):
        with small(lambda _seen, place=place: (302, {"location": place}, b"")) as server, pytest.raises(TargetError) as caught:
            flow(f"{server.url}/", redirects=2)
        assert caught.value.finding in ("http.bad_redirect", "dns.not_found"), place


def test_cookies_travel_along_redirects_and_to_their_own_host_only():
    def answer(seen: Any) -> tuple[int, dict[str, str], bytes]:
        place = f"http://localhost:{server.port}/2" if seen.path == "/1" else "/1"
        if seen.path == "/2":
            return 200, {}, seen.headers.get("cookie", "none").encode()
        return 302, {"location": place, "set-cookie": "fresh=1"}, b""

    with small(answer) as server:
        made = flow(f"{server.url}/", redirects=3, cookies={"given": "yes"})
        assert [m.status for m in made] == [302, 302, 200]
        assert server.seen[0].headers["cookie"] == "given=yes"
        assert server.seen[1].headers["cookie"] == "given=yes; fresh=1"
        assert made[-1].body == b"none"


def test_a_jar_belongs_to_one_call_only():
    with small(lambda seen: (200, {"set-cookie": "a=1"}, seen.headers.get("cookie", "none").encode())) as server:

        async def work(http: Http) -> list[bytes]:
            return [(await http.send(http.request("GET", server.url), deadline_ns=after(10), redirects=1))[-1].body for _ in range(2)]

        assert in_loop(work) == [b"none", b"none"]


def test_an_auth_flow_makes_its_exchanges_on_the_wire():
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
    with small(lambda seen: (200, {}, b"in") if "authorization" in seen.headers else (401, {"www-authenticate": challenge}, b"")) as server:
        made = flow(f"{server.url}/", digest=("anna", "geheim"))
    assert [m.status for m in made] == [401, 200]
    assert 'username="anna"' in server.seen[1].headers["authorization"]


@pytest.mark.parametrize("challenge", ["Digest nonsense", 'Digest realm="r", nonce="n", algorithm=OWN', 'Digest qop="odd", realm="r", nonce="n"'])
def test_an_auth_flow_that_cannot_go_on_is_theirs(challenge: str):
    with small(lambda _seen: (401, {"www-authenticate": challenge}, b"")) as server, pytest.raises(TargetError) as caught:
        flow(f"{server.url}/", digest=("anna", "geheim"))
    assert caught.value.finding == "http.auth_failed"
    assert "geheim" not in str(caught.value)


# --- resolve ---


def test_resolve_connects_there_and_keeps_the_name(trust: Trust):
    with small(tls=trust.server("shop.example")) as server:
        url = f"https://shop.example:{server.port}/"
        made = ask(url, route=Route(ca_file=trust.ca_file, resolve="127.0.0.1"))
        assert (made.status, made.phases.dns, made.address) == (200, None, f"127.0.0.1:{server.port}")
        assert server.seen[0].headers["host"] == f"shop.example:{server.port}"
        assert ask("https://shop.example/", route=Route(ca_file=trust.ca_file, resolve=f"127.0.0.1:{server.port}")).status == 200
        with pytest.raises(TargetError) as caught:
            ask(f"https://other.example:{server.port}/", route=Route(ca_file=trust.ca_file, resolve="127.0.0.1"))
    assert caught.value.finding == "tls.untrusted"


def test_resolve_is_for_the_host_that_was_asked_and_for_no_other():
    with small(lambda _seen: (200, {}, b"other")) as other, small(lambda _seen: (302, {"location": f"http://localhost:{other.port}/"}, b"")) as server:
        made = flow(f"http://shop.example:{server.port}/", redirects=1, route=Route(resolve=f"127.0.0.1:{server.port}"))
    assert [m.status for m in made] == [302, 200]
    assert made[1].phases.dns is not None
    assert made[1].body == b"other"


def test_resolve_with_a_port_is_for_the_port_that_was_asked():
    with small(lambda _seen: (200, {}, b"second")) as second, small(lambda _seen: (302, {"location": f"http://shop.example:{second.port}/"}, b"")) as first:
        made = flow(f"http://shop.example:{first.port}/", redirects=1, route=Route(resolve="127.0.0.1"))
        assert made[1].body == b"second"


# --- certificates ---


def test_certificates_that_nobody_should_trust(trust: Trust, tmp_path: Path):
    past = datetime.now(UTC) - timedelta(days=1)
    stranger = Trust(ca=trustme.CA(key_type=trustme.KeyType.ECDSA), folder=tmp_path)
    cases = {
        "expired": (trust.server("127.0.0.1", not_after=past), "has expired"),
        "wrong name": (trust.server("elsewhere.example"), "mismatch"),
        "a stranger's": (stranger.server("127.0.0.1"), "unable to get local issuer"),
    }
    for name, (context, why) in cases.items():
        with small(tls=context) as server:
            for level in LEVELS:
                with pytest.raises(TargetError) as caught:
                    ask(f"https://127.0.0.1:{server.port}/", route=Route(ca_file=trust.ca_file), level=level)
                assert caught.value.finding == "tls.untrusted", name
                assert why in str(caught.value)
                assert caught.value.phases.tls is not None
            assert ask(f"https://127.0.0.1:{server.port}/", route=Route(verify=False)).status == 200, name


def test_the_body_cap_counts_after_decoding_too(base: str, route: Route):
    with pytest.raises(TargetError) as caught:
        ask(f"{base}/packed/gzip", route=route, limits=Limits(body_bytes=len(TEXT) - 1))
    assert caught.value.finding == "http.body_too_large"
    assert ask(f"{base}/packed/gzip", route=route, limits=Limits(body_bytes=len(TEXT))).body == TEXT
