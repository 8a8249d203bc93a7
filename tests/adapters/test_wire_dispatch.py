"""Queues, lookups and kept connections between "ask that" and the exchange."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from slocheck.adapters import wire_names
from slocheck.adapters.http import Exchange, Http, Route
from slocheck.core.errors import ProberError, TargetError
from tests.adapters.asking import Trust, after, ask, in_loop
from tests.adapters.hostile import Peer, closed_port, hostile
from tests.adapters.servers import small

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(http: Http, url: str, timeout: float = 10.0, method: str = "GET", **more: Any) -> Any:
    return http.send(http.request(method, url), deadline_ns=after(timeout), **more)


# --- queues ---


def test_time_in_our_own_queue_is_in_no_phase_and_moves_the_deadline():
    """The second exchange to the host waits for longer than its timeout, and is in time all the same."""
    gate = threading.Event()

    def answer(_seen: Any) -> tuple[int, dict[str, str], bytes]:
        gate.wait(10)
        return 200, {}, b"ok"

    async def work(http: Http) -> tuple[float, float, Exchange]:
        first = asyncio.ensure_future(get(http, server.url))
        while not server.seen:
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(get(http, server.url, timeout=0.1))
        while http.queued(second) < 0.15:
            await asyncio.sleep(0.005)
        assert not second.done()
        gate.set()
        made = (await second)[-1]
        await first
        return http.queued(first), http.queued(second), made

    with small(answer) as server:
        none, some, made = in_loop(work, per_host=1)
    assert none == 0.0
    assert some >= 0.15
    assert made.latency_us < 100_000
    assert made.phases.total_us() == made.latency_us


def test_one_host_gets_no_more_than_its_share_at_once():
    inside, most, lock = [0], [0], threading.Lock()
    everyone_is_in = threading.Barrier(3, timeout=10)

    def answer(_seen: Any) -> tuple[int, dict[str, str], bytes]:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        everyone_is_in.wait()
        with lock:
            inside[0] -= 1
        return 200, {}, b"ok"

    async def work(http: Http) -> None:
        await asyncio.gather(*(get(http, server.url) for _ in range(9)))

    with small(answer) as server:
        in_loop(work, per_host=3)
    assert most[0] == 3


def test_hosts_that_hang_stop_nobody_else():
    """An exchange that merely waits for its answer holds no slot for opening."""

    async def work(http: Http) -> int:
        hanging = [asyncio.ensure_future(get(http, f"http://127.0.0.1:{port}/")) for _ in range(6)]
        while len(arrived) < 6:
            await asyncio.sleep(0.001)
        status = (await get(http, f"http://localhost:{server.port}/"))[-1].status
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return int(status)

    arrived: list[int] = []

    def hang(peer: Peer) -> None:
        peer.read_head()
        arrived.append(1)

    held: list[Any] = []
    with hostile(*[lambda peer: (hang(peer), held.append(peer.sock.dup()))] * 6) as port, small() as server:
        assert in_loop(work, opening=2, per_host=6) == 200
    for sock in held:
        sock.close()


def test_who_is_cancelled_in_a_queue_leaves_it():
    gate = threading.Event()

    def answer(_seen: Any) -> tuple[int, dict[str, str], bytes]:
        gate.wait(10)
        return 200, {}, b"ok"

    async def work(http: Http) -> list[int]:
        first = asyncio.ensure_future(get(http, server.url))
        while not server.seen:
            await asyncio.sleep(0.001)
        tired = [asyncio.ensure_future(get(http, server.url)) for _ in range(3)]
        last = asyncio.ensure_future(get(http, server.url))
        await asyncio.sleep(0.01)
        for task in tired:
            task.cancel()
        await asyncio.gather(*tired, return_exceptions=True)
        gate.set()
        return [(await task)[-1].status for task in (first, last)]

    with small(answer) as server:
        assert in_loop(work, per_host=1) == [200, 200]
    assert len(server.seen) == 2


def test_a_failed_exchange_frees_its_places():
    async def work(http: Http) -> int:
        for _ in range(20):
            with pytest.raises(TargetError):
                await get(http, f"http://127.0.0.1:{dead}/")
        return int((await get(http, server.url))[-1].status)

    dead = closed_port()
    with small() as server:
        assert in_loop(work, opening=1, per_host=1, in_flight=1) == 200


# --- kept connections ---


def keep(http: Http, token: Any, url: str, **more: Any) -> Any:
    return get(http, url, reuse=token, **more)


def test_a_kept_connection_that_the_server_has_closed_is_replaced():
    with hostile(lambda peer: peer.read_head().send(OK), lambda peer: peer.read_head().send(OK).wait_for_end()) as port:

        async def work(http: Http) -> list[bool]:
            token = http.warm()
            first = (await keep(http, token, f"http://127.0.0.1:{port}/"))[-1]
            await asyncio.sleep(0.02)  # the server's end is on its way
            second = (await keep(http, token, f"http://127.0.0.1:{port}/", method="POST"))[-1]
            return [first.is_reused, second.is_reused]

        assert in_loop(work) == [False, False]


def test_a_kept_connection_with_an_answer_nobody_asked_for_is_replaced():
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    sent = threading.Event()

    def first(peer: Peer) -> None:
        peer.read_head().send(OK)
        asked.wait(10)
        peer.send(late)
        sent.set()
        peer.wait_for_end()

    asked = threading.Event()
    with hostile(first, lambda peer: peer.read_head().send(OK).wait_for_end()) as port:

        async def work(http: Http) -> list[int]:
            token = http.warm()
            await keep(http, token, f"http://127.0.0.1:{port}/")
            asked.set()
            while not sent.is_set():
                await asyncio.sleep(0.001)
            second = (await keep(http, token, f"http://127.0.0.1:{port}/"))[-1]
            return [second.status, second.is_reused]

        assert in_loop(work) == [200, False]


@pytest.mark.parametrize(("method", "is_repeated"), [("GET", True), ("HEAD", True), ("POST", False)])
def test_an_idle_end_that_crosses_the_request_is_asked_again_where_that_does_no_harm(method: str, is_repeated: bool):  # noqa: FBT001
    def closes_on_the_second(peer: Peer) -> None:
        peer.read_head().send(OK)
        peer.seen = b""
        peer.read_head()  # and closes without a word

    with hostile(closes_on_the_second, lambda peer: peer.read_head().send(OK[: -2 if method == "HEAD" else None]).wait_for_end()) as port:

        async def work(http: Http) -> Exchange:
            token = http.warm()
            await keep(http, token, f"http://127.0.0.1:{port}/")
            made: Exchange = (await keep(http, token, f"http://127.0.0.1:{port}/", method=method))[-1]
            return made

        if is_repeated:
            assert in_loop(work).status == 200
        else:
            with pytest.raises(TargetError) as caught:
                in_loop(work)
            assert caught.value.finding == "http.closed"


def test_a_reused_connection_that_fails_within_the_answer_is_not_asked_again():
    def cut(peer: Peer) -> None:
        peer.read_head().send(OK)
        peer.seen = b""
        peer.read_head().send(OK[:-1])

    with hostile(cut, lambda peer: peer.read_head().send(OK)) as port:

        async def work(http: Http) -> None:
            token = http.warm()
            for _ in range(2):
                await keep(http, token, f"http://127.0.0.1:{port}/")

        with pytest.raises(TargetError) as caught:
            in_loop(work)
    assert caught.value.finding == "http.truncated"
    assert caught.value.phases.connect is None


def test_a_connection_is_kept_for_its_own_way_only():
    async def work(http: Http) -> list[bool]:
        token = http.warm()
        urls = [(one.url, {}), (one.url, {}), (two.url, {}), (one.url, {}), (one.url, {"route": Route(resolve="127.0.0.1")})]
        return [(await keep(http, token, url, **more))[-1].is_reused for url, more in urls]

    with small() as one, small() as two:
        assert in_loop(work) == [False, True, False, False, False]


def test_late_tickets_do_not_spoil_a_kept_connection(trust: Trust):
    """TLS 1.3 servers send tickets whenever they like; Python's sends them with the end of its handshake."""

    async def work(http: Http) -> list[bool]:
        token, route = http.warm(), Route(ca_file=trust.ca_file)
        return [(await keep(http, token, f"https://127.0.0.1:{server.port}/", route=route))[-1].is_reused for _ in range(3)]

    with small(tls=trust.server()) as server:
        assert in_loop(work) == [False, True, True]


def test_closing_lets_go_of_every_kept_connection():
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_head().send(OK).wait_for_end()
        ended.set()

    async def work(http: Http) -> None:
        await keep(http, http.warm(), f"http://127.0.0.1:{port}/")

    with hostile(script) as port:
        in_loop(work)
        assert ended.wait(10)


# --- lookups ---


def resolver(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    def getaddrinfo(*args: Any) -> Any:
        found = answer(*args) if callable(answer) else answer
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(wire_names.socket, "getaddrinfo", getaddrinfo)


LOOKUPS = [
    ("a name that does not exist", socket.gaierror(socket.EAI_NONAME, "Name or service not known"), TargetError, "dns.not_found"),
    ("a name without an address", [], TargetError, "dns.not_found"),
    ("a resolver that is down", socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), ProberError, "prober.dns"),
    ("a resolver that is broken", socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), ProberError, "prober.dns"),
    ("a system that is broken", OSError(24, "Too many open files"), ProberError, "prober.dns"),
    ("a name that cannot be encoded", UnicodeError("label too long"), TargetError, "dns.not_found"),
]


@pytest.mark.parametrize(("answer", "kind", "finding"), [c[1:] for c in LOOKUPS], ids=[c[0] for c in LOOKUPS])
def test_whose_fault_a_failed_lookup_is(monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[Any], finding: str):
    resolver(monkeypatch, answer)
    with pytest.raises(kind) as caught:
        ask("http://shop.example/")
    assert caught.value.finding == finding
    assert caught.value.facts == {"stage": "dns", "address": ""}
    assert caught.value.phases.dns is not None
    assert caught.value.phases.connect is None
    assert "shop.example" in str(caught.value)


@pytest.mark.usefixtures("punctual")
def test_a_resolver_that_hangs_is_our_fault_and_holds_nobody(monkeypatch: pytest.MonkeyPatch):
    is_over = threading.Event()
    resolver(monkeypatch, lambda *_args: is_over.wait(10) and [])
    with pytest.raises(ProberError) as caught:
        ask("http://shop.example/", timeout=0.05)
    is_over.set()
    assert caught.value.finding == "prober.dns"
    assert caught.value.phases.dns >= 50_000


def test_a_lookup_can_be_cancelled(monkeypatch: pytest.MonkeyPatch):
    is_over, is_asked = threading.Event(), threading.Event()

    def answer(*_args: Any) -> Any:
        is_asked.set()
        return is_over.wait(10) and []

    resolver(monkeypatch, answer)

    async def work(http: Http) -> bool:
        task = asyncio.ensure_future(get(http, "http://shop.example/"))
        while not is_asked.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert in_loop(work)
    is_over.set()


def test_a_mistake_in_a_lookup_is_ours_and_ends_at_once(monkeypatch: pytest.MonkeyPatch):
    resolver(monkeypatch, RuntimeError("a mistake of ours"))
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        ask("http://shop.example/")


def test_dns_is_asked_each_time_and_timed_in_its_own_thread(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def answer(host: str, port: int, *_args: Any) -> Any:
        asked.append((host, port))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    resolver(monkeypatch, answer)

    async def work(http: Http) -> list[Exchange]:
        return [(await get(http, "http://shop.example:81/"))[-1] for _ in range(2)]

    with small() as server:
        made = in_loop(work)
    assert asked == [("shop.example", 81)] * 2
    assert all(m.phases.dns is not None and m.phases.total_us() == m.latency_us for m in made)
    assert server.seen[0].headers["host"] == "shop.example:81"


def test_more_lookups_than_threads_wait_and_the_wait_is_ours(monkeypatch: pytest.MonkeyPatch):
    gate = threading.Event()

    def answer(*_args: Any) -> Any:
        gate.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    resolver(monkeypatch, answer)
    monkeypatch.setattr(wire_names, "THREADS", 1)

    async def work(http: Http) -> tuple[int, float]:
        tasks = [asyncio.ensure_future(get(http, f"http://shop{n}.example/")) for n in range(3)]
        await asyncio.sleep(0.05)
        gate.set()
        made = [(await task)[-1] for task in tasks]
        return max(m.phases.dns for m in made[1:]), http.queued(tasks[2])

    with small() as server:
        dns_us, queued = in_loop(work)
    assert queued >= 0.04
    assert dns_us < 40_000
