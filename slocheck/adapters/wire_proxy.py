"""The proxy on our side: which one, and how it is asked for a tunnel (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import base64
from dataclasses import field
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from slocheck.adapters.wire_names import authority
from slocheck.core.errors import ProberError
from slocheck.core.frozen import frozen


@frozen
class Proxy:
    """`head` has the header lines that it needs (credentials: never print it)."""

    host: str
    port: int
    head: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return authority(self.host, self.port)

    def connect(self, target: str) -> bytes:
        """The request for a tunnel to `target` (host:port)."""
        place = target.encode("ascii")
        return b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + b"\r\n" + self.head + b"\r\n"


@lru_cache(maxsize=256)
def parse_proxy(text: str) -> Proxy | None:
    """`http://[user:password@]host:port`; None for no text. Raises ProberError, which never shows the credentials."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "http" or not host or not host.isascii():
        raise ProberError("prober.proxy", "the proxy must be written http://[user:password@]host:port")
    head = b""
    if parts.username is not None:
        credentials = basic(unquote(parts.username), unquote(parts.password or ""))
        head = b"Proxy-Authorization: " + credentials.encode("ascii") + b"\r\n"
    return Proxy(host=host, port=port or 80, head=head)


def proxy_of_environment(scheme: str, host: str) -> str:
    """What http_proxy, https_proxy, all_proxy and no_proxy say; empty for none."""
    from urllib import request  # its functions for other systems are hidden from type checkers

    if request.proxy_bypass_environment(host):  # type: ignore[attr-defined]
        return ""
    known = request.getproxies_environment()
    return known.get(scheme) or known.get("all") or ""


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
