"""AWS Signature Version 4: the headers that prove who sends a request (AWS General Reference, "Signing AWS API requests").

Pure: the instant is handed in. Everything stands in headers; the address is left as it is. Signed are all headers but
those that a proxy or the wire may still change.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-._~"
_NOT_SIGNED = frozenset({
    "authorization", "connection", "user-agent", "accept", "accept-encoding", "content-length", "transfer-encoding", "expect",
    "x-amzn-trace-id",
})


def sign(
    request: httpx.Request, *, access_key: str, secret_key: str, session_token: str = "", region: str, service: str, now: datetime,
) -> None:
    """Adds X-Amz-Date, Authorization and what else the signature needs. Sign last: a later change of the request voids it.

    `now` is aware. For `s3` the digest of the body goes into a header of its own and the path is taken as it is; all
    other services want it normalised and encoded once more.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = sha256(request.content).hexdigest()
    headers = request.headers
    headers["X-Amz-Date"] = stamp
    if session_token:
        headers["X-Amz-Security-Token"] = session_token
    if service == "s3":
        headers["X-Amz-Content-SHA256"] = digest
    signed, lines = _canonical_headers(headers.multi_items())
    path, _, query = request.url.raw_path.partition(b"?")
    canonical = "\n".join((request.method, canonical_path(path, is_s3=service == "s3"), canonical_query(query), lines, signed, digest))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_signing_key(secret_key, scope), text.encode(), sha256).hexdigest()
    headers["Authorization"] = f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"


def canonical_path(path: bytes, *, is_s3: bool) -> str:
    """The path as it is signed. `path` is what stands on the wire, where it is percent-encoded already."""
    if is_s3:
        return quote(unquote_to_bytes(path), safe=f"/{_UNRESERVED}") or "/"
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    is_folder = bool(kept) and path.endswith((b"/", b"/.", b"/.."))
    return "/" + "/".join(quote(segment, safe=_UNRESERVED) for segment in kept) + ("/" if is_folder else "")


def canonical_query(query: bytes) -> str:
    """The pairs, decoded and encoded again in AWS's way (a space is %20, a missing value is empty), in the order of bytes."""
    pairs = (pair.partition(b"=") for pair in query.split(b"&") if pair)
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(part: bytes) -> str:
    return quote(unquote_to_bytes(part.replace(b"+", b" ")), safe=_UNRESERVED)


def _canonical_headers(items: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """(names, lines): doubles joined in their order, runs of white space as one space."""
    values: dict[str, list[str]] = {}
    for name, value in items:
        if name.lower() not in _NOT_SIGNED:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
    names = sorted(values)
    return ";".join(names), "".join(f"{name}:{','.join(values[name])}\n" for name in names)


def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key
