"""When the `tls` kind looks closer, and at which addresses. `adapters.hello` measures, `core.tls_audit` judges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from slocheck.checks import World
from slocheck.core import tls_audit, tls_merge
from slocheck.core.certificates import AddressSeen, AuditSeen, AuditTarget, Seen

if TYPE_CHECKING:
    from slocheck.checks.tls import Options

MOST_AUDITED = 8
"""Addresses in one audit; the others come first in the next."""


async def audit(options: Options, world: World, seen: Seen, now_ms: int) -> AuditSeen | None:
    """The audit of this run where it is time for one, else the last one. None: there was none, or none is wanted."""
    last = seen.history.audit
    if options.audit is None:
        return None
    targets = _due(options, options.audit, seen, now_ms, world)[:MOST_AUDITED]
    if not targets:
        return last
    from slocheck.adapters.hello import audit as measure

    made: AuditSeen | None = await measure(
        [_target(options, a) for a in targets], http=world.http, deadline_ns=world.deadline_ns, now_ms=now_ms, ari=options.ari,
    )
    return last if made is None else _together(made, last, seen)


def _together(made: AuditSeen, last: AuditSeen | None, seen: Seen) -> AuditSeen:
    """With what is known of the addresses that had no turn, newest first, and of what could not be measured again."""
    before = {a.address: a for a in last.addresses} if last else {}
    here = {a.address for a in seen.addresses}
    kept = [a for address, a in before.items() if address in here - {m.address for m in made.addresses}]
    return replace(made, addresses=(*(tls_audit.carried(m, before.get(m.address)) for m in made.addresses), *kept))


def _due(options: Options, every: timedelta, seen: Seen, now_ms: int, world: World) -> list[AddressSeen]:
    """Whose turn it is: everyone's, when the last audit is old (give or take a tenth, so that checks do not march in step) or
    found a failure, who waits longest first; else those that are new or serve another leaf."""
    last, asked = seen.history.audit, [a for a in seen.addresses if a.spoke_tls]
    if last is None:
        return asked
    is_old = now_ms - last.at_ms >= every // timedelta(milliseconds=1) * world.chance.uniform(0.9, 1.1)
    if is_old or tls_merge.has_audit_failure(options.rules, seen, now_ms):
        places = {a.address: place for place, a in enumerate(last.addresses)}
        return sorted(asked, key=lambda a: -places.get(a.address, len(places)))
    known = {a.address: a.leaf for a in last.addresses}
    return [a for a in asked if a.address not in known or (a.leaf is not None and known[a.address] not in (None, a.leaf.fingerprint))]


def _target(options: Options, seen: AddressSeen) -> AuditTarget:
    from slocheck.adapters.tls import issuer_of

    issuer = issuer_of(seen.chain[0], (*seen.path, *seen.chain, *seen.rescue)) if seen.chain else None
    return AuditTarget(
        address=seen.address, port=options.port or 443, server_name=options.server_name, starttls=options.starttls or "", leaf=seen.leaf,
        issuer=issuer, alpn=seen.alpn, version=seen.version,
    )
