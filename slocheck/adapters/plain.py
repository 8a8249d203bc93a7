"""Requests that are plain: what httpx would make of them, byte for byte, without importing it.

httpx costs 80 ms of CPU to import and 0.1 ms for each request, and most checks need nothing of it: an ordinary address with
parameters, some headers, at most a body of text, JSON or a form. `address` reads only addresses that every reader takes the same way; all
else (a port or name that must be normalised, credentials, spaces, letters beyond ASCII) is left to httpx.
"""

from __future__ import annotations

import json as notation
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from slocheck.core.frozen import frozen

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
_PART = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"
_ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[a-z0-9][a-z0-9\-_.]*)(?::(?P<port>[1-9][0-9]{{0,4}}))?(?P<path>(?:/{_PART}*)?)(?:\?(?P<query>(?:{_PART}|\?)*))?",
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_LONGEST = 8_192
_HAVE_BODIES = ("POST", "PUT", "PATCH")


@frozen
class Address:
    """An address, with what httpx calls its parts. `port` None: the usual one."""

    text: str
    scheme: str
    host: str
    port: int | None
    netloc: bytes
    raw_path: bytes

    @property
    def raw_host(self) -> bytes:
        return self.host.encode("ascii")

    @property
    def userinfo(self) -> bytes:
        return b""

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def address(text: str) -> Address | None:
    """The address, or None where it is not plain."""
    found = _ADDRESS.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    scheme, host, digits, path, query = found.group("scheme", "host", "port", "path", "query")
    port = int(digits) if digits else None
    if (port or 0) > _LAST_PORT or "/." in path or host.startswith("xn--") or not (_IPV4.fullmatch(host) or host.strip("0123456789.")):
        return None
    if port == _DEFAULT_PORTS[scheme]:
        port = None
    netloc = host if port is None else f"{host}:{port}"
    tail = "" if query is None else f"?{query}"
    return Address(
        text=f"{scheme}://{netloc}{path}{tail}", scheme=scheme, host=host, port=port, netloc=netloc.encode("ascii"),
        raw_path=f"{path or '/'}{tail}".encode("ascii"),
    )


def pairs(values: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """(name, value) of every parameter, or None where httpx has to say how one is written."""
    listed = {name: value if isinstance(value, list | tuple) else (value,) for name, value in values.items()}
    made = [(name, one) for name, many in listed.items() for one in many]
    return made if all(listed.values()) and all(isinstance(part, str) for pair in made for part in pair) else None


def asked(text: str, params: Mapping[str, Any] | None) -> Address | None:
    """The address with these parameters, or None where it is not plain, or has parameters already to merge them with."""
    if not params:
        return address(text)
    listed = pairs(params)
    return address(f"{text}?{urlencode(listed)}") if listed and "?" not in text else None


class Headers:
    """Header fields in their order, each name in the case in which it was written."""

    __slots__ = ("raw",)

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in items]

    def __contains__(self, name: str) -> bool:
        wanted = name.lower().encode()
        return any(field.lower() == wanted for field, _ in self.raw)

    def __setitem__(self, name: str, value: str) -> None:
        """Puts it where the first of that name stands, in any case, or at the end; there is one afterwards."""
        wanted, field = name.lower().encode(), (name.encode(), value.encode())
        there = [index for index, (known, _) in enumerate(self.raw) if known.lower() == wanted]
        if not there:
            self.raw.append(field)
            return
        self.raw[there[0]] = field
        for index in reversed(there[1:]):
            del self.raw[index]

    def multi_items(self) -> list[tuple[str, str]]:
        """(name in lower case, value) of every field."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.raw]


class Request:
    """What the wire and the kinds need of a request; an `httpx.Request` has the same."""

    __slots__ = ("content", "headers", "method", "url")

    def __init__(
        self, method: str, url: Address, items: Iterable[tuple[str, str]], *, body: bytes | str | None = None, json: Any = None,
        form: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Raises ValueError for a header that is not ASCII and for JSON that is none."""
        self.method = method.upper()
        self.url = url
        self.headers = Headers(items)
        self.content, described = _encoded(body, json, form)
        for name, value in described:
            if name not in self.headers:
                self.headers[name] = value
        self.headers.raw[:0] = self._leading()

    def _leading(self) -> list[tuple[bytes, bytes]]:
        """Fields that stand before all others where nobody wrote them."""
        leading = []
        if "host" not in self.headers:
            leading.append((b"Host", self.url.netloc))
        if self.method in _HAVE_BODIES and "content-length" not in self.headers and "transfer-encoding" not in self.headers:
            leading.append((b"Content-Length", b"0"))
        return leading


def _encoded(body: bytes | str | None, json: Any, form: Sequence[tuple[str, str]]) -> tuple[bytes, list[tuple[str, str]]]:
    """(the body, what has to be said of it)."""
    if body is not None:
        content = body.encode() if isinstance(body, str) else body
        return content, [("Content-Length", str(len(content)))] if content else []
    if form:
        content = urlencode(form).encode()
        return content, [("Content-Length", str(len(content))), ("Content-Type", "application/x-www-form-urlencoded")]
    if json is None:
        return b"", []
    content = notation.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return content, [("Content-Length", str(len(content))), ("Content-Type", "application/json")]
