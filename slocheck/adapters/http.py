"""HTTP for the kinds: httpx is the language, the exchange itself runs on `adapters.wire`.

The only module that imports httpx, and only inside functions. Two levels on one wire: a request without auth flow,
redirects and cookies goes straight to it, and where its address is plain httpx is not even imported (`adapters.plain`);
everything else goes through `httpx.AsyncClient.send` with a transport that ends in the same place. Proxy variables of
the environment count only where a route says `proxy: environment`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from slocheck import __version__
from slocheck.adapters import plain, wire_tls
from slocheck.adapters import wire_faults as faults
from slocheck.adapters.wire import Ask, Heard, Way
from slocheck.adapters.wire_decode import ACCEPTED, decode
from slocheck.adapters.wire_dispatch import Dispatch, Warm
from slocheck.adapters.wire_names import Address, parse_resolve
from slocheck.adapters.wire_proxy import Proxy, basic, parse_proxy, proxy_of_environment
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.frozen import frozen
from slocheck.core.model import FindingKind, Phases

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

    Request = plain.Request | httpx.Request

FINDINGS: Mapping[str, FindingKind] = faults.FINDINGS
"""What an exchange can fail with: kinds that use `Http` merge these into their own."""

USER_AGENT = f"slocheck/{__version__} (+https://github.com/slocheck/slocheck)"
FROM_ENVIRONMENT = "environment"
_STANDING = {"user-agent": ("User-Agent", USER_AGENT), "accept": ("Accept", "*/*"), "accept-encoding": ("Accept-Encoding", ACCEPTED)}
_NOT_FOR_HTTPX = ("httpx._main", "brotli", "brotlicffi", "zstandard")
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_HOST = re.compile(rb"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.]+")
_LAST_PORT = 65_535
_TARGET = re.compile(rb"[!-~]+")
_OF_THE_WIRE = ("content-encoding", "transfer-encoding", "content-length")
_DECODE_IN_THREAD = 65_536  # a body larger than this is decoded beside the loop, which must stay punctual


@frozen
class Route:
    """How to get there. One SSLContext is made per distinct (ca_file, client_cert, verify) and process."""

    verify: bool = True
    ca_file: str = ""  # PEM file or hashed folder; replaces the system's trust store
    client_cert: tuple[str, str] | None = None  # certificate and key files (PEM); the key may be "" if it is in the first
    proxy: str = field(default="", repr=False)  # http://[user:password@]host:port, or `environment`; CONNECT for https
    resolve: str = ""  # an address (or address:port) to connect to instead of asking DNS; Host and SNI are kept
    family: int = 0  # 0 any, 4, 6
    http2: bool = False


@frozen
class Limits:
    head_bytes: int = 65_536
    body_bytes: int = 10_000_000  # after decoding, too


_ANY_ROUTE, _LIMITS = Route(), Limits()


@frozen
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
    request_fields: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)  # as they were sent
    request_body: bytes = b""
    is_reused: bool = False
    tls: Mapping[str, Any] = field(default_factory=dict)  # version, cipher
    proxy: str = ""  # host:port of the proxy: connect and tls are then those of its tunnel
    interim: tuple[int, ...] = ()  # status codes of the 1xx answers before it
    lag_us: int = 0  # how late our own loop was at worst meanwhile; compare it with the timeout before calling a target slow

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...]:
        """The fields of the request, names in lower case."""
        return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.request_fields)

    def header(self, name: str) -> str | None:
        """The first value of that header, None if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


@lru_cache(maxsize=1)
def load_httpx() -> ModuleType:
    """httpx without what it imports only because it is installed: its command line (click, rich, pygments: 98 ms) and decoders.

    With an empty entry in `sys.modules` it takes its own branch for machines without them; nothing stays behind. The wire
    decodes bodies itself.
    """
    if "httpx" not in sys.modules:
        absent = [name for name in _NOT_FOR_HTTPX if name not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
        try:
            import httpx
        finally:
            for name in absent:
                del sys.modules[name]
    import httpx

    return httpx


class Http:
    """The exchanges of one run: shared TLS contexts, slots for opening connections, caps. Close it with `aclose`.

    `opening` counts exchanges that are opening (connect, TLS, send), `in_flight` all, `per_host` those to one host.
    """

    def __init__(self, *, opening: int = 8, per_host: int = 3, in_flight: int = 64) -> None:
        self._dispatch = Dispatch(opening=opening, per_host=per_host, in_flight=in_flight)
        self._warm: list[Warm] = []

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None,
        json: Any = None, form: Mapping[str, Any] | None = None, body: bytes | str | None = None,
    ) -> Request:
        """Builds the request, with slocheck's own User-Agent and Accept-Encoding unless given. Raises ValueError.

        `params` are added to the query of `url`. Credentials in `url` become basic auth and leave the address.
        """
        if sum(part is not None for part in (json, form, body)) > 1:
            raise ValueError("a request has one body: json, form or body")
        sent = dict(_STANDING)  # by lower name; what goes out keeps the case in which it was written
        simple, fields = plain.asked(url, params), plain.pairs(form or {})
        if simple is not None and fields is not None:
            sent.update((name.lower(), (name, value)) for name, value in (headers or {}).items())
            request = plain.Request(method, simple, sent.values(), body=body, json=json, form=fields)
            return _sendable(request, has_headers=bool(headers))
        address = _address(url)
        if address.userinfo:
            sent["authorization"] = "Authorization", basic(address.username, address.password)
            address = address.copy_with(username=None, password=None)
        if params:
            address = address.copy_merge_params(dict(params))
        sent.update((name.lower(), (name, value)) for name, value in (headers or {}).items())
        return _sendable(load_httpx().Request(
            method, address, headers=list(sent.values()), content=body, json=json, data=dict(form) if form is not None else None,
        ), has_headers=bool(headers))

    async def send(
        self, request: Request, *, deadline_ns: int, route: Route = _ANY_ROUTE, limits: Limits = _LIMITS,
        auth: httpx.Auth | None = None, redirects: int = 0, cookies: Mapping[str, str] | None = None,
        reuse: Any = None,
    ) -> tuple[Exchange, ...]:
        """Sends it and returns every exchange, redirects included, the answer last.

        `deadline_ns` is on `time.perf_counter_ns`; it moves by what the exchange waits in our own queues (`queued`).
        `reuse` is a token from `warm()`: its connection is used if it is still good, else a fresh one is opened and
        `is_reused` is False. Raises TargetError or ProberError with `phases` as far as it came and `facts`
        {"stage", "address", ...}.
        """
        trip = _Trip(self._dispatch, deadline_ns, route, limits, reuse, redirects)
        if auth is None and not redirects and not cookies:
            await trip.exchange(request)
        else:
            await self._send_through_client(trip, request, auth, redirects, cookies)
        return tuple(trip.exchanges)

    async def _send_through_client(
        self, trip: _Trip, request: Request, auth: httpx.Auth | None, redirects: int, cookies: Mapping[str, str] | None,
    ) -> None:
        """httpx's own flows over our wire. A client of its own for each: its cookie jar belongs to one check only."""
        httpx = load_httpx()
        if isinstance(request, plain.Request):
            request = httpx.Request(request.method, str(request.url), headers=request.headers.raw, content=request.content)
        jar = httpx.Cookies()
        for name, value in (cookies or {}).items():
            jar.set(name, value, domain=_cookie_domain(request.url.host))
        if cookies:
            jar.set_cookie_header(request)
        client = httpx.AsyncClient(  # redirects are counted by the trip: httpx would count steps of an auth flow as well
            transport=_transport()(trip), trust_env=False, follow_redirects=redirects > 0, max_redirects=sys.maxsize, cookies=jar,
        )
        try:
            await client.send(request, auth=auth)
        except (httpx.UnsupportedProtocol, httpx.RemoteProtocolError, httpx.InvalidURL) as error:
            raise trip.dressed(TargetError("http.bad_redirect", "the redirect does not lead to an HTTP address")) from error
        except (httpx.HTTPError, ValueError, KeyError) as error:  # an auth flow that cannot go on: digest without a nonce, say
            if auth is None:
                raise
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
        self, dispatch: Dispatch, deadline_ns: int, route: Route, limits: Limits, warm: Warm | None,
        redirects: int,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._origin: tuple[str, int] | None = None
        self._dispatch = dispatch
        self._deadline_ns = deadline_ns
        self._route = route
        self._limits = limits
        self._warm = warm
        self._redirects = redirects

    async def exchange(self, request: Request) -> Exchange:
        """One exchange, added to `exchanges`."""
        way, address = self._way(request.url)
        body = request.content if isinstance(request, plain.Request) else await request.aread()
        plain_proxy = way.proxy if way.tls is None else None
        try:
            head = _head(request, size=len(body), proxy=plain_proxy, keep_alive=self._warm is not None)
        except ValueError as error:
            raise ProberError("prober.request", f"the request cannot be sent: {error}") from error
        ask = Ask(method=request.method, head=head, body=body, head_cap=self._limits.head_bytes, body_cap=self._limits.body_bytes)
        heard, lag_ns = await self._dispatch.exchange(
            way, ask, deadline_ns=self._deadline_ns, address=address, family=self._route.family, warm=self._warm,
        )
        made = _exchange(request, way, ask, heard, lag_ns)
        if plain_proxy and made.status == 407:  # of a tunnel's 407 the wire knows
            raise _dressed(faults.of_proxy_answer(made.status), made)
        made = await self._decoded(made)
        self.exchanges.append(made)
        return made

    async def step(self, request: httpx.Request) -> Exchange:
        """The next exchange of a flow: redirects are counted."""
        if len([made for made in self.exchanges if _is_redirect(made)]) > self._redirects:
            raise self.dressed(TargetError("http.too_many_redirects", f"more than {self._redirects} redirects"))
        return await self.exchange(request)

    def _way(self, url: httpx.URL | plain.Address) -> tuple[Way, Address | None]:
        route = self._route
        if route.http2:
            raise ProberError("prober.http2", "HTTP/2 is not spoken yet; remove http2 from the check")
        if url.scheme not in _PORTS or not _HOST.fullmatch(url.raw_host) or (url.port or 0) > _LAST_PORT:
            raise TargetError("http.bad_redirect", "the redirect does not lead to an HTTP address")
        host, port = url.raw_host.decode("ascii"), _PORTS[url.scheme] if url.port is None else url.port
        tls = None
        if url.scheme == "https":
            tls = wire_tls.context(verify=route.verify, ca_file=route.ca_file, client_cert=route.client_cert)
        proxy = parse_proxy(proxy_of_environment(url.scheme, url.host) if route.proxy == FROM_ENVIRONMENT else route.proxy)
        if proxy and route.resolve:
            raise ProberError("prober.proxy", "proxy and resolve do not go together: the proxy looks the name up")
        return Way(host=host, port=port, tls=tls, proxy=proxy), self._pinned(host, port)

    def _pinned(self, host: str, port: int) -> Address | None:
        """`resolve` is for the host that was asked first: a redirect elsewhere asks DNS."""
        self._origin = self._origin or (host, port)
        pinned = parse_resolve(self._route.resolve, port)
        is_for_it = pinned and self._origin[0] == host and port in (self._origin[1], pinned.sockaddr[1])
        return pinned if is_for_it else None

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
            raise _dressed(error, made) from error.__cause__
        from dataclasses import replace

        return replace(made, body=body)

    def dressed(self, error: ProbeError) -> ProbeError:
        """The error of a flow, with what its last exchange showed."""
        return _dressed(error, self.exchanges[-1]) if self.exchanges else error


def _exchange(request: Request, way: Way, ask: Ask, heard: Heard, lag_ns: int) -> Exchange:
    answer, phases = heard.answer, heard.phases
    return Exchange(
        method=request.method, url=_public(request.url), status=answer.status, reason=_text(answer.reason),
        http_version=answer.version, headers=tuple((name.decode("ascii").lower(), _text(value)) for name, value in answer.headers),
        body=answer.body, body_bytes=len(answer.body), phases=phases, latency_us=phases.total_us(),
        started_ms=heard.started_ms, clock=heard.clock, address=heard.address,
        request_fields=tuple(request.headers.raw),
        request_body=ask.body, is_reused=heard.is_reused, tls=heard.tls, proxy=str(way.proxy or ""),
        interim=answer.interim, lag_us=lag_ns // 1000,
    )


def _is_redirect(made: Exchange) -> bool:
    return made.status in (301, 302, 303, 307, 308) and made.header("location") is not None


def _dressed(error: ProbeError, last: Exchange) -> ProbeError:
    """An error that came after an answer, with what that answer showed."""
    error.phases = last.phases
    error.facts = {"stage": "receive", "address": last.address, "status": last.status}
    return error


@lru_cache(maxsize=1024)
def _address(text: str) -> httpx.URL:
    """Raises ValueError for what is no address of HTTP."""
    library = load_httpx()
    try:
        url: httpx.URL = library.URL(text)
        host = url.raw_host
    except (library.InvalidURL, UnicodeError) as error:
        raise ValueError(f"not an address: {error}") from error
    if url.scheme not in _PORTS or not host:
        raise ValueError("not an address: it must begin with http:// or https:// and name a host")
    if not _HOST.fullmatch(host) or (url.port or 0) > _LAST_PORT:
        raise ValueError("not an address: its host holds a character that no name has, or its port is above 65535")
    return url


@lru_cache(maxsize=1)
def _transport() -> type[Any]:
    """The class through which httpx hands over to the wire."""
    library = load_httpx()

    class WireTransport(library.AsyncBaseTransport):  # type: ignore[name-defined,misc]
        def __init__(self, trip: _Trip) -> None:
            self._trip = trip

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            made = await self._trip.step(request)
            # The body is decoded and whole already: what says otherwise must not make httpx decode it again.
            headers = [(k.encode(), v.encode()) for k, v in made.headers if k not in _OF_THE_WIRE]
            response: httpx.Response = library.Response(
                made.status, headers=headers, content=made.body, extensions={"reason_phrase": made.reason.encode()},
            )
            return response

    return WireTransport


def _sendable(request: Request, *, has_headers: bool) -> Request:
    """The request, or ValueError at once for what can never be sent."""
    if has_headers or not (request.method.isascii() and request.method.isalpha()):
        _head(request, size=len(request.content))
    return request


def _head(request: Request, *, size: int, proxy: Proxy | None = None, keep_alive: bool = True) -> bytes:
    """The head as bytes (RFC 9112 section 3.2), in absolute form for a `proxy`; `size` is that of the body.

    Raises ValueError for what would end a line early.
    """
    url, method = request.url, request.method.encode()
    target = url.scheme.encode() + b"://" + url.netloc + url.raw_path if proxy else url.raw_path
    if not _TARGET.fullmatch(target) or not _NAME.fullmatch(method):
        raise ValueError("the method or address holds a character that HTTP does not allow")
    fields = request.headers.raw
    names = [name.lower() for name, _ in fields]
    _check(fields, names, size)
    lines = [method + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in fields if name.lower() != b"transfer-encoding"]
    if b"transfer-encoding" in names and b"content-length" not in names:
        lines.append(b"Content-Length: %d" % size)  # the body is whole: it goes with its length
    if not keep_alive and b"connection" not in names:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n" + (proxy.head if proxy else b"") + b"\r\n"


def _check(fields: Sequence[tuple[bytes, bytes]], names: Sequence[bytes], size: int) -> None:
    """Raises ValueError for a header that would end its line early, or that lies about the body of `size` bytes."""
    are_sound = _NAME.fullmatch(b"".join(names)) and _VALUE.fullmatch(b"".join([value for _, value in fields])) and b"" not in names
    if not are_sound:
        wrong = next(name for name, value in fields if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value))
        raise ValueError(f"the header {wrong.decode('latin-1')!a} holds a line break or a control character")
    if b"content-length" in names:
        said = fields[names.index(b"content-length")][1]
        if said != b"%d" % size:
            raise ValueError(f"the header Content-Length says {said.decode('latin-1')}, but the body has {size} bytes")


def _cookie_domain(host: str) -> str:
    """As http.cookiejar names the domain of a host, so that a cookie never leaves for another one."""
    return host if "." in host else f"{host}.local"


def _public(url: httpx.URL | plain.Address) -> str:
    return str(url) if isinstance(url, plain.Address) or not url.userinfo else str(url.copy_with(username=None, password=None))


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
