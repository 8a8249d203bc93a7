"""HTTP for the kinds: httpx is the language (requests, auth flows, redirects, cookies), `adapters.wire` makes the exchange.

The only module that imports httpx, and only inside functions. Two levels: a request without auth flow, redirects or
cookies goes straight to the transport; everything else through `httpx.AsyncClient.send` with the same transport. Both
give the same figures.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slocheck import __version__
from slocheck.adapters import wire
from slocheck.adapters.answer import Reader
from slocheck.adapters.wire import Connection, Flight, Goal, Slots, Stamps
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import FindingKind, Phases, Severity

if TYPE_CHECKING:
    import httpx

USER_AGENT = f"slocheck/{__version__}"
ACCEPT_ENCODING = "gzip, deflate, br, zstd"


def _theirs(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.FAIL, means=means, who=who, mend=mend)


def _ours(means: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.INFO, means=means, who="coverage only: the outcome is unknown, neither up nor down", mend=mend)


FINDINGS: Mapping[str, FindingKind] = {
    "dns.not_found": _theirs("the host's name has no address in DNS", "everybody", "add or renew the record"),
    "connect.refused": _theirs("the host is there and nothing listens on the port", "everybody", "start the server; look at its log"),
    "connect.timeout": _theirs("the host did not answer the connection in time", "everybody", "firewall, routing, or an overloaded host"),
    "connect.reset": _theirs("the host broke off the connection while it was opened", "everybody", "a full accept queue or a firewall that rejects"),
    "tls.handshake_failed": _theirs("the TLS handshake failed for another reason than trust", "every TLS client, or those without a certificate", "protocol versions, ciphers, client certificates, or plain HTTP on the port"),
    "tls.untrusted": _theirs("the certificate cannot be verified", "every client that verifies, which is every browser", "chain, name or date: the message has OpenSSL's reason"),
    "tls.timeout": _theirs("the TLS handshake did not end in time", "everybody", "an overloaded server, or a port that speaks something else"),
    "http.timeout": _theirs("the answer did not come, or did not end, in time", "everybody", "the message says which: waiting is the application's time, receiving the network's or a slow writer's"),
    "http.reset": _theirs("the connection was reset before the answer ended", "everybody", "a crashed worker, or a proxy's timeout"),
    "http.closed": _theirs("the server closed the connection without an answer", "everybody", "a crashed worker, or a keep-alive that ended"),
    "http.truncated": _theirs("the answer ended before its declared length", "everybody: clients see half a document", "a crashed worker, or a wrong Content-Length"),
    "http.malformed": _theirs("the bytes are not an HTTP/1.1 answer", "strict clients and proxies", "another protocol on the port, or a broken proxy"),
    "http.head_too_large": _theirs("the answer's head passed its limit", "clients with limits", "cookies or headers that grow without end"),
    "http.body_too_large": _theirs("the answer's body passed its limit, also after decoding", "clients with limits", "page the answer, or raise the check's size limit"),
    "http.decode": _theirs("the body cannot be decoded as its Content-Encoding says", "every client that asked for compression", "a proxy that compresses twice or cuts"),
    "http.too_many_redirects": _theirs("there were more redirects than the check allows", "everybody who follows them", "look for a loop between http and https"),
    "proxy.refused": _theirs("the declared proxy did not open the way", "whoever uses this proxy", "the proxy's access rules; the target was not reached"),
    "proxy.timeout": _theirs("the declared proxy did not answer in time", "whoever uses this proxy", "the proxy; the target was not reached"),
    "prober.dns": _ours("our resolver failed or was silent", "this machine's /etc/resolv.conf; `slocheck doctor`"),
    "prober.no_route": _ours("this machine has no way to the address", "this machine's network"),
    "prober.resources": _ours("this machine is out of files, ports or buffers", "ulimit -n, or fewer checks at once"),
    "prober.late": _ours("our own process was too slow to know whether the target kept its time", "give the machine more room, or probe less at once"),
    "prober.trust": _ours("a CA or client certificate file on this side cannot be used", "the file that the message names"),
    "prober.http2": _ours("HTTP/2 was asked for, which this version does not speak yet", "remove http2: true"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How to get there. One SSLContext is made per distinct (verify, ca_file, client_cert) and process.

    `proxy` is http://[user:password@]host:port: CONNECT for https, absolute form for http; the environment's proxy
    variables are not read. `resolve` is an address (or address:port) to connect to instead of asking DNS; Host and SNI
    are kept. `family` is 0 (any), 4 or 6.
    """

    verify: bool = True
    ca_file: str = ""
    client_cert: tuple[str, str] | None = None
    proxy: str = field(default="", repr=False)
    resolve: str = ""
    family: int = 0
    http2: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps on one answer; the body's cap holds after decoding, too."""

    head_bytes: int = 65_536
    body_bytes: int = 10_000_000


DIRECT, CAPS = Route(), Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer. `headers` keeps order and doubles, names in lower case. `body` is decoded."""

    method: str
    url: str
    status: int
    reason: str
    http_version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    body_bytes: int  # as received, before decoding
    phases: Phases
    latency_us: int
    started_ms: int
    clock: str  # kernel | user
    address: str = ""  # ip:port that answered
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: bytes = b""
    is_reused: bool = False
    tls: Mapping[str, Any] = field(default_factory=dict)  # version, cipher

    def header(self, name: str) -> str | None:
        """The first value of that header, None if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


class Warm:
    """Keeps one connection between calls of `Http.send(reuse=…)`."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def _httpx() -> Any:
    """httpx without its own command line: that imports click, rich and pygments where they are installed (98 of 233 ms).

    httpx takes its no-CLI branch when `httpx._main` cannot be imported; None in sys.modules says so.
    """
    if "httpx" not in sys.modules:
        sys.modules["httpx._main"] = None  # type: ignore[assignment]
    import httpx

    return httpx


class Http:
    """The exchanges of one run: shared TLS contexts, slots for opening connections, caps. Close it with `aclose`."""

    def __init__(self, *, opening: int = 8, per_host: int = 3, in_flight: int = 64) -> None:
        self._slots = Slots(opening=opening, per_host=per_host, in_flight=in_flight)
        self._queued: dict[Any, float] = {}
        self._warm: list[Warm] = []

    def queued(self, task: Any) -> float:
        """Seconds that this task has waited for a slot so far: they are ours and extend its timeout."""
        return self._queued.get(task, 0.0)

    def warm(self) -> Warm:
        """A token that keeps one connection between calls of `send(reuse=token)`."""
        token = Warm()
        self._warm.append(token)
        return token

    async def aclose(self) -> None:
        for token in self._warm:
            token.close()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None,
        json: Any = None, form: Mapping[str, Any] | None = None, body: bytes | str | None = None,
    ) -> httpx.Request:
        """Builds the request, with slocheck's own User-Agent and Accept-Encoding unless given. Raises ValueError."""
        httpx = _httpx()
        merged = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": ACCEPT_ENCODING}
        merged.update({k.lower(): v for k, v in (headers or {}).items()})
        for name, value in merged.items():
            if any(c in name + value for c in "\r\n\0"):
                raise ValueError(f"header {name[:60]!r} holds a line break")
        try:
            address = httpx.URL(url)
            if params:
                address = address.copy_merge_params({k: str(v) for k, v in params.items()})
            request = httpx.Request(method, address, headers=merged, json=json, data=form, content=body)
        except (httpx.InvalidURL, TypeError, UnicodeError) as error:
            raise ValueError(str(error)) from None
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise ValueError(f"{urlsplit(url).scheme or 'no scheme'}: an address begins with http:// or https:// and a host")
        return request  # type: ignore[no-any-return]

    async def send(
        self, request: httpx.Request, *, deadline_ns: int, route: Route = DIRECT, limits: Limits = CAPS,
        auth: httpx.Auth | None = None, redirects: int = 0, cookies: Mapping[str, str] | None = None,
        reuse: Warm | None = None,
    ) -> tuple[Exchange, ...]:
        """Sends it and returns every exchange, redirects and auth round trips included, the answer last.

        `deadline_ns` is on `time.perf_counter_ns`; waiting for a slot does not count. Raises TargetError or ProberError
        with `phases` as far as it came and `facts` {"stage", "address", ...}.
        """
        if route.http2:
            raise ProberError("prober.http2", "http2 is not spoken yet", facts={"stage": "connect"})
        log: list[Exchange] = []
        trip = _Trip(self, route, limits, deadline_ns, reuse, log)
        if auth is None and not redirects and not cookies:
            await trip.fly(request)
            return tuple(log)
        httpx = _httpx()
        client = httpx.AsyncClient(
            transport=_transport(trip), trust_env=False, cookies=dict(cookies or {}), max_redirects=redirects or 1,
        )
        try:
            await client.send(request, auth=auth, follow_redirects=bool(redirects))
        except httpx.TooManyRedirects:
            raise TargetError(
                "http.too_many_redirects", f"over {redirects} redirects", facts={"stage": "receive", "exchanges": len(log)},
                phases=log[-1].phases if log else None,
            ) from None
        except httpx.InvalidURL as error:
            raise TargetError("http.malformed", f"it redirects to an address that is none: {error}", facts={"stage": "receive"}) from None
        return tuple(log)

    # --- for the trip ---
    async def _take(self, host: str, token: object) -> int:
        """Waits for a slot; returns the nanoseconds waited."""
        start = time.perf_counter_ns()
        await self._slots.take(host, token)
        waited = time.perf_counter_ns() - start
        task = asyncio.current_task()
        self._queued[task] = self._queued.get(task, 0.0) + waited / 1e9
        return waited


def _transport(trip: _Trip) -> Any:
    httpx = _httpx()

    class Transport(httpx.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            exchange = await trip.fly(request)
            # What httpx decides with (auth flows, redirects, cookies) needs the decoded body and no Content-Encoding.
            headers = [(k, v) for k, v in exchange.headers if k not in ("content-encoding", "transfer-encoding", "content-length")]
            return httpx.Response(exchange.status, headers=headers, content=exchange.body)

    return Transport()


@dataclass(slots=True)
class _Trip:
    """One `send`: its exchanges share route, limits and deadline."""

    http: Http
    route: Route
    limits: Limits
    deadline_ns: int
    reuse: Warm | None
    log: list[Exchange]

    async def fly(self, request: Any) -> Exchange:
        body = await _body_of(request)
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        is_tls, proxy = url.scheme == "https", self.route.proxy
        payload = _head_of(request, absolute=bool(proxy) and not is_tls, proxy=proxy) + body
        token, host = object(), f"{url.host}:{port}"
        self.deadline_ns += await self.http._take(host, token)  # noqa: SLF001 - one class in two pieces
        try:
            flight, is_reused, started_ms = await self._exchange(request, url, port, payload, token)
        finally:
            self.http._slots.landed(host, token)  # noqa: SLF001
        exchange = _exchange_of(request, body, flight, self.limits, is_reused=is_reused, started_ms=started_ms)
        self.log.append(exchange)
        return exchange

    async def _exchange(self, request: Any, url: Any, port: int, payload: bytes, token: object) -> tuple[Flight, bool, int]:
        goal = self._goal(url, port)
        kept = self._kept(goal)
        stamps, started_ms = Stamps(), time.time_ns() // 1_000_000
        addresses: list[Any] = []
        if kept is None:
            name, at = goal.address or goal.host, goal.port
            addresses = await wire.look_up(name, at, self.route.family, self.deadline_ns, stamps)
            if not addresses:
                raise TargetError("dns.not_found", f"{goal.host} has no address of the wanted family", facts={"stage": "dns"})
        reader = Reader(
            head_only=request.method == "HEAD", head_limit=self.limits.head_bytes, body_limit=self.limits.body_bytes,
        )
        flight = Flight(
            goal, payload, reader=reader, deadline_ns=self.deadline_ns, addresses=addresses, connection=kept, stamps=stamps,
            on_opened=lambda: self.http._slots.opened(token),  # noqa: SLF001
        )
        await flight.run()
        self._keep(flight, goal)
        return flight, kept is not None, started_ms

    def _goal(self, url: Any, port: int) -> Goal:
        route, is_tls = self.route, url.scheme == "https"
        context = wire.context_for(verify=route.verify, ca_file=route.ca_file, client_cert=route.client_cert) if is_tls else None
        host = url.raw_host.decode("ascii").strip("[]")
        if route.proxy:
            proxy = urlsplit(route.proxy)
            tunnel = _connect_head(host, port, route.proxy) if is_tls else b""
            return Goal(host=proxy.hostname or "", port=proxy.port or 8080, context=context, server_name=host, tunnel=tunnel)
        address, at = _resolve(route.resolve, port)
        return Goal(host=host, port=at, address=address, context=context, server_name=host)

    def _kept(self, goal: Goal) -> Connection | None:
        """The connection of the last exchange if it is to the same place and still quiet."""
        if self.reuse is None or self.reuse.connection is None:
            return None
        connection, self.reuse.connection = self.reuse.connection, None
        if connection.key == _key(goal) and connection.is_quiet():
            return connection
        connection.close()
        return None

    def _keep(self, flight: Flight, goal: Goal) -> None:
        connection = flight.connection
        if connection is None:
            return
        if self.reuse is None:
            connection.close()
            return
        connection.key = _key(goal)
        self.reuse.connection = connection


def _key(goal: Goal) -> tuple[Any, ...]:
    return (goal.host, goal.port, goal.address, goal.server_name, goal.context, goal.tunnel)


def _resolve(resolve: str, port: int) -> tuple[str, int]:
    """`10.0.0.1`, `10.0.0.1:8443`, `[::1]:8443` -> (address, port)."""
    if not resolve:
        return "", port
    if resolve.startswith("["):
        address, _, rest = resolve[1:].partition("]")
        return address, int(rest[1:]) if rest[1:] else port
    address, colon, rest = resolve.partition(":")
    return (resolve, port) if not colon or ":" in rest else (address, int(rest))


async def _body_of(request: Any) -> bytes:
    stream = request.stream
    if isinstance(stream, AsyncIterator) or hasattr(stream, "__aiter__"):
        return b"".join([part async for part in stream])
    return b"".join(stream)


def _head_of(request: Any, *, absolute: bool, proxy: str) -> bytes:
    """The request's head; Host first (RFC 9110 section 7.2)."""
    target = str(request.url.copy_with(fragment=None)).encode("ascii") if absolute else request.url.raw_path
    fields = [(k, v) for k, v in request.headers.raw if k.lower() != b"host"]
    host = [(b"Host", request.headers["host"].encode("ascii"))] if "host" in request.headers else []
    if absolute and (credentials := _proxy_credentials(proxy)):
        fields.append((b"Proxy-Authorization", credentials))
    lines = [request.method.encode("ascii") + b" " + target + b" HTTP/1.1", *(k + b": " + v for k, v in host + fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _connect_head(host: str, port: int, proxy: str) -> bytes:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", f"User-Agent: {USER_AGENT}"]
    if credentials := _proxy_credentials(proxy):
        lines.append(f"Proxy-Authorization: {credentials.decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _proxy_credentials(proxy: str) -> bytes:
    from urllib.parse import unquote

    parts = urlsplit(proxy)
    if not parts.username:
        return b""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return b"Basic " + base64.b64encode(pair.encode())


def _exchange_of(request: Any, body: bytes, flight: Flight, limits: Limits, *, is_reused: bool, started_ms: int) -> Exchange:
    reader, phases = flight.reader, flight.stamps.phases()
    raw = reader.body
    answer = Exchange(
        method=request.method, url=str(request.url), status=reader.status, reason=reader.reason, http_version=reader.version,
        headers=tuple(reader.headers), body=raw, body_bytes=len(raw), phases=phases, latency_us=phases.total_us(),
        started_ms=started_ms, clock=flight.stamps.clock, address=flight.address, request_body=body, is_reused=is_reused,
        request_headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw), tls=flight.tls_facts,
    )
    codings = [c.strip().lower() for v in reader.values("content-encoding") for c in v.split(",") if c.strip()]
    if not codings or not raw:
        return answer
    from dataclasses import replace

    from slocheck.adapters.decoding import BodyTooLargeError, UndecodableError, decode

    facts = {"stage": "receive", "address": flight.address, "status": reader.status}
    try:
        return replace(answer, body=decode(raw, codings, limits.body_bytes))
    except BodyTooLargeError as error:
        raise TargetError("http.body_too_large", str(error), phases=phases, facts=facts) from None
    except UndecodableError as error:
        raise TargetError("http.decode", str(error), phases=phases, facts=facts) from None
