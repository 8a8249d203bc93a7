"""The wire: one HTTP/1.1 exchange on a fresh or kept connection, each phase stamped at the socket.

Non-blocking sockets and readiness callbacks; TLS over memory buffers. Every stamp is taken inside the callback, before
anything is parsed, and one future wakes the probe at the end: a busy event loop, a queue or a slow parser is never
charged to the target. Where the system stamps received segments itself (Linux, SO_TIMESTAMPNS), those stamps end `wait`
and `receive`; `Flight.clock` says which clock it was.

Knows sockets and bytes, not httpx. Every way to end is a TargetError, a ProberError, or an answer.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slocheck.adapters.answer import BodyTooLarge, HeadTooLarge, Malformed, Reader
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.model import Phases

_STAMP_OPTION = 35 if os.uname().sysname == "Linux" else 0  # SO_TIMESTAMPNS; not in the socket module
_STAMP_SPACE = socket.CMSG_SPACE(16) if _STAMP_OPTION else 0
_CLOCK_SET_NS = 1_000_000  # wall and monotonic clocks disagree by more than this: somebody set the clock
_READ_SIZE = 262_144

NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EACCES, errno.EPERM}
NO_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Where to connect. `address` skips DNS; `context` None is plain; `tunnel` is sent (and answered) before TLS begins."""

    host: str
    port: int
    address: str = ""
    family: int = 0
    context: ssl.SSLContext | None = None
    server_name: str = ""
    tunnel: bytes = b""


@dataclass(slots=True)
class Connection:
    """An open connection between exchanges. `close` it, or give it to the next `Flight`."""

    sock: socket.socket
    address: str
    tls: ssl.SSLObject | None = None
    incoming: ssl.MemoryBIO | None = None
    outgoing: ssl.MemoryBIO | None = None
    key: tuple[Any, ...] = ()

    def is_quiet(self) -> bool:
        """Whether it may carry another request: a pending byte or an end means that the server gave it up (an
        unsolicited 408, a stale keep-alive). TLS tickets may be pending and are read away."""
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data or self.tls is None or self.incoming is None:
            return False
        self.incoming.write(data)
        try:
            self.tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLError:
            return False
        return False

    def close(self) -> None:
        self.sock.close()


@dataclass(slots=True)
class Stamps:
    """Moments of one exchange on `perf_counter_ns`; 0 where it did not come so far."""

    dns_from: int = 0
    dns_to: int = 0
    open_from: int = 0
    open_to: int = 0
    tls_from: int = 0
    tls_to: int = 0
    send_from: int = 0
    send_to: int = 0
    first: int = 0
    last: int = 0
    wall_minus_perf: int = 0
    clock: str = "user"

    def phases(self, until: int = 0) -> Phases:
        """Whole microseconds. A phase that had begun and not ended lasts `until` that moment (0: is left out)."""

        def span(start: int, end: int) -> int | None:
            end = end or until
            return max(0, (end - start + 500) // 1000) if start and end else None

        return Phases(
            dns=span(self.dns_from, self.dns_to), connect=span(self.open_from, self.open_to), tls=span(self.tls_from, self.tls_to),
            send=span(self.send_from, self.send_to), wait=span(self.send_to, self.first), receive=span(self.first, self.last),
        )


# --- slots -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Slots:
    """Who may open a connection now, so that probes do not disturb each other.

    At most `opening` exchanges open at once (DNS excluded: connect, TLS, send); of those at most `young` are younger
    than 10 ms, which keeps handshakes from queueing behind each other's cryptography and yet frees the slot when the
    network is slow and not the CPU. `per_host` and `in_flight` count whole exchanges.
    """

    opening: int = 8
    per_host: int = 3
    in_flight: int = 64
    young: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    _open: dict[object, float] = field(default_factory=dict)
    _hosts: dict[str, int] = field(default_factory=dict)
    _flying: int = 0
    _waiting: deque[tuple[str, object, asyncio.Future[None]]] = field(default_factory=deque)
    _timer: asyncio.TimerHandle | None = None

    async def take(self, host: str, token: object) -> None:
        """Waits for a slot; `opened` and `landed` give its two halves back."""
        if not self._waiting and self._is_free(host):
            self._seat(host, token)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((host, token, future))
        self._arm()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.landed(host, token)
            raise

    def opened(self, token: object) -> None:
        if self._open.pop(token, None) is not None:
            self._next()

    def landed(self, host: str, token: object) -> None:
        self._open.pop(token, None)
        self._unseat(host)
        self._next()

    def _seat(self, host: str, token: object) -> None:
        self._flying += 1
        self._hosts[host] = self._hosts.get(host, 0) + 1
        self._open[token] = time.monotonic()

    def _unseat(self, host: str) -> None:
        self._flying -= 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def _is_free(self, host: str) -> bool:
        if self._flying >= self.in_flight or self._hosts.get(host, 0) >= self.per_host or len(self._open) >= self.opening:
            return False
        return self._has_young_room()

    def _has_young_room(self) -> bool:
        recent = time.monotonic() - 0.010
        return sum(1 for since in self._open.values() if since > recent) < self.young

    def _next(self) -> None:
        """Seats whoever may go, in order; a host that is full does not hold up the others."""
        kept: deque[tuple[str, object, asyncio.Future[None]]] = deque()
        while self._waiting:
            host, token, future = waiting = self._waiting.popleft()
            if future.done():
                continue
            if self._is_free(host):
                self._seat(host, token)
                future.set_result(None)
                continue
            kept.append(waiting)
            if len(self._open) >= self.opening or self._flying >= self.in_flight or not self._has_young_room():
                break
        kept.extend(self._waiting)
        self._waiting = kept
        self._arm()

    def _arm(self) -> None:
        """Somebody waits: look again when the youngest opening has grown up."""
        if self._waiting and self._timer is None and self._open:
            self._timer = asyncio.get_running_loop().call_later(0.010, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._next()


# --- names -----------------------------------------------------------------------------------------------------------


def is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False


async def look_up(host: str, port: int, family: int, deadline_ns: int, stamps: Stamps) -> list[tuple[int, tuple[Any, ...]]]:
    """[(address family, socket address)] in the resolver's order. Timed in its own thread, so our loop's lag is not in it.

    A daemon thread of our own and not an executor: a resolver that hangs must not keep the process from ending.
    Raises TargetError dns.not_found, ProberError prober.dns.
    """
    wanted = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
    if is_literal(host):
        found = socket.getaddrinfo(host, port, wanted, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        return [(f[0], f[4]) for f in found]
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any) -> None:
        if not future.done():
            future.set_result(result)

    def ask() -> None:
        stamps.dns_from = time.perf_counter_ns()
        try:
            result: Any = socket.getaddrinfo(host, port, wanted, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            result = error
        stamps.dns_to = time.perf_counter_ns()
        try:
            loop.call_soon_threadsafe(settle, result)
        except RuntimeError:
            return  # the loop is gone: nobody waits any more

    stamps.dns_from = time.perf_counter_ns()
    threading.Thread(target=ask, daemon=True, name="slocheck-dns").start()
    try:
        async with asyncio.timeout(max(0.0, (deadline_ns - time.perf_counter_ns()) / 1e9)):
            result = await future
    except TimeoutError:
        raise ProberError(
            "prober.dns", f"our resolver did not answer for {host} in time", phases=Phases(dns=_us_since(stamps.dns_from)),
            facts={"stage": "dns"},
        ) from None
    if isinstance(result, Exception):
        raise _name_error(host, result, stamps)
    return [(f[0], f[4]) for f in result]


def _us_since(start_ns: int) -> int:
    return (time.perf_counter_ns() - start_ns) // 1000


def _name_error(host: str, error: Exception, stamps: Stamps) -> ProbeError:
    """NXDOMAIN and a name without addresses are theirs; a resolver that fails is ours."""
    number = error.args[0] if isinstance(error, socket.gaierror) else None
    nodata = getattr(socket, "EAI_NODATA", None)
    facts = {"stage": "dns"}
    if isinstance(error, UnicodeError) or number in (socket.EAI_NONAME, nodata):
        return TargetError("dns.not_found", f"the name {host[:253]} does not exist in DNS", phases=stamps.phases(), facts=facts)
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ProberError("prober.dns", f"our resolver failed for {host}: {reason}", phases=stamps.phases(), facts=facts)


# --- TLS trust -------------------------------------------------------------------------------------------------------

_contexts: dict[tuple[Any, ...], ssl.SSLContext] = {}
_is_warm = False


def context_for(*, verify: bool = True, ca_file: str = "", client_cert: tuple[str, str] | None = None) -> ssl.SSLContext:
    """The one SSLContext of this trust configuration in this process: reading a bundle costs more than a handshake.

    Raises ProberError prober.trust where a file cannot be used.
    """
    key = (verify, ca_file, client_cert)
    if key not in _contexts:
        _contexts[key] = _make_context(verify, ca_file, client_cert)
        _warm_up()
    return _contexts[key]


def _make_context(verify: bool, ca_file: str, client_cert: tuple[str, str] | None) -> ssl.SSLContext:  # noqa: FBT001
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if ca_file:
            context.load_verify_locations(cafile=ca_file)
        elif verify:
            _load_system_trust(context)
        if client_cert:
            context.load_cert_chain(*client_cert)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or getattr(error, "reason", "") or "not PEM"
        raise ProberError("prober.trust", f"cannot use {ca_file or (client_cert or ('', ''))[0]}: {reason}", facts={"stage": "tls"}) from None
    return context


def _load_system_trust(context: ssl.SSLContext) -> None:
    """The hashed directory where there is one: OpenSSL then reads single certificates when it needs them (0.3 ms against
    40 ms for the bundle). Else the bundle, once."""
    paths = ssl.get_default_verify_paths()
    folder = os.environ.get(paths.openssl_capath_env) or paths.openssl_capath
    file = os.environ.get(paths.openssl_cafile_env)
    if not file and folder and _is_hashed(folder):
        context.load_verify_locations(capath=folder)
        return
    context.load_default_certs()
    if not context.cert_store_stats()["x509_ca"]:  # an OpenSSL built elsewhere may look where no bundle is
        for bundle in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"):
            if os.path.exists(bundle):  # noqa: PTH110 - one stat, without pathlib's import cost here
                context.load_verify_locations(cafile=bundle)
                return


def _is_hashed(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(len(e.name) == 10 and e.name[8] == "." and e.name[9].isdigit() for e in entries)
    except OSError:
        return False


def _warm_up() -> None:
    """One handshake in memory: the first of a process costs 2 to 3 ms more than the second, and no target is to blame."""
    global _is_warm  # noqa: PLW0603 - once per process
    if _is_warm:
        return
    _is_warm = True
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server = ssl.MemoryBIO()
    one = client.wrap_bio(ssl.MemoryBIO(), to_server, server_hostname="localhost")
    try:
        one.do_handshake()
    except ssl.SSLWantReadError:
        to_server.read()


# --- the flight ------------------------------------------------------------------------------------------------------


class Flight:
    """One exchange. `run()` it once; then read `reader`, `stamps`, `address`, and `connection` if it may be kept."""

    def __init__(
        self, goal: Goal, payload: bytes, *, reader: Reader, deadline_ns: int, addresses: list[tuple[int, tuple[Any, ...]]],
        connection: Connection | None = None, on_opened: Callable[[], None] = lambda: None, stamps: Stamps | None = None,
    ) -> None:
        self.goal, self.reader, self.deadline_ns = goal, reader, deadline_ns
        self.addresses = deque(addresses)
        self.stamps = stamps or Stamps()
        self.address = connection.address if connection else ""
        self.connection = connection
        self.stage = "connect"
        self._payload = memoryview(payload)
        self._out = memoryview(b"")
        self._on_opened = on_opened
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._sock: socket.socket | None = connection.sock if connection else None
        self._tunnel = Reader(tunnel=True) if goal.tunnel and not connection else None
        self._started_ns = 0
        self._budget_ns = 0
        self._is_reading = self._is_writing = False
        self._kernel_last = 0
        self.tls_facts: dict[str, Any] = {}

    async def run(self) -> None:
        """Raises TargetError or ProberError; the socket is closed then, and on cancellation."""
        self._started_ns = time.perf_counter_ns()
        self._budget_ns = self.deadline_ns - self._started_ns
        timer = self._loop.call_later(max(0.0, self._budget_ns / 1e9), self._expire)
        try:
            if self.connection:
                self._begin_send()
            else:
                self._open_next()
            await self._done
        except BaseException:
            self._drop()
            raise
        finally:
            timer.cancel()
            self._unwatch()

    # --- ending ---
    def _finish(self) -> None:
        if not self._done.done():
            self._unwatch()
            if self.connection and self.connection.tls:
                cipher = self.connection.tls.cipher()
                self.tls_facts = {"version": self.connection.tls.version(), "cipher": cipher[0] if cipher else None}
            self._keep_or_drop()
            self._done.set_result(None)

    def _fail(self, kind: type[ProbeError], finding: str, message: str) -> None:
        if self._done.done():
            return
        facts: dict[str, Any] = {"stage": self.stage}
        if self.address:
            facts["address"] = self.address
        if self.reader.is_head_complete:
            facts["status"] = self.reader.status
        self._unwatch()
        self._done.set_exception(kind(finding, message, phases=self.stamps.phases(time.perf_counter_ns()), facts=facts))

    def _drop(self) -> None:
        self._unwatch()
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self.connection = None

    def _keep_or_drop(self) -> None:
        if self.connection and self._sock is not None and self.reader.keeps_alive:
            return
        self._drop()

    def _expire(self) -> None:
        """The deadline. If our own loop came late, look once whether the answer was there in time; else it is our fault."""
        late_ns = time.perf_counter_ns() - self.deadline_ns
        if self._sock is not None and self.stage in ("wait", "receive", "tls", "proxy") and not self._done.done():
            self._readable()
        if self._done.done():
            return
        if late_ns > self._budget_ns // 10:
            self._fail(ProberError, "prober.late", f"our own loop was {late_ns / 1e6:.0f} ms late at the deadline")
            return
        seconds = f"{self._budget_ns / 1e9:.3g} s"
        ends = {
            "connect": ("connect.timeout", f"no connection within {seconds}"),
            "proxy": ("proxy.timeout", f"the proxy did not answer CONNECT within {seconds}"),
            "tls": ("tls.timeout", f"the TLS handshake did not end within {seconds}"),
            "send": ("http.timeout", f"the request could not be sent within {seconds}"),
            "wait": ("http.timeout", f"no answer within {seconds}: nothing came after the request was sent"),
            "receive": ("http.timeout", f"the answer did not end within {seconds}: {len(self.reader.body)} bytes of its body came"),
        }
        self._fail(TargetError, *ends[self.stage])

    # --- watching ---
    def _watch(self, *, reading: bool = False, writing: bool = False) -> None:
        sock = self._sock
        if sock is None:
            return
        if reading != self._is_reading:
            self._is_reading = reading
            self._loop.add_reader(sock, self._guard, self._readable) if reading else self._loop.remove_reader(sock)
        if writing != self._is_writing:
            self._is_writing = writing
            self._loop.add_writer(sock, self._guard, self._writable) if writing else self._loop.remove_writer(sock)

    def _unwatch(self) -> None:
        if self._sock is not None and self._sock.fileno() >= 0:
            self._watch()

    def _guard(self, step: Callable[[], None]) -> None:
        """A callback's exception would vanish in the loop; it belongs to the probe."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - handed to the awaiting probe as it is
            if not self._done.done():
                self._unwatch()
                self._done.set_exception(error)

    # --- connect ---
    def _open_next(self) -> None:
        family, address = self.addresses.popleft()
        self.address = _address_text(address)
        now = time.perf_counter_ns()
        self.stamps.open_from = self.stamps.open_from or now  # a failed first address counts in `connect`
        try:
            self._sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _STAMP_OPTION:
                self._sock.setsockopt(socket.SOL_SOCKET, _STAMP_OPTION, 1)
            code = self._sock.connect_ex(address)
        except OSError as error:
            code = error.errno or errno.EIO
        if code == 0:
            self._connected()
        elif code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._watch(writing=True)
            if self.addresses:  # a silent address gets its share of the time and no more
                share = (self.deadline_ns - now) / (len(self.addresses) + 1) / 1e9
                self._loop.call_later(max(0.0, share), self._guard, lambda sock=self._sock: self._pass_over(sock))
        else:
            self._refused(code)

    def _pass_over(self, sock: socket.socket | None) -> None:
        if self.stage == "connect" and sock is self._sock and not self._done.done():
            self._refused(errno.ETIMEDOUT)

    def _refused(self, code: int) -> None:
        if self._sock is not None:
            self._unwatch()
            self._sock.close()
            self._sock = None
        if self.addresses:
            self._open_next()
            return
        reason = os.strerror(code)
        if code in NO_ROUTE:
            self._fail(ProberError, "prober.no_route", f"no way from here to {self.address}: {reason}")
        elif code in NO_RESOURCES:
            self._fail(ProberError, "prober.resources", f"this machine has no room for another connection: {reason}")
        elif code == errno.ECONNREFUSED:
            self._fail(TargetError, "connect.refused", f"{self.address} refuses connections")
        elif code == errno.ETIMEDOUT:
            self._fail(TargetError, "connect.timeout", f"{self.address} did not answer the connection")
        else:
            self._fail(TargetError, "connect.reset", f"{self.address} broke off the connection: {reason}")

    def _connected(self) -> None:
        self.stamps.open_to = time.perf_counter_ns()
        assert self._sock is not None
        self.connection = Connection(sock=self._sock, address=self.address)
        self._watch()
        if self._tunnel:
            self.stage = "proxy"
            self._out = memoryview(self.goal.tunnel)
            self._watch(reading=True)
            self._flush()
        else:
            self._begin_tls()

    # --- TLS ---
    def _begin_tls(self) -> None:
        if self.goal.context is None:
            self._begin_send()
            return
        self.stage = "tls"
        self.stamps.tls_from = self.stamps.open_to if self._tunnel is None else time.perf_counter_ns()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        assert self.connection is not None
        try:
            tls = self.goal.context.wrap_bio(incoming, outgoing, server_hostname=self.goal.server_name or self.goal.host)
        except ValueError as error:
            self._fail(TargetError, "tls.handshake_failed", f"the name {self.goal.server_name or self.goal.host} cannot be asked for: {error}")
            return
        self.connection.tls, self.connection.incoming, self.connection.outgoing = tls, incoming, outgoing
        self._shake()

    def _shake(self) -> None:
        assert self.connection is not None
        assert self.connection.tls is not None
        assert self.connection.outgoing is not None
        try:
            self.connection.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._push(self.connection.outgoing.read())
            self._watch(reading=True, writing=bool(self._out))
            return
        except ssl.SSLError as error:
            self._push(self.connection.outgoing.read())  # our alert, so that the server's log says why
            self._untrusted(error)
            return
        self.stamps.tls_to = time.perf_counter_ns()
        self._push(self.connection.outgoing.read())
        self._begin_send()

    def _untrusted(self, error: ssl.SSLError) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            self._fail(TargetError, "tls.untrusted", f"its certificate is not trusted: {error.verify_message.rstrip('.')}")
            return
        reason = (error.reason or str(error)).replace("_", " ").lower()
        self._fail(TargetError, "tls.handshake_failed", f"the TLS handshake failed: {reason}")

    # --- send ---
    def _begin_send(self) -> None:
        self.stage = "send"
        self.stamps.send_from = self.stamps.tls_to or self.stamps.open_to or time.perf_counter_ns()
        self.stamps.wall_minus_perf = time.time_ns() - time.perf_counter_ns()
        assert self.connection is not None
        if self.connection.tls is None:
            self._push(self._payload)
        else:
            assert self.connection.outgoing is not None
            for start in range(0, len(self._payload), 65_536):
                self.connection.tls.write(self._payload[start : start + 65_536])
            self._push(self.connection.outgoing.read())
        self._watch(reading=True, writing=bool(self._out))

    def _push(self, data: bytes | memoryview) -> None:
        if not len(data):
            return
        self._out = memoryview(bytes(self._out) + bytes(data)) if self._out else memoryview(data)
        self._flush()

    def _flush(self) -> None:
        assert self._sock is not None
        while self._out:
            try:
                sent = self._sock.send(self._out)
            except (BlockingIOError, InterruptedError):
                self._watch(reading=True, writing=True)
                return
            except OSError as error:
                self._broken(error)
                return
            self._out = self._out[sent:]
        if self.stage == "send":
            self.stamps.send_to = time.perf_counter_ns()
            self.stage = "wait"
            self._on_opened()

    def _broken(self, error: OSError) -> None:
        """The peer reset while we were sending. Its answer may be there all the same (an early 413): read it first."""
        if self.stage == "send":
            self.stamps.send_to = time.perf_counter_ns()
            self.stage = "wait"
            self._out = memoryview(b"")
            self._on_opened()
            self._readable()
            if self._done.done() or self.reader.has_begun:
                return
        self._reset(error)

    def _reset(self, error: OSError) -> None:
        finding = {"connect": "connect.reset", "tls": "tls.handshake_failed", "proxy": "proxy.refused"}.get(self.stage, "http.reset")
        where = {"tls": "during the TLS handshake", "proxy": "while asking the proxy", "wait": "after the request"}.get(
            self.stage, "in the middle of the answer" if self.reader.has_begun else "before it answered")
        self._fail(TargetError, finding, f"the connection was reset {where} ({os.strerror(error.errno or errno.ECONNRESET)})")

    def _writable(self) -> None:
        if self.stage == "connect":
            assert self._sock is not None
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._refused(code)
            else:
                self._connected()
            return
        self._flush()
        if not self._out and not self._done.done():
            self._watch(reading=True)

    # --- receive ---
    def _receive(self) -> tuple[bytes, int] | None:
        """The next bytes and the moment they came; None when there are none yet."""
        assert self._sock is not None
        if not _STAMP_OPTION:
            data = self._sock.recv(_READ_SIZE)
            return data, time.perf_counter_ns()
        data, extras, _flags, _from = self._sock.recvmsg(_READ_SIZE, _STAMP_SPACE)
        now = time.perf_counter_ns()
        for level, kind, raw in extras:
            if level == socket.SOL_SOCKET and kind == _STAMP_OPTION and self.stamps.wall_minus_perf:
                seconds, nanos = struct.unpack("qq", raw[:16])
                self._kernel_last = seconds * 1_000_000_000 + nanos - self.stamps.wall_minus_perf
                return data, self._trusted(self._kernel_last, now)
        self.stamps.clock = "user"
        return data, now

    def _trusted(self, kernel: int, now: int) -> int:
        """The kernel's stamp, unless the wall clock was set in between or it lies outside what is possible."""
        drift = time.time_ns() - time.perf_counter_ns() - self.stamps.wall_minus_perf
        floor = self.stamps.first or self.stamps.send_to
        if abs(drift) > _CLOCK_SET_NS or kernel > now + _CLOCK_SET_NS or kernel < floor - _CLOCK_SET_NS:
            self.stamps.clock = "user"
            return now
        self.stamps.clock = "kernel"
        return min(max(kernel, floor), now)

    def _readable(self) -> None:
        while not self._done.done() and self._sock is not None:
            try:
                got = self._receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._reset(error)
                return
            if got is None:
                return
            data, moment = got
            if self.stage == "proxy":
                self._read_proxy(data)
            elif self.connection and self.connection.tls is not None:
                self._read_tls(data, moment)
            elif data:
                self._take(data, moment)
            else:
                self._ended(moment)
            if len(data) < _READ_SIZE and data:
                return

    def _read_proxy(self, data: bytes) -> None:
        assert self._tunnel is not None
        if not data:
            self._fail(TargetError, "proxy.refused", "the proxy closed the connection")
            return
        try:
            self._tunnel.feed(data)
        except (Malformed, HeadTooLarge, BodyTooLarge) as error:
            self._fail(TargetError, "proxy.refused", f"the proxy's answer is malformed: {error}")
            return
        if not self._tunnel.is_head_complete:
            return
        if not 200 <= self._tunnel.status < 300:
            self._fail(TargetError, "proxy.refused", f"the proxy answered CONNECT with {self._tunnel.status} {self._tunnel.reason[:60]}".rstrip())
            return
        self.stamps.open_to = time.perf_counter_ns()  # with a tunnel, `connect` is the way to the target and not to the proxy
        self._begin_tls()

    def _read_tls(self, data: bytes, moment: int) -> None:
        connection = self.connection
        assert connection is not None
        assert connection.tls is not None
        assert connection.incoming is not None
        if data:
            connection.incoming.write(data)
        else:
            connection.incoming.write_eof()
        if self.stage == "tls":
            self._shake_on(data)
            if self.stage == "tls" or self._done.done():
                return
        while not self._done.done():
            try:
                plain = connection.tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:  # tickets come after the handshake: bytes, but no answer yet
                break
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self._ended(moment)
                return
            except ssl.SSLError as error:
                self._alert(error)
                return
            if not plain:
                self._ended(moment)
                return
            self._take(plain, moment)
        if not data and not self._done.done():
            self._ended(moment)
        elif connection.outgoing is not None and connection.outgoing.pending:
            self._push(connection.outgoing.read())

    def _shake_on(self, data: bytes) -> None:
        self._shake()
        if self.stage == "tls" and not data and not self._done.done():
            self._fail(TargetError, "tls.handshake_failed", "the server closed the connection during the TLS handshake")

    def _alert(self, error: ssl.SSLError) -> None:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if not self.reader.has_begun and "alert" in reason:  # TLS 1.3: a refused client certificate is told after our Finished
            self._fail(TargetError, "tls.handshake_failed", f"the server ended TLS after the handshake: {reason}")
        else:
            self._fail(TargetError, "http.malformed", f"TLS broke in the middle of the exchange: {reason}")

    def _take(self, data: bytes, moment: int) -> None:
        stamps = self.stamps
        if self.stage == "send":  # it answers before it has read all: what was sent until now is `send`
            stamps.send_to = min(moment, time.perf_counter_ns())
            self._out = memoryview(b"")
            self._on_opened()
        self.stage = "receive"
        interim = len(self.reader.interim)
        if not stamps.first:
            stamps.first = moment
        stamps.last = max(moment, stamps.first)
        try:
            self.reader.feed(data)
        except Malformed as error:
            self._fail(TargetError, "http.malformed", f"the answer is not HTTP/1.1: {error}")
        except HeadTooLarge as error:
            self._fail(TargetError, "http.head_too_large", f"the answer is refused: {error}")
        except BodyTooLarge as error:
            self._fail(TargetError, "http.body_too_large", f"the answer is refused: {error}")
        else:
            if len(self.reader.interim) > interim and not self.reader.has_final:
                stamps.first = stamps.last = 0  # interim answers do not end the wait
                self.stage = "wait"
            if self.reader.is_complete:
                self._finish()

    def _ended(self, moment: int) -> None:
        """The peer closed its side."""
        if self.reader.eof():
            self.stamps.last = max(self.stamps.last, self.stamps.first)
            self._finish()
        elif not self.reader.has_begun:
            self._fail(TargetError, "http.closed", "the server closed the connection without an answer")
        else:
            self._fail(TargetError, "http.truncated", f"the answer was cut short after {len(self.reader.body)} bytes of its body")


def _address_text(address: tuple[Any, ...]) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
