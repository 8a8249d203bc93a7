"""A request as one `curl` line for a shell, with secrets masked."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from urllib.parse import urlsplit

from slocheck.core.frozen import frozen
from slocheck.core.redact import MASK, Redactor

_LONGEST_BODY = 4000
_CURL_DOES_IT = ("host", "content-length", "connection", "transfer-encoding", "accept-encoding")
_PORTS = {"http": 80, "https": 443}


@frozen
class Way:
    """What of the way to the target curl must be told."""

    resolve: str = ""
    proxy: str = ""
    family: int = 0
    is_verified: bool = True
    ca_file: str = ""
    client_cert: tuple[str, str] | None = None
    redirects: int = 0
    sigv4: tuple[str, str] | None = None  # region, service


def line(method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, *, way: Way, redactor: Redactor) -> str:
    """The line. It can be run as it stands where nothing had to be masked."""
    headers = list(headers)
    words = ["curl", *_method(method, has_body=bool(body)), *_way(url, way, redactor)]
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        words += ["-H", "content-type:"]  # else curl says that it is a form
    for name, value in headers:
        if not _is_left_to_curl(name, value, url) and not (way.sigv4 and _is_signature(name)):
            words += ["-H", f"{name.lower()}: {redactor.header(name, value)}" if value else f"{name.lower()};"]
    note = ""
    if body:
        text = _text(body)
        words += ["--data-raw", redactor.text(text)] if text is not None else ["--data-binary", "@body"]
        note = "" if text is not None else f"  # body: {len(body):,} bytes, not shown"
    return " ".join(shlex.quote(w) for w in [*words, redactor.text(url)]) + note


def _method(method: str, *, has_body: bool) -> list[str]:
    if method == "HEAD":
        return ["-I"]
    return ["-i"] if method == ("POST" if has_body else "GET") else ["-i", "-X", method]


def _way(url: str, way: Way, redactor: Redactor) -> list[str]:
    parts = urlsplit(url)
    words = ["--globoff"] if set(url) & set("[]{}") else []
    if parts.scheme == "https":
        words.append("--http1.1")
    if way.redirects:
        words += ["-L", "--max-redirs", str(way.redirects)]
    if way.family:
        words.append(f"-{way.family}")
    if way.resolve:
        words += _resolve(way.resolve, parts.hostname or "", parts.port or _PORTS[parts.scheme])
    if way.proxy:
        words += ["--proxy", redactor.text(way.proxy)]
    if not way.is_verified:
        words.append("-k")
    elif way.ca_file:
        words += ["--cacert", way.ca_file]
    if way.client_cert:
        words += ["--cert", way.client_cert[0], *(["--key", way.client_cert[1]] if way.client_cert[1] else [])]
    if way.sigv4:
        words += ["--aws-sigv4", f"aws:amz:{way.sigv4[0]}:{way.sigv4[1]}", "--user", MASK]
    return words


def _resolve(resolve: str, host: str, port: int) -> list[str]:
    """An address alone, or address:port, which only `--connect-to` can say."""
    name = f"[{host}]" if ":" in host else host
    is_bare = resolve.count(":") != 1 and "]:" not in resolve
    if is_bare:
        address = resolve.strip("[]")
        return ["--resolve", f"{name}:{port}:{f'[{address}]' if ':' in address else address}"]
    return ["--connect-to", f"{name}:{port}:{resolve}"]


def _is_left_to_curl(name: str, value: str, url: str) -> bool:
    lower = name.lower()
    if lower == "host":
        return value == urlsplit(url).netloc.rpartition("@")[2]
    return lower in _CURL_DOES_IT or (lower == "accept" and value == "*/*")


def _is_signature(name: str) -> bool:
    return name.lower() == "authorization" or name.lower().startswith("x-amz-")


def _text(body: bytes) -> str | None:
    """The body, if a shell can hold it."""
    if len(body) > _LONGEST_BODY or b"\0" in body:
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
