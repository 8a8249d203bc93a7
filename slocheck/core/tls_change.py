"""A new certificate: a renewal, or something that people should look at. And what a check remembers to tell them apart."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from slocheck.core.certificates import AddressAudit, AddressSeen, AuditSeen, Certificate, History, Past, Seen
from slocheck.core.frozen import frozen
from slocheck.core.model import Finding
from slocheck.core.tls_limits import DAY_S, listed
from slocheck.core.tls_names import covers
from slocheck.core.tls_rules import day, found

WEEK_MS = 7 * DAY_S * 1000
_MOST_NAMES = 200
_MOST_LEAVES = 64
_MOST_ISSUERS = 6


@frozen
class Change:
    """What became of the leaf of one address. `kind` is renewed, alternating or changed."""

    kind: str
    previous: str
    is_key_reused: bool
    findings: tuple[Finding, ...]


def change(history: History, seen: AddressSeen, now_ms: int) -> Change | None:
    """Against the leaf of the last good outcome of that address; None where there is none, or it is the same."""
    leaf, past = seen.shown, _past(history, seen.address)
    if leaf is None or past is None or leaf.fingerprint == past.fingerprint:
        return None
    served_ms = history.served.get(_served(seen.address, leaf))
    if served_ms is not None and now_ms - served_ms <= WEEK_MS:
        finding = found(
            "change.alternating", "a certificate of the last week is served again: old and new answer behind one address",
            expected=past.fingerprint[:16], got=leaf.fingerprint[:16],
        )
        return Change(kind="alternating", previous=past.fingerprint, is_key_reused=leaf.spki == past.spki, findings=(finding,))
    broken = tuple(_broken(past, leaf))
    renewed = found(
        "change.renewed", f"the certificate was renewed; it now ends on {day(leaf.not_after_ms or 0)}",
        expected=past.fingerprint[:16], got=leaf.fingerprint[:16],
    )
    return Change(
        kind="changed" if broken else "renewed", previous=past.fingerprint, is_key_reused=leaf.spki == past.spki,
        findings=broken or (renewed,),
    )


def _past(history: History, address: str) -> Past | None:
    """Addresses come and go: one that is new is compared with the others, where these agreed."""
    if address in history.leaves:
        return history.leaves[address]
    known = {p.fingerprint: p for p in history.leaves.values()}
    return next(iter(known.values())) if len(known) == 1 else None


def _broken(past: Past, leaf: Certificate) -> Iterator[Finding]:
    issuer = _issuer(leaf)
    if issuer != past.issuer:
        yield found(
            "change.issuer", f"another organisation signed the new certificate: {issuer}, before {past.issuer}", expected=past.issuer,
            got=issuer,
        )
    names = (*leaf.dns_names, *leaf.ip_names)
    lost = [name for name in past.names if not covers(names, name)]
    if lost:
        yield found(
            "change.san_lost", f"the new certificate lacks {listed(lost)}", expected=listed(past.names), got=listed(names) or "no names",
        )
    strength = leaf.key.strength if leaf.key else None
    if strength is not None and past.strength is not None and strength < past.strength:
        assert leaf.key is not None
        yield found(
            "change.downgrade", f"the new key ({leaf.key.type} {leaf.key.bits}) is weaker than the old one",
            expected=f"{past.strength} bits of security",
            got=f"{strength} bits of security",
        )
    if leaf.not_after_ms is not None and past.not_after_ms is not None and leaf.not_after_ms < past.not_after_ms:
        yield found(
            "change.rollback", "the new certificate ends earlier than the old one", expected=f"after {day(past.not_after_ms)}",
            got=day(leaf.not_after_ms),
        )


def _issuer(leaf: Certificate) -> str:
    return leaf.issuer_org or leaf.issuer


def _served(address: str, leaf: Certificate) -> str:
    return f"{address} {leaf.fingerprint}"


# --- memory ---------------------------------------------------------------------------------------------------------


def history_after(seen: Seen, now_ms: int, *, is_good: bool, turn: int) -> History:
    """What to remember. The leaves of a bad outcome are not taken for good ones."""
    before = seen.history
    whole = [a for a in seen.addresses if a.shown is not None]
    served = {k: at for k, at in before.served.items() if now_ms - at <= WEEK_MS}
    served |= {_served(a.address, a.leaf): now_ms for a in whole if a.leaf is not None}
    has_changed = any(c is not None and c.kind != "alternating" for c in (change(before, a, now_ms) for a in whole))
    leaves, issuers = dict(before.leaves), list(before.issuers)
    if is_good:
        for address in whole:
            leaves.pop(address.address, None)
            leaves[address.address] = _remembered(address)
            issuers = [*(c.der for c in address.path[1:-1]), *issuers]
    return History(
        leaves=dict(list(leaves.items())[-_MOST_LEAVES:]), served=dict(sorted(served.items(), key=lambda item: item[1])[-_MOST_LEAVES:]),
        changed_ms=now_ms if has_changed and is_good else before.changed_ms, issuers=tuple(dict.fromkeys(issuers))[:_MOST_ISSUERS],
        turn=turn, audit=seen.audit,
    )


def _remembered(seen: AddressSeen) -> Past:
    leaf = seen.leaf
    assert leaf is not None
    return Past(
        fingerprint=leaf.fingerprint, spki=leaf.spki, issuer=_issuer(leaf), names=(*leaf.dns_names, *leaf.ip_names)[:_MOST_NAMES],
        strength=leaf.key.strength if leaf.key else None, not_after_ms=leaf.not_after_ms,
    )


def to_memory(history: History) -> dict[str, Any]:
    """As JSON values."""
    return {
        "v": 1, "leaves": {address: _written(past) for address, past in history.leaves.items()}, "served": dict(history.served),
        "changed_ms": history.changed_ms, "issuers": [base64.b64encode(der).decode() for der in history.issuers], "turn": history.turn,
        "audit": asdict(history.audit) if history.audit else None,
    }


def _written(past: Past) -> dict[str, Any]:
    return {
        "fingerprint": past.fingerprint, "spki": past.spki, "issuer": past.issuer, "names": list(past.names), "strength": past.strength,
        "not_after_ms": past.not_after_ms,
    }


def from_memory(memory: Mapping[str, Any]) -> History:
    """The history, or none where the memory is not one of ours."""
    try:
        audit = memory.get("audit")
        return History(
            leaves={address: Past(**{**past, "names": tuple(past["names"])}) for address, past in memory.get("leaves", {}).items()},
            served=dict(memory.get("served", {})), changed_ms=memory.get("changed_ms"),
            issuers=tuple(base64.b64decode(text, validate=True) for text in memory.get("issuers", ())), turn=int(memory.get("turn", 0)),
            audit=_audit(audit) if audit else None,
        )
    except (TypeError, ValueError, KeyError, AttributeError, binascii.Error):
        return History()


def _audit(record: Mapping[str, Any]) -> AuditSeen:
    addresses = []
    for written in record["addresses"]:
        address = dict(written)
        address["ciphers"] = {version: tuple(ids) for version, ids in address.get("ciphers", {}).items()}
        for name in ("groups", "no_sni_names"):
            address[name] = None if address.get(name) is None else tuple(address[name])
        addresses.append(AddressAudit(**address))
    return AuditSeen(at_ms=int(record["at_ms"]), took_us=int(record["took_us"]), addresses=tuple(addresses))
