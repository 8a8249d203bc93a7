"""The exchange itself: where each phase ends, whose clock is believed, and that nothing is left behind on any end."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from slocheck.adapters import wire, wire_line, wire_names, wire_times
from slocheck.adapters.http import Exchange, Http, Route
from slocheck.adapters.wire import Ask, Course, Heard, Way
from slocheck.adapters.wire_line import Line
from slocheck.adapters.wire_names import Address
from slocheck.adapters.wire_slots import LagMeter
from slocheck.core.errors import ProbeError, ProberError, TargetError
from tests.adapters.asking import Trust, after, ask, in_loop
from tests.adapters.hostile import Peer, closed_port, hostile
from tests.adapters.servers import small

MS = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
HERE = Address(family=socket.AF_INET, sockaddr=("127.0.0.1", 1))


class FakeTime:
    """Both clocks of the machine, moved by hand."""

    def __init__(self) -> None:
        self.mono_ns = 10**12
        self.wall_ns = 17 * 10**17

    def perf_counter_ns(self) -> int:
        return self.mono_ns

    def time_ns(self) -> int:
        return self.wall_ns

    def pass_ms(self, ms: float) -> None:
        self.mono_ns += int(ms * MS)
        self.wall_ns += int(ms * MS)


class ScriptedLine(Line):
    """Each read lets some time pass and gives what the script says: (ms later, data, stamp)."""

    __slots__ = ("clock", "reads", "signal")

    def __init__(self, clock: FakeTime, reads: list[tuple[float, bytes, Callable[[FakeTime], int]]]) -> None:
        self.clock, self.reads = clock, list(reads)
        self.address, self.facts, self.tunnel = HERE, {}, None
        self.sock, self.signal = socket.socketpair()
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.signal.send(b"." * len(reads))

    def receive(self) -> tuple[bytes, int]:
        self.sock.recv(1)
        _, data, stamp = self.reads.pop(0)
        return data, stamp(self.clock)

    def close(self) -> None:
        self.signal.close()
        super().close()


class ScriptedCourse(Course):
    def _on_readable(self) -> bool:
        line: Any = self._line
        if line.reads:
            line.clock.pass_ms(line.reads[0][0])
        return super()._on_readable()


def no_stamp(_clock: FakeTime) -> int:
    return 0


def stamped(ms_ago: float = 0.0) -> Callable[[FakeTime], int]:
    """The kernel received it so long before we read it."""
    return lambda clock: clock.wall_ns - int(ms_ago * MS)


class FakeTunnel:
    """TLS whose tickets are readable."""

    broken = ""
    got_close = False

    def encrypt(self, _data: bytes) -> None: ...

    def outgoing(self) -> bytes:
        return b""

    def decrypt(self, data: bytes) -> bytes:
        return b"" if data == b"ticket" else data

    def say_goodbye(self) -> None: ...


def play(
    monkeypatch: pytest.MonkeyPatch, *reads: tuple[float, bytes, Callable[[FakeTime], int]], timeout_ms: float = 10_000,
    lateness: Callable[[], int] = lambda: 0, tunnel: Any = None, clock: FakeTime | None = None,
) -> Heard:
    """A reused connection on which just these reads happen."""
    clock = clock or FakeTime()
    monkeypatch.setattr(wire, "time", clock)
    monkeypatch.setattr(wire_times, "time", clock)

    async def run() -> Heard:
        line = ScriptedLine(clock, list(reads))
        line.tunnel = tunnel
        course = ScriptedCourse(
            Way(host="h", port=1), Ask(method="GET", head=b"GET / HTTP/1.1\r\n\r\n"), (), line=line,
            deadline_ns=clock.mono_ns + int(timeout_ms * MS), lateness=lateness,
        )
        heard = await course.run()
        if heard.line:
            heard.line.close()
        return heard

    return asyncio.run(run())


def figures(heard: Heard) -> tuple[int, int, str]:
    assert heard.phases.wait is not None
    assert heard.phases.receive is not None
    assert heard.phases.total_us() == (heard.phases.send or 0) + heard.phases.wait + heard.phases.receive
    return heard.phases.wait // 1000, heard.phases.receive // 1000, heard.clock


def test_wait_ends_with_the_first_byte_and_receive_with_the_last(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (20, HEAD[:9], no_stamp), (30, HEAD[9:], no_stamp), (5, b"body", no_stamp))
    assert figures(heard) == (20, 35, "user")


def test_the_wait_begins_when_the_kernel_has_the_request_even_if_it_runs_others_before_us(monkeypatch: pytest.MonkeyPatch):
    """On a busy machine the target is woken by our bytes and works before our call of send comes back."""
    real = ScriptedLine.send

    def send(line: Any, data: bytes) -> int:
        line.clock.pass_ms(40)
        return real(line, data)

    monkeypatch.setattr(ScriptedLine, "send", send)
    heard = play(monkeypatch, (20, HEAD + b"body", stamped()))
    assert heard.phases.send == 50
    assert heard.phases.wait in (59_949, 59_950)  # less a nanosecond for each byte of the request


def test_interim_answers_do_not_end_the_wait(monkeypatch: pytest.MonkeyPatch):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    heard = play(monkeypatch, (10, interim[:30], stamped()), (10, interim[30:], stamped()), (50, HEAD, stamped()), (5, b"body", stamped()))
    assert figures(heard) == (70, 5, "kernel")
    heard = play(monkeypatch, (10, interim, stamped()), (50, interim + HEAD[:3], stamped()), (5, HEAD[3:] + b"body", stamped()))
    assert figures(heard) == (60, 5, "kernel")


def test_tickets_of_tls_do_not_end_the_wait(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (10, b"ticket", stamped()), (50, HEAD, stamped()), (1, b"body", stamped()), tunnel=FakeTunnel())
    assert figures(heard) == (60, 1, "kernel")


def test_the_kernel_says_when_it_came_however_late_we_read(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (200, HEAD, stamped(ms_ago=180)), (100, b"body", stamped(ms_ago=95)))
    assert figures(heard) == (20, 185, "kernel")


def test_where_one_stamp_is_missing_the_callback_clock_is_named(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (20, HEAD, stamped()), (30, b"body", no_stamp))
    assert figures(heard) == (20, 30, "user")


@pytest.mark.parametrize("jump_ms", [3_600_000, -3_600_000, 5, -5])
def test_a_wall_clock_that_is_set_meanwhile_changes_no_figure(monkeypatch: pytest.MonkeyPatch, jump_ms: int):
    clock = FakeTime()

    def set_then_stamp(clock: FakeTime) -> int:
        clock.wall_ns += jump_ms * MS
        return clock.wall_ns

    heard = play(monkeypatch, (20, HEAD, set_then_stamp), (30, b"body", stamped()), clock=clock)
    assert figures(heard) == (20, 30, "user")


def test_a_stamp_from_the_future_or_from_before_the_request_is_bounded(monkeypatch: pytest.MonkeyPatch):
    assert figures(play(monkeypatch, (20, HEAD + b"body", stamped(ms_ago=-500)))) == (20, 0, "kernel")
    assert figures(play(monkeypatch, (20, HEAD + b"body", stamped(ms_ago=500)))) == (0, 0, "kernel")


def test_an_end_has_no_stamp(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (20, b"HTTP/1.1 200 OK\r\n\r\nbody", stamped()), (30, b"", no_stamp))
    assert figures(heard) == (20, 30, "user")
    assert heard.line is None


def test_an_answer_that_came_too_late_is_a_timeout_although_it_is_there(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(TargetError) as caught:
        play(monkeypatch, (150, HEAD + b"body", stamped()), timeout_ms=100)
    assert caught.value.finding == "http.timeout"
    assert caught.value.phases.wait == 150_000


def test_an_answer_that_came_in_time_is_good_however_late_we_read_it(monkeypatch: pytest.MonkeyPatch):
    heard = play(monkeypatch, (5000, HEAD + b"body", stamped(ms_ago=4980)), timeout_ms=100, lateness=lambda: 4900 * MS)
    assert figures(heard) == (20, 0, "kernel")


def test_too_late_while_we_were_late_ourselves_is_ours(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ProberError) as caught:
        play(monkeypatch, (150, HEAD + b"body", no_stamp), timeout_ms=100, lateness=lambda: 60 * MS)
    assert caught.value.finding == "prober.late"


def test_what_had_come_by_the_deadline_is_read_although_the_timer_was_first(monkeypatch: pytest.MonkeyPatch):
    """Our loop was late, the answer lies in the kernel in many pieces, and the deadline's timer is due as well."""
    pieces = [(0.0, HEAD[:5], stamped(ms_ago=90)), (0.0, HEAD[5:], stamped(ms_ago=80)), (0.0, b"bo", stamped(ms_ago=70)), (0.0, b"dy", stamped(ms_ago=60))]
    real = ScriptedCourse._begin

    def begin(course: Any) -> None:
        real(course)
        course._line.clock.pass_ms(110)
        course._loop.call_soon(course._guard, course._on_deadline)

    monkeypatch.setattr(ScriptedCourse, "_begin", begin)
    assert figures(play(monkeypatch, *pieces, timeout_ms=100)) == (20, 30, "kernel")


@pytest.mark.parametrize(("late_from_ms", "finding"), [(0, "prober.late"), (15, "http.timeout")])
def test_lateness_before_the_request_took_time_from_the_target_and_later_lateness_did_not(
    monkeypatch: pytest.MonkeyPatch, late_from_ms: int, finding: str,
):
    """While it waits, our loop reads before it looks at timers: silence is certain, however late it was in between."""
    clock = FakeTime()
    start = clock.mono_ns

    def lateness() -> int:
        return 60 * MS if clock.mono_ns >= start + late_from_ms * MS else 0

    with pytest.raises(ProbeError) as caught:
        play(monkeypatch, (20, HEAD[:5], stamped()), (130, HEAD[5:] + b"body", stamped()), timeout_ms=100, lateness=lateness, clock=clock)
    assert caught.value.finding == finding


# --- deadlines, lateness and cancellation on real sockets ---


def silent(peer: Peer) -> Any:
    return peer.read_head().wait_for_end()


def test_a_loop_of_ours_that_was_blocked_is_our_fault():
    async def work(http: Http) -> None:
        asyncio.get_running_loop().call_later(0.02, time.sleep, 0.2)
        await http.send(http.request("GET", f"http://127.0.0.1:{port}/"), deadline_ns=after(0.15))

    with hostile(silent) as port, pytest.raises(ProberError) as caught:
        in_loop(work)
    assert caught.value.finding == "prober.late"
    assert caught.value.facts["stage"] == "wait"


def test_lateness_in_an_earlier_request_of_the_same_task_counts(monkeypatch: pytest.MonkeyPatch):
    """A check of several steps has one deadline: what the first step lost by us, the second must not be blamed for."""

    async def work(http: Http) -> None:
        deadline = after(0.15)
        monkeypatch.setattr(LagMeter, "since", lambda _self, _mark: 100 * MS)
        await http.send(http.request("GET", server.url), deadline_ns=deadline)
        monkeypatch.setattr(LagMeter, "since", lambda _self, _mark: 0)
        await http.send(http.request("GET", f"http://127.0.0.1:{port}/"), deadline_ns=deadline)

    with small() as server, hostile(silent) as port, pytest.raises(ProberError) as caught:
        in_loop(work)
    assert caught.value.finding == "prober.late"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_deadline_that_is_over_sends_nothing(host: str):
    with small() as server, pytest.raises(TargetError) as caught:
        ask(f"http://{host}:{server.port}/", timeout=-1)
    assert caught.value.finding == "http.timeout"
    assert server.seen == []


def test_a_deadline_that_is_over_because_we_were_late_is_ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(LagMeter, "since", lambda _self, _mark: 2000 * MS)
    for host in ("127.0.0.1", "localhost"):
        with small() as server, pytest.raises(ProberError) as caught:
            ask(f"http://{host}:{server.port}/", timeout=-1)
        assert caught.value.finding == "prober.late"


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose backlog is full: attempts to connect hang, as at a firewall that drops."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.usefixtures("punctual")
def test_a_connection_that_never_comes_about_times_out():
    with full_port() as port, pytest.raises(TargetError) as caught:
        ask(f"http://127.0.0.1:{port}/", timeout=0.1)
    assert caught.value.finding == "connect.timeout"
    assert caught.value.phases.connect is not None
    assert caught.value.phases.send is None


def names(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, int]) -> None:
    """Every lookup finds these addresses, in this order."""
    rows = [(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host, port in found]
    monkeypatch.setattr(wire_names.socket, "getaddrinfo", lambda *_args: rows)


def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch):
    with small() as server:
        names(monkeypatch, ("127.0.0.1", closed_port()), ("127.0.0.1", server.port))
        made = ask("http://shop.example/")
    assert (made.status, made.address) == (200, f"127.0.0.1:{server.port}")
    assert made.phases.dns is not None
    assert made.phases.total_us() == made.latency_us


def test_an_address_that_hangs_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch):
    with full_port() as port, small() as server:
        names(monkeypatch, ("127.0.0.1", port), ("127.0.0.1", server.port))
        made = ask("http://shop.example/", timeout=0.3)
    assert made.status == 200
    assert made.phases.connect is not None
    assert made.phases.connect >= 100_000


def test_thousands_of_dead_addresses_are_one_failure(monkeypatch: pytest.MonkeyPatch):
    tried = []

    def connect(line: Line) -> bool:
        tried.append(line.address)
        raise OSError(errno.ECONNREFUSED, "connection refused")

    monkeypatch.setattr(Line, "connect", connect)
    names(monkeypatch, *[("127.0.0.1", port) for port in range(1, 3001)])
    with pytest.raises(TargetError) as caught:
        ask("http://shop.example/")
    assert caught.value.finding == "connect.refused"
    assert len(tried) == 3000


@pytest.mark.parametrize(("errors", "kind", "finding"), [
    ([errno.ENETUNREACH, errno.EHOSTUNREACH], ProberError, "prober.no_route"),
    ([errno.ENETUNREACH, errno.ECONNREFUSED], TargetError, "connect.refused"),
    ([errno.ECONNREFUSED, errno.ENETUNREACH], TargetError, "connect.refused"),
    ([errno.EMFILE], ProberError, "prober.resources"),
    ([errno.EADDRNOTAVAIL], ProberError, "prober.no_route"),
    ([errno.ETIMEDOUT], TargetError, "connect.timeout"),
])
def test_of_several_addresses_the_failure_that_is_theirs_tells_most(
    monkeypatch: pytest.MonkeyPatch, errors: list[int], kind: type[ProbeError], finding: str,
):
    left = list(errors)

    def connect(_line: Line) -> bool:
        raise OSError(left.pop(0), "as the system says")

    monkeypatch.setattr(Line, "connect", connect)
    names(monkeypatch, *[("127.0.0.1", port) for port in range(1, len(errors) + 1)])
    with pytest.raises(ProbeError) as caught:
        ask("http://shop.example/")
    assert (type(caught.value), caught.value.finding) == (kind, finding)


def test_no_files_left_is_our_fault():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def work(http: Http) -> None:
        spare = socket.socket()
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno(), hard))
        spare.close()
        holes = []
        try:
            while True:
                holes.append(socket.socket())
        except OSError:
            pass
        try:
            await http.send(http.request("GET", "http://127.0.0.1:1/"), deadline_ns=after(5))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for hole in holes:
                hole.close()

    with pytest.raises(ProberError) as caught:
        in_loop(work)
    assert caught.value.finding == "prober.resources"


def test_a_port_of_loopback_that_meets_itself_is_closed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Line, "is_itself", lambda _self: True)
    with small() as server, pytest.raises(TargetError) as caught:
        ask(server.url)
    assert caught.value.finding == "connect.refused"
    assert server.seen == []


# each gives what the test needs to know that the stage was reached
STAGES = ["connect", "tls", "send", "wait", "receive", "receive after an interim answer"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancelled_exchange_ends_at_once_and_leaves_nothing(stage: str, trust: Trust):
    reached = threading.Event()
    is_over = threading.Event()

    def script(peer: Peer) -> None:
        if stage == "tls":
            peer.read_some()
        elif stage == "send":
            peer.sock.recv(1)
        else:
            peer.read_head()
        if stage.startswith("receive"):
            peer.send((b"HTTP/1.1 100 Continue\r\n\r\n" if "interim" in stage else b"") + HEAD)
        reached.set()
        is_over.wait(10)

    async def work(http: Http) -> bool:
        body = b"x" * 20_000_000 if stage == "send" else None
        request = http.request("POST" if body else "GET", f"{'https' if stage == 'tls' else 'http'}://127.0.0.1:{port}/", body=body)
        task = asyncio.ensure_future(http.send(request, deadline_ns=after(10), route=Route(ca_file=trust.ca_file)))
        if stage == "connect":
            await asyncio.sleep(0)
        while stage != "connect" and not reached.is_set():
            await asyncio.sleep(0.001)
        for _ in range(3):
            await asyncio.sleep(0.001)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        finally:
            is_over.set()
        return False

    with full_port() if stage == "connect" else hostile(script) as port:
        assert in_loop(work)


def test_an_exchange_cancelled_in_the_moment_of_its_end_closes_its_connection():
    """The answer is complete and the task is cancelled before it wakes: the connection is nobody's and must not stay."""

    async def work(http: Http) -> bool:
        token = http.warm()
        request = http.request("GET", server.url)
        task = asyncio.ensure_future(http.send(request, deadline_ns=after(10), reuse=token))
        real = wire.Course._finish

        def finish(course: Course) -> None:
            real(course)
            task.cancel()

        wire.Course._finish = finish  # type: ignore[method-assign]
        try:
            await task
        except asyncio.CancelledError:
            return token._line is None
        finally:
            wire.Course._finish = real  # type: ignore[method-assign]
        return False

    with small() as server:
        assert in_loop(work)


def test_a_bug_of_ours_in_a_callback_ends_the_exchange(monkeypatch: pytest.MonkeyPatch):
    def broken(_self: Course, _now: int) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(wire.Course, "_sent", broken)
    with small() as server, pytest.raises(RuntimeError, match="a mistake of ours"):
        ask(server.url)


# --- stamps on real sockets ---


@pytest.mark.skipif(wire_line._SO_TIMESTAMPNS is None, reason="this system does not stamp what it receives")
def test_the_kernel_stamps_on_linux():
    async def work(http: Http) -> set[str]:
        """It begins a moment after the first socket wants it."""
        seen: set[str] = set()
        for _ in range(200):
            seen.add((await http.send(http.request("GET", server.url), deadline_ns=after(10)))[-1].clock)
            if "kernel" in seen:
                break
        return seen

    with small() as server:
        assert "kernel" in in_loop(work)


def test_without_kernel_stamps_the_callback_clock_serves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire_line, "_SO_TIMESTAMPNS", None)
    with small() as server:
        made: Exchange = ask(server.url)
    assert (made.clock, made.status) == ("user", 200)
    assert made.phases.total_us() == made.latency_us


def test_a_socket_that_refuses_the_stamps_still_serves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire_line, "_SO_TIMESTAMPNS", 9999)
    with small() as server:
        assert ask(server.url).clock == "user"


def test_an_interim_answer_before_the_request_is_sent_does_not_end_the_sending():
    body = b"x" * 8_000_000

    def script(peer: Peer) -> None:
        peer.read_head().send(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = len(peer.seen.partition(b"\r\n\r\n")[2])
        while size < len(body):
            size += len(peer.sock.recv(1_000_000))
        peer.send(HEAD + b"done")

    with hostile(script) as port:
        made = ask(f"http://127.0.0.1:{port}/", method="POST", body=body)
    assert (made.body, made.interim) == (b"done", (100,))
    assert made.phases.total_us() == made.latency_us


def test_an_exchange_leaves_no_cycle_behind_that_would_keep_its_body():
    """A run of a thousand checks must not wait for the garbage collector to give a thousand bodies back."""

    async def work(http: Http) -> list[str]:
        await http.send(http.request("GET", server.url), deadline_ns=after(10))
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(3):
                await http.send(http.request("GET", server.url), deadline_ns=after(10))
            gc.collect()
            return [type(thing).__name__ for thing in gc.garbage if type(thing).__module__.startswith("slocheck.")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    with small() as server:
        assert in_loop(work) == []
