"""HTTP for the kinds: httpx is the language, the exchange itself runs on `adapters.wire`.

The only module that imports httpx, and only inside functions. Two levels on one wire: a request without auth flow,
redirects and cookies goes straight to it; everything else goes through `httpx.AsyncClient.send` with a transport that
ends in the same place. Proxy variables of the environment count only where a route says `proxy: environment`.
"""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from slocheck import __version__
from slocheck.adapters import wire_faults as faults
from slocheck.adapters import wire_tls
from slocheck.adapters.wire import Ask, Heard, Proxy, Way
from slocheck.adapters.wire_decode import ACCEPTED, decode
from slocheck.adapters.wire_dispatch import Dispatch, Warm
from slocheck.adapters.wire_names import Address, literal
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.model import FindingKind, Phases

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

FINDINGS: Mapping[str, FindingKind] = faults.FINDINGS
"""What an exchange can fail with: kinds that use `Http` merge these into their own."""

USER_AGENT = f"slocheck/{__version__} (+https://github.com/slocheck/slocheck)"
FROM_ENVIRONMENT = "environment"
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(rb"[!-~]+")
_DECODE_IN_THREAD = 65_536  # a body larger than this is decoded beside the loop, which must stay punctual


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How to get there. One SSLContext is made per distinct (ca_file, client_cert, verify) and process."""

    verify: bool = True
    ca_file: str = ""  # PEM file or hashed folder; replaces the system's trust store
    client_cert: tuple[str, str] | None = None  # certificate and key files (PEM); the key may be "" if it is in the first
    proxy: str = field(default="", repr=False)  # http://[user:password@]host:port, or `environment`; CONNECT for https
    resolve: str = ""  # an address (or address:port) to connect to instead of asking DNS; Host and SNI are kept
    family: int = 0  # 0 any, 4, 6
    http2: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    head_bytes: int = 65_536
    body_bytes: int = 10_000_000  # after decoding, too


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
    proxy: str = ""  # host:port of the proxy: connect and tls are then those of its tunnel
    interim: tuple[int, ...] = ()  # status codes of the 1xx answers before it
    lag_us: int = 0  # how late our own loop was meanwhile; compare it with the timeout before calling a target slow

    def header(self, name: str) -> str | None:
        """The first value of that header, None if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


@lru_cache(maxsize=1)
def load_httpx() -> ModuleType:
    """httpx without its own command line, which it imports (click, rich, pygments: 98 ms) when these are installed.

    With this entry in `sys.modules` it takes its own branch for machines without them; nothing stays behind.
    """
    if "httpx" not in sys.modules:
        sys.modules["httpx._main"] = None  # type: ignore[assignment]
        try:
            import httpx
        finally:
            del sys.modules["httpx._main"]
    import httpx

    return httpx


class Http:
    """The exchanges of one run: shared TLS contexts, slots for opening connections, caps. Close it with `aclose`.

    `opening` counts exchanges that are opening (connect, TLS, send), `in_flight` all, `per_host` those to one host.
    """

    def __init__(self, *, opening: int = 8, per_host: int = 3, in_flight: int = 64) -> None:
        self._httpx = load_httpx()
        self._dispatch = Dispatch(opening=opening, per_host=per_host, in_flight=in_flight)
        self._warm: list[Warm] = []

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None,
        json: Any = None, form: Mapping[str, Any] | None = None, body: bytes | str | None = None,
    ) -> httpx.Request:
        """Builds the request, with slocheck's own User-Agent and Accept-Encoding unless given. Raises ValueError.

        `params` are added to the query of `url`. Credentials in `url` become basic auth and leave the address.
        """
        if sum(part is not None for part in (json, form, body)) > 1:
            raise ValueError("a request has one body: json, form or body")
        address = self._url(url)
        sent = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": ACCEPTED}
        all_headers = self._httpx.Headers(sent)
        all_headers.update(dict(headers or {}))
        if address.userinfo:
            all_headers.setdefault("Authorization", _basic(address.username, address.password))
            address = address.copy_with(username=None, password=None)
        if params:
            address = address.copy_merge_params(dict(params))
        request: httpx.Request = self._httpx.Request(
            method, address, headers=all_headers, content=body, json=json, data=dict(form) if form is not None else None,
        )
        _head(request, size=0)  # to refuse at once what can never be sent
        return request

    def _url(self, text: str) -> Any:
        try:
            url = self._httpx.URL(text)
            host = url.raw_host
        except (self._httpx.InvalidURL, UnicodeError) as error:
            raise ValueError(f"not an address: {error}") from error
        if url.scheme not in _PORTS or not host:
            raise ValueError("not an address: it must begin with http:// or https:// and name a host")
        return url

    async def send(
        self, request: httpx.Request, *, deadline_ns: int, route: Route = Route(), limits: Limits = Limits(),
        auth: httpx.Auth | None = None, redirects: int = 0, cookies: Mapping[str, str] | None = None,
        reuse: Any = None,
    ) -> tuple[Exchange, ...]:
        """Sends it and returns every exchange, redirects included, the answer last.

        `deadline_ns` is on `time.perf_counter_ns`; it moves by what the exchange waits in our own queues (`queued`).
        `reuse` is a token from `warm()`: its connection is used if it is still good, else a fresh one is opened and
        `is_reused` is False. Raises TargetError or ProberError with `phases` as far as it came and `facts`
        {"stage", "address", ...}.
        """
        trip = _Trip(self._httpx, self._dispatch, deadline_ns, route, limits, reuse)
        if auth is None and not redirects and not cookies:
            await trip.exchange(request)
        else:
            await self._send_through_client(trip, request, auth, redirects, cookies)
        return tuple(trip.exchanges)

    async def _send_through_client(
        self, trip: _Trip, request: httpx.Request, auth: httpx.Auth | None, redirects: int, cookies: Mapping[str, str] | None,
    ) -> None:
        """httpx's own flows over our wire. A client of its own for each: its cookie jar belongs to one check only."""
        httpx = self._httpx
        jar = httpx.Cookies()
        for name, value in (cookies or {}).items():
            jar.set(name, value, domain=_cookie_domain(request.url.host))
        if cookies:
            jar.set_cookie_header(request)
        client = httpx.AsyncClient(
            transport=_make_transport(httpx, trip), trust_env=False, follow_redirects=redirects > 0, max_redirects=redirects, cookies=jar,
        )
        try:
            await client.send(request, auth=auth)
        except httpx.TooManyRedirects as error:
            raise trip.dressed(TargetError("http.too_many_redirects", f"more than {redirects} redirects")) from error
        except (httpx.UnsupportedProtocol, httpx.RemoteProtocolError, httpx.InvalidURL) as error:
            raise trip.dressed(TargetError("http.bad_redirect", "the redirect does not lead to an HTTP address")) from error
        except httpx.HTTPError as error:  # an auth flow that cannot go on: digest without a nonce, say
            raise trip.dressed(TargetError("http.auth_failed", f"the authentication flow broke off: {type(error).__name__}")) from error

    def queued(self, task: asyncio.Task[Any] | None) -> float:
        """Seconds that the exchanges of this task have waited in our own queues up to now."""
        return self._dispatch.queued(task)

    def warm(self) -> Warm:
        """A token that keeps one connection between calls of `send(reuse=token)`."""
        token = Warm()
        self._warm.append(token)
        return token

    async def aclose(self) -> None:
        for token in self._warm:
            token.close()
        self._dispatch.close()


class _Trip:
    """One `send`: what it may use, and the exchanges it has made."""

    def __init__(
        self, httpx: ModuleType, dispatch: Dispatch, deadline_ns: int, route: Route, limits: Limits, warm: Warm | None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._httpx = httpx
        self._dispatch = dispatch
        self._deadline_ns = deadline_ns
        self._route = route
        self._limits = limits
        self._warm = warm

    async def exchange(self, request: httpx.Request) -> Exchange:
        """One exchange, added to `exchanges`."""
        way, address = self._way(request.url)
        body = await self._body(request)
        plain_proxy = way.proxy if way.tls is None else None
        try:
            head = _head(request, size=len(body), proxy=plain_proxy, keep_alive=self._warm is not None)
        except ValueError as error:
            raise ProberError("prober.request", f"the request cannot be sent: {error}") from error
        ask = Ask(method=request.method, head=head, body=body, head_cap=self._limits.head_bytes, body_cap=self._limits.body_bytes)
        heard, lag_ns = await self._dispatch.exchange(
            way, ask, deadline_ns=self._deadline_ns, address=address, family=self._route.family, warm=self._warm,
        )
        made = await self._exchange(request, way, ask, heard, lag_ns)
        self.exchanges.append(made)
        return made

    async def _body(self, request: httpx.Request) -> bytes:
        try:
            return request.content
        except self._httpx.RequestNotRead:
            return await request.aread()

    def _way(self, url: httpx.URL) -> tuple[Way, Address | None]:
        route = self._route
        if route.http2:
            raise ProberError("prober.http2", "HTTP/2 is not spoken yet; remove http2 from the check")
        if url.scheme not in _PORTS:
            raise TargetError("http.bad_redirect", "the redirect does not lead to an HTTP address")
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        tls = None
        if url.scheme == "https":
            tls = wire_tls.context(verify=route.verify, ca_file=route.ca_file, client_cert=route.client_cert)
        proxy = parse_proxy(_proxy_of_environment(url) if route.proxy == FROM_ENVIRONMENT else route.proxy)
        if proxy and route.resolve:
            raise ProberError("prober.proxy", "proxy and resolve do not go together: the proxy looks the name up")
        return Way(host=host, port=port, tls=tls, proxy=proxy), parse_resolve(route.resolve, port)

    async def _exchange(self, request: httpx.Request, way: Way, ask: Ask, heard: Heard, lag_ns: int) -> Exchange:
        answer = heard.answer
        headers = tuple((name.decode("ascii").lower(), _text(value)) for name, value in answer.headers)
        made = Exchange(
            method=request.method, url=_public(request.url), status=answer.status, reason=_text(answer.reason),
            http_version=answer.version, headers=headers, body=answer.body, body_bytes=len(answer.body), phases=heard.phases,
            latency_us=heard.phases.total_us(), started_ms=heard.started_ms, clock=heard.clock, address=heard.address,
            request_headers=tuple((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in request.headers.raw),
            request_body=ask.body, is_reused=heard.is_reused, tls=heard.tls, proxy=str(way.proxy or ""),
            interim=answer.interim, lag_us=lag_ns // 1000,
        )
        return await self._decoded(made)

    async def _decoded(self, made: Exchange) -> Exchange:
        codings = [c.strip().lower() for k, v in made.headers if k == "content-encoding" for c in v.split(",")]
        if not codings or not made.body:
            return made
        cap = self._limits.body_bytes
        try:
            if len(made.body) > _DECODE_IN_THREAD:
                body = await asyncio.to_thread(decode, made.body, codings, cap=cap)
            else:
                body = decode(made.body, codings, cap=cap)
        except ProbeError as error:
            error.phases = made.phases
            error.facts = {"stage": "receive", "address": made.address, "status": made.status}
            raise
        from dataclasses import replace

        return replace(made, body=body)

    def dressed(self, error: ProbeError) -> ProbeError:
        """The error of a flow, with what its last exchange showed."""
        if self.exchanges:
            last = self.exchanges[-1]
            error.phases, error.facts = last.phases, {"stage": "receive", "address": last.address, "status": last.status}
        return error


def _make_transport(httpx: ModuleType, trip: _Trip) -> httpx.AsyncBaseTransport:
    class WireTransport(httpx.AsyncBaseTransport):  # type: ignore[name-defined,misc]
        """Where httpx hands over to the wire."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            made = await trip.exchange(request)
            # The body is decoded and whole already: what says otherwise must not make httpx decode it again.
            headers = [(k, v) for k, v in made.headers if k not in ("content-encoding", "transfer-encoding", "content-length")]
            return httpx.Response(made.status, headers=headers, content=made.body, extensions={"reason_phrase": made.reason.encode()})

    return WireTransport()


def _head(request: httpx.Request, *, size: int, proxy: Proxy | None = None, keep_alive: bool = True) -> bytes:
    """The head as bytes (RFC 9112 section 3.2), in absolute form for a `proxy`; `size` is that of the body.

    Raises ValueError for what would end a line early.
    """
    url = request.url
    target = url.scheme.encode() + b"://" + url.netloc + url.raw_path if proxy else url.raw_path
    if not _TARGET.fullmatch(target) or not _NAME.fullmatch(request.method.encode()):
        raise ValueError("the method or address holds a character that HTTP does not allow")
    lines = [request.method.encode(), b" ", target, b" HTTP/1.1\r\n"]
    has_connection = False
    for name, value in request.headers.raw:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {ascii(name.decode('latin-1'))} holds a line break or a control character")
        lower = name.lower()
        if lower == b"transfer-encoding":  # the body is whole: it goes with its length
            value = str(size).encode()  # noqa: PLW2901
            name = b"Content-Length"  # noqa: PLW2901
        has_connection = has_connection or lower == b"connection"
        lines += (name, b": ", value, b"\r\n")
    if not has_connection and not keep_alive:
        lines.append(b"Connection: close\r\n")
    if proxy:
        lines.append(proxy.head)
    return b"".join((*lines, b"\r\n"))


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _cookie_domain(host: str) -> str:
    """As http.cookiejar names the domain of a host, so that a cookie never leaves for another one."""
    return host if "." in host else f"{host}.local"


def _public(url: httpx.URL) -> str:
    return str(url.copy_with(username=None, password=None)) if url.userinfo else str(url)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(maxsize=256)
def parse_proxy(text: str) -> Proxy | None:
    """`http://[user:password@]host:port`. Raises ProberError, which never shows the credentials."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "http" or not host:
        raise ProberError("prober.proxy", "the proxy must be written http://[user:password@]host:port")
    head = b""
    if parts.username is not None:
        credentials = _basic(unquote(parts.username), unquote(parts.password or ""))
        head = b"Proxy-Authorization: " + credentials.encode("ascii") + b"\r\n"
    return Proxy(host=host, port=port or 80, head=head)


@lru_cache(maxsize=1024)
def parse_resolve(text: str, port: int) -> Address | None:
    """`address`, `address:port` or `[address]:port`; `port` is used where none is written. Raises ProberError."""
    if not text:
        return None
    whole = literal(text.removeprefix("[").removesuffix("]"), port)
    if whole is not None:
        return whole
    host, _, number = text.rpartition(":")
    address = literal(host.removeprefix("[").removesuffix("]"), int(number)) if number.isdecimal() and len(number) < 6 else None
    if address is None or int(number) > 65_535:
        raise ProberError("prober.request", f"resolve must be an address or address:port, not {text}")
    return address


def _proxy_of_environment(url: httpx.URL) -> str:
    from urllib.request import getproxies_environment, proxy_bypass_environment

    if proxy_bypass_environment(url.host):
        return ""
    known = getproxies_environment()
    return known.get(url.scheme) or known.get("all") or ""
