"""The wire: one HTTP/1.1 exchange on a socket, timed where it happens. Knows sockets and bytes, not httpx.

Phases end where their cause ends, not where our coroutine runs: the socket does not block, readiness callbacks take
the stamp before anything is parsed, and where the system stamps what it receives (Linux, SO_TIMESTAMPNS) those
stamps end `wait` and `receive`. One future wakes the probe, once, at the end.

    dns      our own lookup, timed in its thread
    connect  first attempt to connect -> connected, failed addresses and a proxy's CONNECT included
    tls      -> handshake done
    send     -> last byte of the request handed to the kernel
    wait     -> first byte of the final answer (with TLS: the read that yields it decrypted; tickets and 1xx do not count)
    receive  -> last byte of the answer
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import time
from collections.abc import Callable
from dataclasses import field
from typing import Any

from slocheck.adapters import wire_faults as faults
from slocheck.adapters.wire_line import Line, os_error
from slocheck.adapters.wire_names import Address, authority
from slocheck.adapters.wire_parse import Answer, AnswerReader, Misread
from slocheck.adapters.wire_proxy import Proxy
from slocheck.adapters.wire_times import Times, handed_over
from slocheck.adapters.wire_tls import Tunnel
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.frozen import frozen
from slocheck.core.model import Phases

_LAST_READS = 256  # at the deadline: more than the kernel holds for us


@frozen
class Way:
    """How to reach the target. `tls` None: plain. `proxy` with `tls`: through a CONNECT tunnel."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None


@frozen
class Ask:
    """What goes out: `head` ends with the empty line."""

    method: str
    head: bytes = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    head_cap: int = 65_536
    body_cap: int = 10_000_000


@frozen
class Heard:
    """What came back. `clock` is kernel or user; `started_ms` is the wall clock at the first attempt to connect.

    `line` is the connection if it may serve another exchange: whoever takes it closes it.
    """

    answer: Answer
    phases: Phases
    clock: str
    started_ms: int
    address: str
    is_reused: bool
    tls: dict[str, Any]
    line: Line | None


class Course:
    """One exchange under way, from the first attempt to connect to the last byte; driven by callbacks of the loop.

    `run` is the only door. On any end, also by cancellation, nothing is left behind: no callback, no timer, and no
    socket but that of `Heard.line`. `lateness` says how late our own loop was at worst up to now, in ns.
    """

    def __init__(
        self, way: Way, ask: Ask, addresses: tuple[Address, ...], *, deadline_ns: int, line: Line | None = None,
        dns_us: int | None = None, on_sent: Callable[[], None] = lambda: None, lateness: Callable[[], int] = lambda: 0,
    ) -> None:
        self._way = way
        self._ask = ask
        self._addresses = list(reversed(addresses))
        self._deadline_ns = deadline_ns
        self._line = line
        self._times = Times(dns_us=dns_us, is_reused=line is not None, has_tls=way.tls is not None)
        self._on_sent = on_sent
        self._lateness = lateness
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._share_timer: asyncio.TimerHandle | None = None
        self._errors: list[ProbeError] = []
        self._out: memoryview | bytes = b""
        self._has_writer = False
        self._reader = AnswerReader(ask.method, head_bytes=ask.head_cap, body_bytes=ask.body_cap)
        self._tunnel_reader: AnswerReader | None = None
        self._stage = "send" if line else "connect"
        self._address = str(line.address) if line else ""
        self._facts = line.facts if line else {}
        self._broken: ProbeError | None = None  # why the request could not be sent whole
        self._late_sent = 0  # our lateness when the request was sent

    @property
    def has_begun_answer(self) -> bool:
        return self._reader.has_begun

    async def run(self) -> Heard:
        """The answer. Raises TargetError or ProberError with `phases` and `facts` as far as it came."""
        left_ns = self._deadline_ns - self._times.start
        timer = self._loop.call_later(left_ns / 1e9, self._guard, self._on_deadline)
        is_heard = False
        try:
            if left_ns <= 0:
                raise faults.of_no_time_left(-left_ns, self._lateness())
            self._guard(self._begin)
            await self._done
            is_heard = True
        except ProbeError as error:
            raise self._dressed(error) from error.__cause__
        finally:
            timer.cancel()
            self._leave(may_keep=is_heard)
        return self._heard()

    def _begin(self) -> None:
        if self._line is None:
            self._connect_next()
        else:
            self._loop.add_reader(self._line.fd, self._guard, self._on_readable)
            self._send_request()

    def _guard(self, step: Callable[[], object]) -> None:
        """Every callback runs in here: what goes wrong ends the exchange and never reaches the loop."""
        if self._done.done():
            return
        try:
            step()
        except Misread as misread:
            self._fail(TargetError(misread.finding, str(misread), got=misread.got))
        except Exception as error:  # noqa: BLE001 - a bug of ours must end the exchange too; the runner's net names it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _on_deadline(self) -> None:
        """Once the request is sent, only a stop of our loop that lasts until now can hide an answer: what is there by now is
        read first. What held us up before that took time from the target."""
        for _ in range(_LAST_READS if self._times.sent else 0):
            if self._done.done():
                return
            if not self._on_readable():
                break
        late = self._late_sent if self._times.sent else self._lateness()
        raise self._too_late(max(late, time.perf_counter_ns() - self._deadline_ns))

    def _too_late(self, late_ns: int) -> ProbeError:
        return faults.of_deadline(self._stage, self._deadline_ns - self._times.start, late_ns)

    # --- connect ---
    def _connect_next(self) -> None:
        """The next address. It gets its even share of the time that is left, so that the last one is always tried."""
        while self._addresses:
            share_ns = (self._deadline_ns - time.perf_counter_ns()) // len(self._addresses)
            address = self._addresses.pop()
            self._address = str(address)
            try:
                self._line = Line(address)
                is_connected = self._line.connect()
            except OSError as error:
                self._drop_address(error)
                continue
            if is_connected:
                self._connected()
            else:
                self._await_connect(self._line, share_ns)
            return
        worst = faults.most_telling(self._errors)
        raise faults.through_proxy(worst, str(self._way.proxy)) if self._way.proxy else worst

    def _await_connect(self, line: Line, share_ns: int) -> None:
        self._loop.add_writer(line.fd, self._guard, self._on_connect)
        self._has_writer = True
        if self._addresses:
            self._share_timer = self._loop.call_later(share_ns / 1e9, self._guard, self._on_share_spent)

    def _on_connect(self) -> None:
        assert self._line is not None
        error = self._line.connect_error()
        if error is None:
            self._connected()
        else:
            self._drop_address(error)
            self._connect_next()

    def _on_share_spent(self) -> None:
        self._drop_address(os_error(errno.ETIMEDOUT))
        self._connect_next()

    def _drop_address(self, error: OSError) -> None:
        self._errors.append(faults.of_connect(error, self._address))
        self._drop_share_timer()
        self._drop_line()

    def _connected(self) -> None:
        now = time.perf_counter_ns()
        self._drop_share_timer()
        self._drop_writer()
        assert self._line is not None
        if self._line.is_itself():
            self._drop_address(os_error(errno.ECONNREFUSED))
            self._connect_next()
            return
        self._loop.add_reader(self._line.fd, self._guard, self._on_readable)
        if self._way.proxy and self._way.tls:
            self._stage = "proxy"
            self._tunnel_reader = AnswerReader("CONNECT")
            self._put(self._way.proxy.connect(authority(self._way.host, self._way.port)))
        else:
            self._begin_tls(now)

    # --- a proxy's tunnel ---
    def _hear_proxy(self, data: bytes, now: int) -> None:
        reader, proxy = self._tunnel_reader, str(self._way.proxy)
        assert reader is not None
        try:
            is_whole = reader.feed(data)
        except Misread as misread:
            raise faults.through_proxy(misread, proxy) from misread
        if reader.status is not None and reader.status >= 300:
            raise faults.of_proxy_answer(reader.status)
        if is_whole:
            if reader.surplus:
                raise ProberError("prober.proxy", f"the proxy {proxy} sent bytes of its own into the tunnel")
            self._begin_tls(now)

    # --- TLS ---
    def _begin_tls(self, now: int) -> None:
        self._times.connected = now
        if self._way.tls is None:
            self._send_request()
            return
        self._stage = "tls"
        assert self._line is not None
        self._line.tunnel = Tunnel(self._way.tls, self._way.host.rstrip("."))
        self._shake(self._line.tunnel, b"")

    def _shake(self, tunnel: Tunnel, data: bytes) -> None:
        assert self._line is not None
        try:
            is_done = tunnel.shake(data)
        except ProbeError:
            with contextlib.suppress(OSError):  # our alert tells the server why
                self._line.send(tunnel.outgoing())
            raise
        if not is_done:
            self._put(tunnel.outgoing())
            return
        self._times.shaken = time.perf_counter_ns()
        self._facts = self._line.facts = tunnel.facts()
        self._send_request()  # the end of the handshake travels with the request
        if tunnel.has_more():
            self._hear(b"", 0, self._times.shaken)

    # --- send ---
    def _send_request(self) -> None:
        assert self._line is not None
        self._stage = "send"
        data = self._ask.head + self._ask.body if self._ask.body else self._ask.head
        if self._line.tunnel is not None:
            self._line.tunnel.encrypt(data)
            data = self._line.tunnel.outgoing()
        self._put(data)

    def _put(self, data: bytes) -> None:
        """Sends, or keeps what the kernel does not take yet."""
        self._out = memoryview(bytes(self._out) + data) if self._out else data
        self._push()

    def _push(self) -> None:
        assert self._line is not None
        handed = time.perf_counter_ns()
        while self._out:
            begun = time.perf_counter_ns()
            try:
                size = self._line.send(self._out)
            except BlockingIOError:
                if not self._has_writer:
                    self._loop.add_writer(self._line.fd, self._guard, self._push)
                    self._has_writer = True
                return
            except OSError as error:
                # A server may refuse early and close: its answer (413, say) may lie in our buffer, so reading goes on.
                self._broken = self._of_stream(error)
                break
            handed = handed_over(begun, size)
            self._out = memoryview(self._out)[size:] if size < len(self._out) else b""
        self._out = b""
        self._drop_writer()
        if self._stage == "send" and not self._broken:
            self._sent(handed)
            self._stage = "wait"

    def _sent(self, at: int) -> None:
        self._times.send(at)
        self._late_sent = self._lateness()
        self._on_sent()

    # --- wait, receive ---
    def _on_readable(self) -> bool:
        """One read for each call: other connections get their turn, and a stamp belongs to what was there just now.

        False if nothing was there.
        """
        line = self._line
        assert line is not None
        now = time.perf_counter_ns()
        try:
            data, wall_ns = line.receive()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            raise self._broken or self._of_stream(error) from error
        if not data:
            self._ended(now)
        elif self._stage == "tls":
            assert line.tunnel is not None
            self._shake(line.tunnel, data)
        elif self._stage == "proxy":
            self._hear_proxy(data, now)
        else:
            self._hear(data, wall_ns, now)
        return True

    def _hear(self, data: bytes, wall_ns: int, now: int) -> None:
        assert self._line is not None
        tunnel = self._line.tunnel
        if tunnel is not None:
            data = tunnel.decrypt(data)
            if back := tunnel.outgoing():
                self._put(back)
        if data and self._is_complete(data, wall_ns, now):
            self._finish()
        elif tunnel is not None and tunnel.broken:
            raise faults.of_broken_tls(tunnel.broken, has_answer=self.has_begun_answer)
        elif tunnel is not None and tunnel.got_close:
            self._ended(now)

    def _is_complete(self, data: bytes, wall_ns: int, now: int) -> bool:
        self._times.arrive(wall_ns, now)
        self._stage = "receive"
        if self._reader.feed(data):
            return True
        if self._reader.awaits_final:  # it was an interim answer
            self._times.forget_interim(is_sending=bool(self._out))
            self._stage = "send" if self._out else "wait"
        return False

    def _ended(self, now: int) -> None:
        """The peer has closed: the end of a body, or too early."""
        assert self._line is not None
        if self._stage == "tls":
            raise TargetError("tls.handshake_failed", "the TLS handshake failed: the connection was closed")
        if self._stage == "proxy":
            raise ProberError("prober.proxy", f"the proxy {self._way.proxy} closed the connection")
        if self._broken and not self.has_begun_answer:
            raise self._broken
        self._reader.feed_eof(is_clean=self._line.tunnel is None or self._line.tunnel.got_close)
        self._times.end(now)
        self._finish()

    def _finish(self) -> None:
        if self._times.last > self._deadline_ns:
            raise self._too_late(self._late_sent if self._times.is_kernel else self._lateness())
        if not self._done.done():
            self._done.set_result(None)

    def _of_stream(self, error: OSError) -> ProbeError:
        fault = faults.of_stream(error, self._stage)
        return faults.through_proxy(fault, str(self._way.proxy)) if self._stage == "proxy" else fault

    # --- the end ---
    def _leave(self, *, may_keep: bool) -> None:
        self._drop_share_timer()
        self._on_sent()
        answer = self._reader.answer
        if may_keep and answer is not None and answer.is_reusable and not self._reader.surplus and not self._out and not self._broken:
            self._release_line()
        else:
            self._drop_line()
        if self._done.done() and not self._done.cancelled():
            self._done.exception()  # seen, even if a cancellation came at the same time
        self._done.cancel()

    def _release_line(self) -> None:
        assert self._line is not None
        self._loop.remove_reader(self._line.fd)
        self._drop_writer()

    def _drop_line(self) -> None:
        if self._line is not None:
            self._release_line()
            self._line.close()
            self._line = None

    def _drop_writer(self) -> None:
        if self._has_writer and self._line is not None:
            self._loop.remove_writer(self._line.fd)
        self._has_writer = False

    def _drop_share_timer(self) -> None:
        if self._share_timer is not None:
            self._share_timer.cancel()
            self._share_timer = None

    def _heard(self) -> Heard:
        assert self._reader.answer is not None
        times = self._times
        return Heard(
            answer=self._reader.answer, phases=times.phases(times.last, is_complete=True), clock="kernel" if times.is_kernel else "user",
            started_ms=times.started_ms, address=self._address, is_reused=times.is_reused, tls=self._facts, line=self._line,
        )

    def _dressed(self, error: ProbeError) -> ProbeError:
        """The error with what was learnt before it."""
        error.phases = self._times.phases(time.perf_counter_ns(), is_complete=self._reader.answer is not None)
        facts: dict[str, Any] = {"stage": self._stage, "address": self._address}
        if self._way.proxy:
            facts["proxy"] = str(self._way.proxy)
        if self._reader.status is not None:
            facts["status"] = self._reader.status
        error.facts = {**facts, **error.facts}
        return error
