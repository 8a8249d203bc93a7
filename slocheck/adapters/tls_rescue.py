"""When the issuer is missing: is the chain merely incomplete? Only a path that OpenSSL accepts proves it.

Intermediates of earlier good outcomes are tried first, then the addresses that the certificate itself names (AIA).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from slocheck.adapters import tls_trust, x509
from slocheck.adapters.guarded_fetch import ISSUER_BYTES, fetch
from slocheck.adapters.tls import Asking, turn
from slocheck.core.certificates import MOST_CERTIFICATES, AddressSeen, Certificate

_STEPS = 3
_TOGETHER_NS = 2_000_000_000


async def rescue(seen: AddressSeen, asking: Asking, http: Any, known: tuple[bytes, ...]) -> AddressSeen:
    """The same, with the path that a missing issuer completes, if there is one. A failure changes nothing."""
    sent = [c.der for c in seen.chain]
    asking = replace(asking, now_ms=_valid_ms(seen.chain[0], asking.now_ms))
    path = await _complete(sent, known, asking) if known else None
    if path is not None:
        return replace(seen, rescue=path, rescued_by="in an earlier outcome")
    fetched: list[bytes] = []
    deadline_ns = min(asking.deadline_ns, time.perf_counter_ns() + _TOGETHER_NS)
    top = (seen.path or seen.chain)[-1]
    for _ in range(_STEPS):
        issuers = await _issuers(top, seen, http, deadline_ns)
        if not issuers:
            return seen
        fetched += [c.der for c in issuers]
        path = await _complete(sent, tuple(fetched), asking)
        if path is not None:
            return replace(seen, rescue=path, rescued_by="at the address that the certificate names")
        top = issuers[0]
    return seen


def _valid_ms(leaf: Certificate, now_ms: int) -> int:
    """A time at which the leaf is in date: that it has expired is another finding, and would hide this one."""
    return max(min(now_ms, leaf.not_after_ms or now_ms), leaf.not_before_ms or now_ms)


async def _issuers(top: Certificate, seen: AddressSeen, http: Any, deadline_ns: int) -> list[Certificate]:
    for url in top.issuer_urls[:2]:
        body = await fetch(http, url, probed=seen.address, limit=ISSUER_BYTES, deadline_ns=deadline_ns)
        found = [x509.parse(der) for der in x509.load_issuers(body or b"")]
        issuers = [c for c in found if c.issued(top)]
        if issuers:
            return issuers
    return []


async def _complete(sent: list[bytes], more: tuple[bytes, ...], asking: Asking) -> tuple[Certificate, ...] | None:
    """The path from the leaf to a trusted root, or None."""
    async with turn():
        ders = _verified(sent, more, asking)
    return None if ders is None else tuple(x509.parse(der) for der in ders)


def _verified(sent: list[bytes], more: tuple[bytes, ...], asking: Asking) -> list[bytes] | None:
    from OpenSSL import crypto

    store = tls_trust.context(asking.trust, asking.now_ms).get_cert_store()
    if store is None:
        return None
    try:
        leaf, *others = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in (*sent, *more)]
        built = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    except (crypto.X509StoreContextError, crypto.Error):
        return None
    return tls_trust.ders(built) if len(built) <= MOST_CERTIFICATES else None
