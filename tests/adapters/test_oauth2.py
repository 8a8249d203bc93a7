"""Client-credentials tokens, from a real server: fetched once, kept while good, and no secret in any text."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from slocheck.adapters.http import Http, Route
from slocheck.adapters.oauth2 import FINDINGS, Settings, Tokens
from slocheck.core.errors import ProbeError, ProberError, TargetError
from tests.adapters.asking import Trust, after, in_loop
from tests.adapters.hostile import closed_port, hostile
from tests.adapters.servers import Seen, Small, small

pytestmark = pytest.mark.usefixtures("punctual")

SECRET = "s3cr3t/with:odd&chars"


def gives(token: str = "tok", status: int = 200, **more: Any) -> Callable[[Seen], tuple[int, dict[str, str], bytes]]:
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more}
    return lambda _seen: (status, {"content-type": "application/json"}, json.dumps({k: v for k, v in body.items() if v is not None}).encode())


def settings(server: Small, **more: Any) -> Settings:
    return Settings(**{"token_url": f"{server.url}/token", "client_id": "shop id", "client_secret": SECRET, **more})


def fetch(wanted: Settings, times: int = 1, tokens: Tokens | None = None, timeout: float = 10.0) -> list[str]:
    async def work(http: Http) -> list[str]:
        keeper = tokens or Tokens()
        return [await keeper.header(http, wanted, deadline_ns=after(timeout)) for _ in range(times)]

    return in_loop(work)


def fails(wanted: Settings, timeout: float = 10.0) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        fetch(wanted, timeout=timeout)
    shown = f"{caught.value} {caught.value.got} {caught.value.expected} {caught.value.facts} {wanted}"
    assert SECRET not in shown
    assert "shop id" not in str(caught.value)
    return caught.value


def test_a_token_is_asked_for_as_the_standard_says():
    with small(gives("abc")) as server:
        assert fetch(settings(server, scope="read write", audience="https://api", extra=(("resource", "r"),))) == ["Bearer abc"]
    seen = server.seen[0]
    assert (seen.method, seen.path) == ("POST", "/token")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {"grant_type": ["client_credentials"], "scope": ["read write"], "audience": ["https://api"], "resource": ["r"]}
    assert parse_qs(seen.body.decode()) == form
    scheme, _, pair = seen.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "shop+id:s3cr3t%2Fwith%3Aodd%26chars")


def test_the_secret_can_travel_in_the_form():
    with small(gives()) as server:
        fetch(settings(server, auth_style="body"))
    seen = server.seen[0]
    assert "authorization" not in seen.headers
    assert parse_qs(seen.body.decode()) == {"grant_type": ["client_credentials"], "client_id": ["shop id"], "client_secret": [SECRET]}


def test_a_token_is_kept_until_shortly_before_it_ends():
    now = [10**12]
    tokens = Tokens(lambda: now[0])

    async def work(http: Http) -> list[int]:
        counts = []
        for seconds in (0, 3569, 3571, 100_000):
            now[0] = 10**12 + seconds * 10**9
            await tokens.header(http, wanted, deadline_ns=after(10))
            counts.append(len(server.seen))
        return counts

    with small(gives(expires_in=3600)) as server:
        wanted = settings(server)
        assert in_loop(work) == [1, 1, 2, 3]


@pytest.mark.parametrize(("expires_in", "is_kept"), [(3600, True), ("3600", True), (None, True), (0, False), ("soon", True), (-5, True), (20, True)])
def test_what_the_server_says_of_the_lifetime_is_read_kindly(expires_in: Any, is_kept: bool):  # noqa: FBT001
    with small(gives(expires_in=expires_in)) as server:
        fetch(settings(server), times=2)
    assert len(server.seen) == (1 if is_kept else 2)


def test_of_many_who_ask_at_once_one_fetches():
    async def work(http: Http) -> list[str]:
        tokens = Tokens()
        return await asyncio.gather(*(tokens.header(http, wanted, deadline_ns=after(10)) for _ in range(40)))

    with small(gives("one")) as server:
        wanted = settings(server)
        assert set(in_loop(work)) == {"Bearer one"}
    assert len(server.seen) == 1


def test_different_settings_have_different_tokens():
    with small(lambda seen: gives(parse_qs(seen.body.decode())["scope"][0])(seen)) as server:
        tokens = Tokens()
        assert fetch(settings(server, scope="a"), tokens=tokens) == ["Bearer a"]
        assert fetch(settings(server, scope="b"), tokens=tokens) == ["Bearer b"]
        assert fetch(settings(server, scope="a"), tokens=tokens) == ["Bearer a"]
    assert len(server.seen) == 2


def test_all_who_wait_share_one_failure_and_the_next_asks_again():
    async def work(http: Http) -> list[Any]:
        tokens = Tokens()
        first = await asyncio.gather(*(tokens.header(http, wanted, deadline_ns=after(10)) for _ in range(5)), return_exceptions=True)
        server.answer = gives("later")
        return [*first, await tokens.header(http, wanted, deadline_ns=after(10))]

    with small(gives(status=500)) as server:
        wanted = settings(server)
        *failed, later = in_loop(work)
    assert [type(error) for error in failed] == [TargetError] * 5
    assert len({str(error) for error in failed}) == 1
    assert later == "Bearer later"
    assert len(server.seen) == 2


def test_a_cancelled_fetch_hands_over_to_who_waits():
    gate = threading.Event()

    def slow(seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if len(server.seen) == 1:
            gate.wait(10)
        return gives("second")(seen)

    async def work(http: Http) -> str:
        tokens = Tokens()
        first = asyncio.ensure_future(tokens.header(http, wanted, deadline_ns=after(10)))
        while not server.seen:
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(tokens.header(http, wanted, deadline_ns=after(10)))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    with small(slow) as server:
        wanted = settings(server)
        assert in_loop(work) == "Bearer second"
        gate.set()


def test_who_waits_for_another_ends_by_its_own_deadline():
    async def work(http: Http) -> Any:
        tokens = Tokens()
        slow = asyncio.ensure_future(tokens.header(http, wanted, deadline_ns=after(0.5)))
        await asyncio.sleep(0)
        hasty = await asyncio.gather(tokens.header(http, wanted, deadline_ns=after(0.05)), return_exceptions=True)
        is_first_still_asking = not slow.done()
        await asyncio.gather(slow, return_exceptions=True)
        return hasty[0], is_first_still_asking

    with hostile(lambda peer: peer.read_head().wait_for_end()) as port:
        wanted = Settings(token_url=f"http://127.0.0.1:{port}/", client_id="i", client_secret=SECRET)
        error, is_first_still_asking = in_loop(work)
    assert (error.finding, is_first_still_asking) == ("auth.token", True)


REFUSALS = [
    ("a wrong secret", gives(None, 401, error="invalid_client", error_description=f"{SECRET} is wrong"), "answered 401 (invalid_client)"),
    ("an echo of the secret as code", gives(None, 400, error=SECRET), "answered 400"),
    ("a server error", lambda _seen: (500, {}, SECRET.encode()), "answered 500"),
    ("a redirect", lambda _seen: (302, {"location": "/elsewhere"}, b""), "answered 302"),
    ("no JSON", lambda _seen: (200, {}, b"<html>"), "without a usable access_token"),
    ("a list", lambda _seen: (200, {}, b"[]"), "without a usable access_token"),
    ("deep JSON", lambda _seen: (200, {}, b"[" * 200_000), "without a usable access_token"),
    ("no token", gives(None), "without a usable access_token"),
    ("a token that is a number", gives(7), "without a usable access_token"),
    ("a token that breaks out of its header", gives("a\r\nX-Evil: 1"), "without a usable access_token"),
    ("a token of another type", gives("x", token_type="mac"), "of a type other than bearer"),
]


@pytest.mark.parametrize(("answer", "text"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_a_token_server_that_gives_no_token_is_at_fault(answer: Any, text: str):
    with small(answer) as server:
        error = fails(settings(server))
    assert isinstance(error, TargetError)
    assert error.finding == "auth.token"
    assert error.finding in FINDINGS
    assert text in str(error)


def test_bearer_may_be_written_in_any_case_or_not_at_all():
    for kind in ("bearer", "BEARER", None):
        with small(gives("x", token_type=kind)) as server:
            assert fetch(settings(server)) == ["Bearer x"]


def test_a_token_server_that_cannot_be_reached_is_at_fault():
    wanted = Settings(token_url=f"http://127.0.0.1:{closed_port()}/t?key={SECRET}", client_id="shop id", client_secret=SECRET)
    error = fails(wanted)
    assert (error.finding, error.facts["token_error"]) == ("auth.token", "connect.refused")


def test_a_token_server_that_does_not_answer_in_time_is_at_fault():
    with hostile(lambda peer: peer.read_head().wait_for_end()) as port:
        error = fails(Settings(token_url=f"http://127.0.0.1:{port}/", client_id="shop id", client_secret=SECRET), timeout=0.1)
    assert (error.finding, error.facts["token_error"]) == ("auth.token", "http.timeout")


def test_what_is_our_fault_stays_ours():
    for url in ("ftp://example/token", "", "http://"):
        error = fails(Settings(token_url=url, client_id="shop id", client_secret=SECRET))
        assert isinstance(error, ProberError), url
    with small(gives()) as server:
        error = fails(settings(server, route=Route(proxy=f"http://127.0.0.1:{closed_port()}", ca_file="/nonexistent")))
    assert (type(error), error.finding) == (ProberError, "prober.proxy")


def test_a_token_server_is_asked_over_tls_with_its_own_route(trust: Trust):
    with small(gives("safe"), tls=trust.server()) as server:
        wanted = Settings(
            token_url=f"https://127.0.0.1:{server.port}/", client_id="i", client_secret=SECRET, route=Route(ca_file=trust.ca_file),
        )
        assert fetch(wanted) == ["Bearer safe"]
