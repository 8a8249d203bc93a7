"""Small files from addresses that the server under test chose (issuers, revocation lists). It must not steer us.

Plain http only, no redirects, a cap on bytes and time, and no private, link-local or loopback target, unless the server
itself stands at an address of that kind. The name is looked up here and the connection goes to that very address, so it
cannot become another one in between.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import Any
from urllib.parse import urlsplit

from slocheck.adapters.wire_names import Address, Lookups, literal
from slocheck.core.errors import ProbeError

ISSUER_BYTES = 65_536
CRL_BYTES = 10_000_000


def kind_of(address: str) -> str:
    """loopback, link-local, private, other (multicast, reserved, unspecified) or public."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return "other"
    return "public" if ip.is_global else "private"


def is_allowed(target: str, probed: str) -> bool:
    """Whether a server at `probed` may send us to `target`."""
    kind = kind_of(target)
    return kind == "public" or (kind != "other" and kind == kind_of(probed))


async def fetch(http: Any, url: str, *, probed: str, limit: int, deadline_ns: int) -> bytes | None:
    """What the address gives, or None: a dead, slow, huge or forbidden one proves nothing about the server.

    `http` is a `slocheck.adapters.http.Http`; `deadline_ns` is on `time.perf_counter_ns`.
    """
    from slocheck.adapters.http import Limits, Route

    left_s = (deadline_ns - time.perf_counter_ns()) / 1e9
    if left_s <= 0:
        return None
    try:
        async with asyncio.timeout(left_s):
            address = await _target(url, probed)
            if address is None:
                return None
            answers = await http.send(
                http.request("GET", url), deadline_ns=deadline_ns, route=Route(resolve=str(address)), limits=Limits(body_bytes=limit),
            )
    except (TimeoutError, ProbeError, ValueError):
        return None
    answer = answers[-1]
    return answer.body if answer.status == 200 else None


async def _target(url: str, probed: str) -> Address | None:
    parts = urlsplit(url)
    if parts.scheme.lower() != "http" or not parts.hostname:
        return None
    port = parts.port or 80
    known = literal(parts.hostname, port)
    addresses = (known,) if known else await _look_up(parts.hostname, port)
    if not addresses or not all(is_allowed(str(a.sockaddr[0]), probed) for a in addresses):
        return None
    return addresses[0]


async def _look_up(host: str, port: int) -> tuple[Address, ...]:
    lookups = Lookups()
    try:
        return (await lookups.find(host, port, 0)).addresses
    finally:
        lookups.close()
