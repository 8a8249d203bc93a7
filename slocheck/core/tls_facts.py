"""The facts of a `tls` outcome, as they are recorded. What is not known is null; times are RFC 3339, hex is lower case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from slocheck.core import tls_audit, tls_path
from slocheck.core.certificates import MOST_CERTIFICATES, AddressSeen, AuditSeen, Certificate, Seen, Staple
from slocheck.core.tls_limits import DAY_S
from slocheck.core.tls_merge import Judged, Verdict
from slocheck.core.tls_rules import Rules, title
from slocheck.core.units import rfc3339

_MOST_NAMES = 50


def facts(rules: Rules, seen: Seen, verdict: Verdict, now_ms: int) -> dict[str, Any]:
    """Those at the top are of the address whose path ends first."""
    shown = _shown(verdict.addresses, rules)
    head = {
        "host": seen.host, "port": seen.port, "server_name": seen.server_name,
        "trusted": shown.is_trusted if shown and shown.seen.leaf else None,
        "trust_store": seen.trust_store, "public": shown.is_public if shown and shown.seen.leaf else None,
    }
    return {
        **head, **_leaf(shown.seen.leaf if shown else None, now_ms), "expires_first": _expires_first(shown, rules, now_ms),
        **_negotiated(shown.seen if shown else None), **_chain(shown.seen if shown else None),
        "addresses": [_address(a, now_ms) for a in verdict.addresses], "change": _change(verdict), "audit": _audit(seen.audit, shown),
    }


def _shown(addresses: Sequence[Judged], rules: Rules) -> Judged | None:
    """The address whose path ends first; one without a certificate only where none has any."""
    return min(addresses, key=lambda a: (a.seen.leaf is None, _first_end(a.seen, rules)), default=None)


def _first_end(seen: AddressSeen, rules: Rules) -> float:
    return min((c.not_after_ms for c in tls_path.judged(seen, rules) if c.not_after_ms is not None), default=float("inf"))


def _leaf(leaf: Certificate | None, now_ms: int) -> dict[str, Any]:
    if leaf is None:
        return dict.fromkeys(_LEAF)
    names = [*leaf.dns_names, *leaf.ip_names]
    left, lifetime = leaf.remaining_s(now_ms), leaf.lifetime_s
    return {
        "subject": leaf.subject, "issuer": leaf.issuer, "issuer_org": leaf.issuer_org, "serial": leaf.serial,
        "san": None if leaf.san_count is None else [name[:253] for name in names[:_MOST_NAMES]], "san_count": leaf.san_count,
        "not_before": _time(leaf.not_before_ms), "not_after": _time(leaf.not_after_ms), "lifetime_s": lifetime,
        "days_left": _days(left), "left_ratio": round(left / lifetime, 3) if left is not None and lifetime else None,
        "fingerprint_sha256": leaf.fingerprint, "spki_sha256": leaf.spki, "key": _key(leaf), "signature": leaf.signature,
        "sct_count": leaf.sct_count,
    }


_LEAF = (
    "subject", "issuer", "issuer_org", "serial", "san", "san_count", "not_before", "not_after", "lifetime_s", "days_left", "left_ratio",
    "fingerprint_sha256", "spki_sha256", "key", "signature", "sct_count",
)


@lru_cache(maxsize=4096)
def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _days(seconds: int | None) -> float | None:
    return None if seconds is None else round(seconds / DAY_S, 2)


def _key(certificate: Certificate) -> dict[str, Any] | None:
    return {"type": certificate.key.type, "bits": certificate.key.bits} if certificate.key else None


def _expires_first(shown: Judged | None, rules: Rules, now_ms: int) -> dict[str, Any] | None:
    path = tls_path.judged(shown.seen, rules) if shown else ()
    dated = [(c.not_after_ms, depth, c) for depth, c in enumerate(path) if c.not_after_ms is not None]
    if not dated:
        return None
    end, depth, first = min(dated, key=lambda row: row[:2])
    return {"depth": depth, "subject": first.subject, "not_after": _time(end), "days_left": _days(first.remaining_s(now_ms))}


def _negotiated(seen: AddressSeen | None) -> dict[str, Any]:
    return {
        "version": seen.version if seen else None, "cipher": seen.cipher if seen else None, "group": seen.group if seen else None,
        "alpn": seen.alpn if seen else None, "client_cert_requested": seen.client_cert_requested if seen else None,
        "staple": _staple(seen.staple) if seen and seen.staple else None,
    }


def _staple(staple: Staple) -> dict[str, Any]:
    return {"status": staple.status, "this_update": _time(staple.this_update_ms), "next_update": _time(staple.next_update_ms)}


def _chain(seen: AddressSeen | None) -> dict[str, Any]:
    if seen is None or not seen.chain:
        return {"chain": [], "path": [], "chain_truncated": False, "verify_errors": []}
    in_path = {c.fingerprint for c in seen.path}
    return {
        "chain": [_certificate(c, in_path) for c in seen.chain], "path": [c.fingerprint for c in seen.path],
        "chain_truncated": seen.sent > MOST_CERTIFICATES, "verify_errors": [
            {"depth": e.depth, "code": e.code, "text": e.text} for e in seen.verify_errors
        ],
    }


def _certificate(certificate: Certificate, in_path: set[str]) -> dict[str, Any]:
    return {
        "subject": certificate.subject, "issuer": certificate.issuer, "serial": certificate.serial,
        "not_before": _time(certificate.not_before_ms),
        "not_after": _time(certificate.not_after_ms), "fingerprint_sha256": certificate.fingerprint, "spki_sha256": certificate.spki,
        "key": _key(certificate), "signature": certificate.signature, "in_path": certificate.fingerprint in in_path,
    }


def _address(judged: Judged, now_ms: int) -> dict[str, Any]:
    seen, leaf = judged.seen, judged.seen.leaf
    return {
        "address": seen.address, "family": seen.family, "ok": judged.is_good if judged.is_asked else None,
        "findings": [f.id for f in judged.findings],
        "connect_ms": _ms(seen.connect_us), "tls_ms": _ms(seen.tls_us), "version": seen.version, "cipher": seen.cipher, "group": seen.group,
        "certificate": title(leaf) if leaf else None, "fingerprint_sha256": leaf.fingerprint if leaf else None,
        "not_after": _time(leaf.not_after_ms) if leaf else None,
        "days_left": _days(leaf.remaining_s(now_ms)) if leaf else None, "alert": seen.alert,
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def _change(verdict: Verdict) -> dict[str, Any] | None:
    """The most telling change of all addresses."""
    made = [a.change for a in verdict.addresses if a.change is not None]
    if not made:
        return None
    told = min(made, key=lambda c: ("changed", "renewed", "alternating").index(c.kind))
    return {"kind": told.kind, "previous_fingerprint_sha256": told.previous, "key_reused": told.is_key_reused}


# --- the audit ----------------------------------------------------------------------------------------------------------


def _audit(audit: AuditSeen | None, shown: Judged | None) -> dict[str, Any] | None:
    """Of the address that is shown at the top, with the connections of all."""
    if audit is None or not audit.addresses:
        return None
    here = next((a for a in audit.addresses if shown is not None and a.address == shown.seen.address), audit.addresses[0])
    return {
        "at": rfc3339(audit.at_ms), "connections": sum(a.connections for a in audit.addresses), "took_ms": audit.took_us // 1000,
        "complete": all(a.is_complete for a in audit.addresses), "versions": dict(here.versions),
        "ciphers": {version: [f"0x{suite:04x}" for suite in suites] for version, suites in here.ciphers.items()},
        "groups": None if here.groups is None else list(here.groups), "dh_bits": here.dh_bits,
        "no_sni_fingerprint_sha256": here.no_sni_fingerprint, "crl": here.crl, "ari": _plain(here.ari), "profile": tls_audit.profile(here),
        "profile_version": tls_audit.INTERMEDIATE["version"],
        "hsts": _plain(here.hsts),
    }


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def passed(verdict: Verdict) -> Iterator[AddressSeen]:
    """The addresses that are good and whose handshake was completed."""
    yield from (a.seen for a in verdict.addresses if a.is_good and a.seen.tls_us is not None)
