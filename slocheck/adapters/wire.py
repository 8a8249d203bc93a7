"""The wire: one HTTP/1.1 exchange on a socket, timed where it happens. Knows sockets and bytes, not httpx.

Phases end where their cause ends, not where our coroutine runs: the socket does not block, readiness callbacks take
the stamp before anything is parsed, and where the system stamps what it receives (Linux, SO_TIMESTAMPNS) those
stamps end `wait` and `receive`. One future wakes the probe, once, at the end.

    dns      our own lookup, timed in its thread
    connect  first attempt to connect -> connected, failed addresses and a proxy's CONNECT included
    tls      -> handshake done
    send     -> last byte of the request handed to the kernel
    wait     -> first byte of the answer (with TLS: the read that yields the first decrypted byte, so tickets do not count)
    receive  -> last byte of the answer
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slocheck.adapters import wire_faults as faults
from slocheck.adapters.wire_names import Address
from slocheck.adapters.wire_parse import Answer, AnswerReader, Misread
from slocheck.adapters.wire_tls import Tunnel
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.model import Phases

_READ = 65_536
_ENOUGH_READS = 8  # of one socket, before the others get their turn
_CLOCK_WAS_SET_NS = 1_000_000
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_SO_TIMESTAMPNS = 35 if sys.platform == "linux" else None  # asm-generic/socket.h; the module `socket` has no name for it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`address` is host:port for texts; `head` has the header lines that a CONNECT needs (credentials: never print it)."""

    host: str
    port: int
    head: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to reach the target. `tls` None: plain. `proxy` with `tls`: through a CONNECT tunnel."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What goes out: `head` ends with the empty line."""

    method: str
    head: bytes = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    head_cap: int = 65_536
    body_cap: int = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back. `clock` is kernel or user; `started_ms` is the wall clock at the first attempt to connect."""

    answer: Answer
    phases: Phases
    clock: str
    started_ms: int
    address: str
    is_reused: bool
    tls: dict[str, Any]


class Line:
    """An open connection, between exchanges or in one."""

    __slots__ = ("address", "facts", "has_stamps", "sock", "tunnel")

    def __init__(self, sock: socket.socket, address: str, *, has_stamps: bool) -> None:
        self.sock = sock
        self.address = address
        self.has_stamps = has_stamps
        self.tunnel: Tunnel | None = None
        self.facts: dict[str, Any] = {}

    def is_good(self) -> bool:
        """Nothing waits to be read on an idle connection: bytes (an unsolicited 408) or an end make it useless."""
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data or self.tunnel is None:
            return False
        # Late tickets of TLS 1.3 are no answer.
        return not self.tunnel.decrypt(data) and not self.tunnel.got_close and not self.tunnel.broken

    def close(self) -> None:
        """Ends the connection, politely where that costs no wait."""
        if self.tunnel is not None:
            self.tunnel.say_goodbye()
            with contextlib.suppress(OSError, ValueError):
                self.sock.send(self.tunnel.outgoing(), _NO_SIGNAL)
        self.sock.close()


class Course:
    """One exchange under way, from the first attempt to connect to the last byte; driven by callbacks of the loop.

    `run` is the only door. On any end, also by cancellation, nothing is left behind: no callback, no timer, and no
    socket but that of `line`, which is kept only when the answer allows another exchange on it.
    """

    def __init__(
        self, way: Way, ask: Ask, addresses: tuple[Address, ...], *, deadline_ns: int, line: Line | None = None,
        dns_us: int | None = None, on_sent: Callable[[], None] = lambda: None, lateness: Callable[[], int] = lambda: 0,
    ) -> None:
        self.line = line
        self.has_begun_answer = False
        self._way = way
        self._ask = ask
        self._addresses = list(reversed(addresses))
        self._deadline_ns = deadline_ns
        self._dns_us = dns_us
        self._on_sent = on_sent
        self._lateness = lateness
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._timers: list[asyncio.TimerHandle] = []
        self._errors: list[ProbeError] = []
        self._out: memoryview | bytes = b""
        self._has_writer = False
        self._reader = AnswerReader(ask.method, head_bytes=ask.head_cap, body_bytes=ask.body_cap)
        self._tunnel_reader = AnswerReader("CONNECT")
        self._is_reused = line is not None
        self._address = line.address if line else ""
        self._stage = "send" if line else "connect"
        self._broken: ProbeError | None = None
        self._excerpt = b""
        self._kept: Line | None = None  # the connection that served, even if it is closed now
        self._is_kernel = True
        self._clock_gap = 0
        self._started_ms = 0
        self._t_start = self._t_connect = self._t_tls = self._t_sent = self._t_first = self._t_last = 0

    async def run(self) -> Heard:
        """The answer. Raises TargetError or ProberError with `phases` and `facts` as far as it came.

        Afterwards `line` is the connection if it may serve again, else None.
        """
        self._t_start = time.perf_counter_ns()
        self._started_ms = time.time_ns() // 1_000_000
        try:
            if self._deadline_ns <= self._t_start:
                raise faults.of_no_time_left()
            delay = (self._deadline_ns - self._t_start) / 1e9
            self._timers.append(self._loop.call_later(delay, self._on_deadline))
            self._guard(self._begin)
            await self._done
        except ProbeError as error:
            raise self._dressed(error) from error.__cause__
        finally:
            self._kept = self.line
            self._leave()
        assert self._reader.answer is not None
        return self._heard(self._reader.answer)

    def _begin(self) -> None:
        if self.line is None:
            self._connect_next()
        else:
            self._t_connect = self._t_start
            self._loop.add_reader(self.line.sock, self._guard, self._on_readable)
            self._send_request()

    def _guard(self, step: Callable[[], None]) -> None:
        """Every callback runs in here: what goes wrong ends the exchange and never reaches the loop."""
        if self._done.done():
            return
        try:
            step()
        except Misread as misread:
            self._fail(TargetError(misread.finding, str(misread)))
        except Exception as error:  # noqa: BLE001 - a bug of ours must end the exchange too; the runner's net names it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def _on_deadline(self) -> None:
        late = max(self._lateness(), time.perf_counter_ns() - self._deadline_ns)
        self._fail(faults.of_deadline(self._stage, self._deadline_ns - self._t_start, late))

    # --- connect ---
    def _connect_next(self) -> None:
        """The next address. It gets its even share of the time that is left, so that the last one is always tried."""
        if not self._addresses:
            raise self._not_connected()
        share = (self._deadline_ns - time.perf_counter_ns()) // len(self._addresses)
        address = self._addresses.pop()
        self._address = str(address)
        try:
            self.line = _open(address)
            is_connected = _connect(self.line.sock, address)
        except OSError as error:
            return self._address_failed(error)
        if is_connected:
            return self._connected(address)
        self._loop.add_writer(self.line.sock, self._guard, lambda: self._on_connect(address))
        self._has_writer = True
        if self._addresses:
            self._timers.append(self._loop.call_later(share / 1e9, self._guard, self._on_share_spent))
        return None

    def _on_connect(self, address: Address) -> None:
        assert self.line is not None
        number = self.line.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._address_failed(_os_error(number))
        else:
            self._connected(address)

    def _on_share_spent(self) -> None:
        if self._stage == "connect":
            self._address_failed(_os_error(errno.ETIMEDOUT))

    def _address_failed(self, error: OSError) -> None:
        self._errors.append(faults.of_connect(error, self._address))
        self._drop_line()
        while len(self._timers) > 1:  # the first is the deadline
            self._timers.pop().cancel()
        self._connect_next()

    def _not_connected(self) -> ProbeError:
        error = faults.most_telling(self._errors)
        return faults.through_proxy(error, str(self._way.proxy)) if self._way.proxy else error

    def _connected(self, address: Address) -> None:
        now = time.perf_counter_ns()
        assert self.line is not None
        if _is_itself(self.line.sock, address):
            return self._address_failed(_os_error(errno.ECONNREFUSED))
        self._drop_writer()
        self._loop.add_reader(self.line.sock, self._guard, self._on_readable)
        if self._way.proxy and self._way.tls:
            self._ask_for_tunnel(self._way.proxy)
        else:
            self._begin_tls(now)
        return None

    # --- a proxy's tunnel: RFC 9110 section 9.3.6 ---
    def _ask_for_tunnel(self, proxy: Proxy) -> None:
        self._stage = "proxy"
        authority = self._way.authority.encode("ascii")
        self._put(b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n" + proxy.head + b"\r\n")

    def _hear_proxy(self, data: bytes, now: int) -> None:
        reader = self._tunnel_reader
        try:
            is_whole = reader.feed(data)
        except Misread as misread:
            raise faults.through_proxy(misread, str(self._way.proxy)) from misread
        if reader.status is not None and reader.status >= 300:
            raise faults.of_proxy_answer(reader.status)
        if is_whole:
            if reader.surplus:
                raise ProberError("prober.proxy", f"the proxy {self._way.proxy} sent bytes of its own into the tunnel")
            self._begin_tls(now)

    # --- TLS ---
    def _begin_tls(self, now: int) -> None:
        assert self.line is not None
        self._t_connect = now
        if self._way.tls is None:
            self._send_request()
            return
        self._stage = "tls"
        self.line.tunnel = Tunnel(self._way.tls, self._way.host.rstrip("."))
        self._shake(b"")

    def _shake(self, data: bytes) -> None:
        assert self.line is not None
        tunnel = self.line.tunnel
        assert tunnel is not None
        try:
            is_done = tunnel.shake(data)
        except ProbeError:
            with contextlib.suppress(OSError):  # our alert tells the server why
                self.line.sock.send(tunnel.outgoing(), _NO_SIGNAL)
            raise
        if is_done:
            self._t_tls = time.perf_counter_ns()
            self.line.facts = tunnel.facts()
            self._send_request()  # the end of the handshake travels with the request
            if tunnel.has_more():
                self._hear(b"", [], self._t_tls)
        else:
            self._put(tunnel.outgoing())

    # --- send ---
    def _send_request(self) -> None:
        assert self.line is not None
        self._stage = "send"
        data = self._ask.head + self._ask.body if self._ask.body else self._ask.head
        if self.line.tunnel is not None:
            self.line.tunnel.encrypt(data)
            data = self.line.tunnel.outgoing()
        self._put(data)

    def _put(self, data: bytes) -> None:
        """Sends, or keeps what the kernel does not take yet."""
        self._out = memoryview(bytes(self._out) + data) if self._out else data
        self._push()

    def _push(self) -> None:
        assert self.line is not None
        while self._out:
            try:
                size = self.line.sock.send(self._out, _NO_SIGNAL)
            except BlockingIOError:
                if not self._has_writer:
                    self._loop.add_writer(self.line.sock, self._guard, self._push)
                    self._has_writer = True
                return
            except OSError as error:
                self._cannot_send(self._of_stream(error))
                return
            if size == len(self._out):
                break
            self._out = memoryview(self._out)[size:]
        if self._stage == "send" and not self._broken:
            self._t_sent = time.perf_counter_ns()
            self._clock_gap = time.time_ns() - self._t_sent
            self._stage = "wait"
            self._on_sent()
        self._out = b""
        self._drop_writer()

    def _cannot_send(self, error: ProbeError) -> None:
        """A server may refuse early and close: its answer (413, say) may lie in our buffer, so reading goes on."""
        self._out = b""
        self._broken = error
        self._drop_writer()

    # --- wait, receive ---
    def _on_readable(self) -> None:
        line = self.line
        assert line is not None
        for _ in range(_ENOUGH_READS):
            now = time.perf_counter_ns()
            try:
                if line.has_stamps:
                    data, ancillary, _flags, _from = line.sock.recvmsg(_READ, _ANCILLARY)
                else:
                    data, ancillary = line.sock.recv(_READ), []
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                raise self._broken or self._of_stream(error) from error
            self._take(data, ancillary, now)
            if self._done.done() or len(data) < _READ:
                return

    def _take(self, data: bytes, ancillary: list[tuple[int, int, bytes]], now: int) -> None:
        if not data:
            self._ended(now)
        elif self._stage == "tls":
            self._shake(data)
        elif self._stage == "proxy":
            self._hear_proxy(data, now)
        else:
            self._hear(data, ancillary, now)

    def _hear(self, data: bytes, ancillary: list[tuple[int, int, bytes]], now: int) -> None:
        assert self.line is not None
        tunnel = self.line.tunnel
        if tunnel is not None:
            data = tunnel.decrypt(data)
            if back := tunnel.outgoing():
                self._put(back)
        if data:
            self._t_last = self._arrival(ancillary, now)
            if not self._t_first:
                self._begin_receive(data)
            if self._reader.feed(data):
                self._finish()
                return
        if tunnel is not None and tunnel.broken:
            raise faults.of_broken_tls(tunnel.broken, has_answer=bool(self._t_first))
        if tunnel is not None and tunnel.got_close:
            self._ended(now)

    def _begin_receive(self, data: bytes) -> None:
        self._excerpt = data[:40]
        self.has_begun_answer = True
        if not self._t_sent:  # it answers before we have sent all: nothing was waited for
            self._t_sent = self._t_last
            self._on_sent()
        self._t_first = self._t_last = max(self._t_last, self._t_sent)
        self._stage = "receive"

    def _arrival(self, ancillary: list[tuple[int, int, bytes]], now: int) -> int:
        """When the newest of these bytes came: by the kernel, else when our callback began."""
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                gap = time.time_ns() - time.perf_counter_ns()
                if abs(gap - (self._clock_gap or gap)) <= _CLOCK_WAS_SET_NS:  # else somebody set the wall clock
                    return max(self._t_last, min(now, seconds * 1_000_000_000 + nanoseconds - gap))
        self._is_kernel = False
        return now

    def _ended(self, now: int) -> None:
        """The peer has closed: the end of a body, or too early."""
        assert self.line is not None
        if self._stage == "tls":
            raise TargetError("tls.handshake_failed", "the TLS handshake failed: the connection was closed")
        if self._stage == "proxy":
            raise ProberError("prober.proxy", f"the proxy {self._way.proxy} closed the connection")
        if self._broken and not self._reader.has_begun:
            raise self._broken
        self._reader.feed_eof(is_clean=self.line.tunnel is None or self.line.tunnel.got_close)
        self._t_last = max(now, self._t_last)
        self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _of_stream(self, error: OSError) -> ProbeError:
        fault = faults.of_stream(error, self._stage)
        return faults.through_proxy(fault, str(self._way.proxy)) if self._stage == "proxy" else fault

    # --- the end ---
    def _heard(self, answer: Answer) -> Heard:
        assert self._kept is not None
        return Heard(
            answer=answer, phases=self._phases(self._t_last), clock="kernel" if self._is_kernel else "user",
            started_ms=self._started_ms, address=self._address, is_reused=self._is_reused, tls=self._kept.facts,
        )

    def _leave(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._on_sent()
        is_good = self._done.done() and not self._done.cancelled() and self._done.exception() is None
        answer = self._reader.answer
        if is_good and answer is not None and answer.is_reusable and not self._reader.surplus and not self._out and not self._broken:
            self._release_line()
        else:
            self._drop_line()
        self._done.cancel()

    def _release_line(self) -> None:
        assert self.line is not None
        self._loop.remove_reader(self.line.sock)
        self._drop_writer()

    def _drop_line(self) -> None:
        if self.line is not None:
            self._release_line()
            self.line.close()
            self.line = None

    def _drop_writer(self) -> None:
        if self._has_writer and self.line is not None:
            self._loop.remove_writer(self.line.sock)
        self._has_writer = False

    def _dressed(self, error: ProbeError) -> ProbeError:
        """The error with what was learnt before it."""
        error.phases = self._phases(time.perf_counter_ns())
        facts: dict[str, Any] = {"stage": self._stage, "address": self._address}
        if self._way.proxy:
            facts["proxy"] = str(self._way.proxy)
        if self._reader.status is not None:
            facts["status"] = self._reader.status
        error.facts = {**facts, **error.facts}
        if error.finding == "http.malformed" and error.got is None:
            error.got = ascii(self._excerpt.decode("latin-1"))
        return error

    def _phases(self, now: int) -> Phases:
        """Whole microseconds. The phase under way counts up to `now`; those that did not begin are None."""
        is_fresh = not self._is_reused
        shaken = self._t_tls if self._way.tls and is_fresh else self._t_connect
        return Phases(
            dns=self._dns_us,
            connect=_span(self._t_start, self._t_connect, now) if is_fresh else None,
            tls=_span(self._t_connect, self._t_tls, now) if self._way.tls and is_fresh else None,
            send=_span(shaken, self._t_sent, now), wait=_span(self._t_sent, self._t_first, now),
            receive=_span(self._t_first, self._t_last if self._reader.answer else 0, now),
        )


def _span(begin: int, end: int, now: int) -> int | None:
    return max(0, (end or now) - begin) // 1000 if begin else None


def _open(address: Address) -> Line:
    """A socket that does not block and stamps what it receives, if the system can. Raises OSError."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    has_stamps = False
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _SO_TIMESTAMPNS is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                has_stamps = True
    except BaseException:
        sock.close()
        raise
    return Line(sock, str(address), has_stamps=has_stamps)


def _is_itself(sock: socket.socket, address: Address) -> bool:
    """On loopback a connection to a closed port of the ephemeral range may meet itself (TCP simultaneous open)."""
    return address.sockaddr[0].startswith(("127.", "::1")) and sock.getsockname()[:2] == address.sockaddr[:2]


def _connect(sock: socket.socket, address: Address) -> bool:
    """Begins to connect; True if that is done already. Raises OSError."""
    number = sock.connect_ex(address.sockaddr)
    if number == errno.EINPROGRESS:
        number = sock.connect_ex(address.sockaddr)  # on loopback it is there by now, and a turn of the loop is saved
    if number in (0, errno.EISCONN):
        return True
    if number in (errno.EINPROGRESS, errno.EALREADY):
        return False
    raise _os_error(number)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
