"""Is the certificate on its CA's revocation list? Only a list that is proved to be the right one says anything."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from slocheck.adapters.guarded_fetch import CRL_BYTES, fetch
from slocheck.adapters.x509 import is_signature
from slocheck.core.certificates import Certificate
from slocheck.core.units import rfc3339

_TOGETHER_NS = 2_000_000_000
_MOST_URLS = 2
_MOST_KEPT_BYTES = 40_000_000

_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@dataclass(slots=True)
class _List:
    """A list as it was read. `signers` are the certificates whose signature on it was verified, or was not."""

    crl: Any
    from_ms: int
    until_ms: int | None
    size: int
    points: frozenset[str] | None  # where it is meant for (RFC 5280 section 5.2.5); None: it does not say
    flaw: str = ""
    signers: dict[str, bool] = field(default_factory=dict)


_kept: OrderedDict[str, _List] = OrderedDict()
"""Lists by address, for as long as they are in date: one run asks about many certificates of one CA."""


async def status(
    http: Any, leaf: Certificate, issuer: Certificate | None, *, probed: str, deadline_ns: int, now_ms: int,
) -> tuple[str | None, str]:
    """(good, revoked or unknown, why). (None, "") where the certificate names no list."""
    if not leaf.crl_urls:
        return None, ""
    if issuer is None:
        return "unknown", "the certificate's issuer is not known"
    deadline_ns = min(deadline_ns, time.perf_counter_ns() + _TOGETHER_NS)
    note = ""
    for url in leaf.crl_urls[:_MOST_URLS]:
        read = await _list(http, url, probed=probed, deadline_ns=deadline_ns, now_ms=now_ms)
        if read is None:
            note = note or "the list could not be fetched"
            continue
        said, note = await asyncio.to_thread(_said, read, leaf, issuer, now_ms)
        if said != "unknown":
            return said, note
    return "unknown", note


async def _list(http: Any, url: str, *, probed: str, deadline_ns: int, now_ms: int) -> _List | None:
    async with _locks.setdefault(url, asyncio.Lock()):  # one fetch, however many ask
        known = _kept.get(url)
        if known is not None and known.until_ms is not None and known.from_ms <= now_ms <= known.until_ms:
            return known
        body = await fetch(http, url, probed=probed, limit=CRL_BYTES, deadline_ns=deadline_ns)
        if body is None:
            return None
        read = await asyncio.to_thread(_read, body)
        if not read.flaw:
            _kept[url] = read
            while sum(k.size for k in _kept.values()) > _MOST_KEPT_BYTES:
                _kept.popitem(last=False)
        return read


def _read(body: bytes) -> _List:
    from cryptography import x509

    try:
        pem = body.lstrip().startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(body) if pem else x509.load_der_x509_crl(body)
        until = crl.next_update_utc
        points, flaw = _scope(crl)
        until_ms = None if until is None else _ms(until)
        return _List(crl=crl, from_ms=_ms(crl.last_update_utc), until_ms=until_ms, size=len(body), points=points, flaw=flaw)
    except Exception:  # noqa: BLE001 - a stranger's bytes: the parser raises what it likes
        return _List(crl=None, from_ms=0, until_ms=None, size=0, points=None, flaw="the list cannot be read")


def _ms(at: Any) -> int:
    return int(at.timestamp()) * 1000


def _scope(crl: Any) -> tuple[frozenset[str] | None, str]:
    """(the addresses that it is for, why it says nothing of a server's certificate)."""
    from cryptography import x509

    points, flaw = None, ""
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            value = extension.value
            if value.only_contains_ca_certs or value.only_contains_attribute_certs or value.indirect_crl:
                flaw = "the list is not for certificates of this kind"
            if value.full_name:
                points = frozenset(n.value for n in value.full_name if isinstance(n, x509.UniformResourceIdentifier))
        elif extension.critical:
            flaw = "the list is not a whole one, or has a critical extension that is not known"
    return points, flaw


def _said(read: _List, leaf: Certificate, issuer: Certificate, now_ms: int) -> tuple[str, str]:
    """What the list says of `leaf`. Its signature costs most and is looked at last."""
    if read.flaw:
        return "unknown", read.flaw
    if now_ms < read.from_ms or (read.until_ms is not None and now_ms > read.until_ms):
        return "unknown", f"the list is out of date: it ended at {rfc3339(read.until_ms)}" if read.until_ms else "the list is not valid yet"
    if read.points is not None and read.points.isdisjoint(leaf.crl_urls):
        return "unknown", "the list is for another distribution point"
    if not _is_by(read, issuer):
        return "unknown", "the list is not signed by the certificate's issuer"
    try:
        since = _revoked_since(read, leaf)
    except Exception:  # noqa: BLE001 - an entry that cannot be read, a serial that is none
        return "unknown", "the list cannot be read"
    return ("revoked", f"since {since}") if since else ("good", "")


def _revoked_since(read: _List, leaf: Certificate) -> str:
    entry = read.crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    return "" if entry is None else f"{entry.revocation_date_utc:%Y-%m-%d %H:%M} UTC"


def _is_by(read: _List, issuer: Certificate) -> bool:
    if issuer.fingerprint not in read.signers:
        read.signers[issuer.fingerprint] = _is_signed(read.crl, issuer)
    return read.signers[issuer.fingerprint]


def _is_signed(crl: Any, issuer: Certificate) -> bool:
    from cryptography import x509

    try:
        signer = x509.load_der_x509_certificate(issuer.der)
        return bool(crl.issuer == signer.subject) and is_signature(
            signer.public_key(), crl.signature, crl.tbs_certlist_bytes, crl.signature_hash_algorithm,
        )
    except Exception:  # noqa: BLE001 - a key or an algorithm that is not known proves nothing
        return False
