"""HTTP for the kinds: httpx is the language, the exchange itself runs on `adapters.wire`.

INTERFACE FIRST, body to be written. The only module that imports httpx, and only inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slocheck.core.model import Phases

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How to get there. One SSLContext is made per distinct (ca_file, client_cert, verify) and process."""

    verify: bool = True
    ca_file: str = ""
    client_cert: tuple[str, str] | None = None  # certificate and key files (PEM)
    proxy: str = ""  # http://[user:password@]host:port; HTTP CONNECT for https, absolute form for http
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

    def header(self, name: str) -> str | None:
        """The first value of that header, None if absent."""
        for key, value in self.headers:
            if key == name.lower():
                return value
        return None


class Http:
    """The exchanges of one run: shared TLS contexts, slots for opening connections, caps. Close it with `aclose`."""

    def __init__(self, *, opening: int = 8, per_host: int = 3, in_flight: int = 64) -> None:
        raise NotImplementedError

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None,
        json: Any = None, form: Mapping[str, Any] | None = None, body: bytes | str | None = None,
    ) -> httpx.Request:
        """Builds the request, with slocheck's own User-Agent and Accept-Encoding unless given. Raises ValueError."""
        raise NotImplementedError

    async def send(
        self, request: httpx.Request, *, deadline_ns: int, route: Route = Route(), limits: Limits = Limits(),
        auth: httpx.Auth | None = None, redirects: int = 0, cookies: Mapping[str, str] | None = None,
        reuse: Any = None,
    ) -> tuple[Exchange, ...]:
        """Sends it and returns every exchange, redirects included, the answer last.

        `deadline_ns` is on `time.perf_counter_ns`. `reuse` is a token from `warm()`: its connection is used if it is
        still good (look for pending bytes or EOF first), else a fresh one is opened and `is_reused` is False.
        Raises TargetError or ProberError with `phases` as far as it came and `facts` {"stage", "address", ...}.
        """
        raise NotImplementedError

    def warm(self) -> Any:
        """A token that keeps one connection between calls of `send(reuse=token)`."""
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError
