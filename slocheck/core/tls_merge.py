"""All addresses of a name together: one finding of each id, and which addresses it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from slocheck.core import tls_audit, tls_path
from slocheck.core.certificates import AddressAudit, AddressSeen, Seen
from slocheck.core.frozen import frozen
from slocheck.core.model import Finding, Severity
from slocheck.core.tls_change import Change, change
from slocheck.core.tls_limits import listed
from slocheck.core.tls_rules import (
    Rules,
    found,
    of_connection,
    of_leaf,
    of_negotiation,
    of_reading,
    of_staple,
    of_strength,
    weighed,
)

_RANK = {Severity.FAIL: 0, Severity.WARN: 1, Severity.INFO: 2}


@frozen
class Judged:
    """One address with its findings as the owner weighs them. `is_asked`: False where this machine could not ask."""

    seen: AddressSeen
    findings: tuple[Finding, ...]
    is_asked: bool
    is_trusted: bool
    is_public: bool
    change: Change | None = None

    @property
    def is_good(self) -> bool:
        return self.is_asked and all(f.severity is not Severity.FAIL for f in self.findings)


@frozen
class Verdict:
    """The findings of the outcome, and each address by itself. `is_unknown`: no address could be asked."""

    at_s: int  # the second that it was judged at
    findings: tuple[Finding, ...]
    addresses: tuple[Judged, ...]
    is_unknown: bool

    @property
    def is_good(self) -> bool:
        return not self.is_unknown and all(f.severity is not Severity.FAIL for f in self.findings)


def conclude(rules: Rules, seen: Seen, now_ms: int) -> Verdict:
    """The verdict over all addresses. Nothing here changes within a second."""
    if seen.verdict is not None and seen.verdict.at_s == now_ms // 1000:
        known: Verdict = seen.verdict
        return known
    audits: Mapping[str, AddressAudit] = {a.address: a for a in seen.audit.addresses} if seen.audit else {}
    addresses = tuple(_judged(rules, seen, a, audits.get(a.address), now_ms) for a in seen.addresses)
    asked = [a for a in addresses if a.is_asked]
    if rules.is_any_enough and any(a.is_good for a in asked):
        addresses = tuple(a if a.is_good else replace(a, findings=tuple(_lowered(a.findings))) for a in addresses)
    findings = [*_merged(addresses), *_weighed(_over_addresses(rules, seen, asked, now_ms), seen)]
    if not asked and not any(f.id == "tls.conn.cannot_ask" for f in findings):
        findings.append(found("conn.cannot_ask", "this machine could ask no address of the name"))
    return Verdict(at_s=now_ms // 1000, findings=tuple(_sorted(findings)), addresses=addresses, is_unknown=not asked)


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: _RANK[f.severity])


def _lowered(findings: Sequence[Finding]) -> Iterator[Finding]:
    yield from (weighed(f, Severity.WARN) if f.severity is Severity.FAIL else f for f in findings)


# --- one address ------------------------------------------------------------------------------------------------------


def _judged(rules: Rules, run: Seen, seen: AddressSeen, audit: AddressAudit | None, now_ms: int) -> Judged:
    is_trusted = tls_path.is_trusted(seen, rules, now_ms)
    is_public = rules.is_public if rules.is_public is not None else seen.is_anchor_public and tls_path.anchor(seen) is not None
    changed = change(run.history, seen, now_ms)
    made = [*_findings(rules, seen, now_ms, is_public), *(changed.findings if changed else ())]
    made += _audited(rules, seen, audit, now_ms)
    unique = {f.id: f for f in reversed(made)}  # of two with one id the first stays
    return Judged(
        seen=seen, findings=tuple(_weighed([f for f in made if unique[f.id] is f], run)), is_asked=not (seen.fault and seen.fault.is_ours),
        is_trusted=is_trusted, is_public=is_public, change=changed,
    )


def _weighed(findings: Iterator[Finding] | Sequence[Finding], run: Seen) -> Iterator[Finding]:
    """The owner's severities: whether an address passes depends on them."""
    for finding in findings:
        severity = run.overrides.get(finding.id, finding.severity)
        if severity is not None:
            yield weighed(finding, severity)


def _findings(rules: Rules, seen: AddressSeen, now_ms: int, is_public: bool) -> Iterator[Finding]:  # noqa: FBT001
    yield from of_connection(seen, rules)
    leaf = seen.leaf
    if leaf is None:
        return
    judged = tls_path.judged(seen, rules)
    yield from of_leaf(seen, leaf, rules, now_ms, is_public=is_public)
    yield from tls_path.of_trust(seen, rules)
    yield from tls_path.of_intermediates(judged[1:], rules, now_ms)
    yield from tls_path.of_anchor(seen, now_ms, is_public=is_public)
    yield from of_strength(judged)
    yield from of_reading(leaf, (*judged, *seen.chain) if tls_path.lacks_issuer(seen) else judged)
    yield from of_staple(seen, leaf, now_ms)
    yield from of_negotiation(seen)
    yield from tls_path.of_sending(seen, now_ms)


def _audited(rules: Rules, seen: AddressSeen, audit: AddressAudit | None, now_ms: int) -> Sequence[Finding]:
    """What the last audit of this address found, as long as it serves the same leaf."""
    if audit is None or (seen.leaf is not None and audit.leaf not in (None, seen.leaf.fingerprint)):
        return ()
    return tuple(tls_audit.of_audit(audit, seen, rules, now_ms))


# --- several addresses -------------------------------------------------------------------------------------------------


def _merged(addresses: Sequence[Judged]) -> Iterator[Finding]:
    """One finding for each id, the worst; `got` names the addresses if not all have it."""
    by_id: dict[str, list[tuple[Judged, Finding]]] = {}
    for address in addresses:
        for finding in address.findings:
            by_id.setdefault(finding.id, []).append((address, finding))
    asked = {a.seen.address for a in addresses if a.is_asked}
    for rows in by_id.values():
        _, worst = min(rows, key=lambda row: _RANK[row[1].severity])
        where = [a.seen.address for a, _ in rows]
        if len(where) == len(addresses) or set(where) == asked:
            yield worst
        else:
            yield replace(
                worst, message=f"{worst.message} [{listed(where)}]", got=f"{worst.got + ' ' if worst.got else ''}on {listed(where, 16)}",
            )


def _over_addresses(rules: Rules, seen: Seen, asked: Sequence[Judged], now_ms: int) -> Iterator[Finding]:
    bad = [a.seen.address for a in asked if not a.is_good]
    if bad and len(bad) < len(asked):
        yield found(
            "addr.partial_failure", f"{len(bad)} of {len(asked)} addresses fail: {listed(bad)}", expected="all addresses pass",
            got=listed(bad, 16),
            severity=Severity.WARN if rules.is_any_enough else None,
        )
    leaves: dict[str, list[str]] = {}
    for address in asked:
        if address.seen.leaf is not None:
            leaves.setdefault(address.seen.leaf.fingerprint, []).append(address.seen.address)
    if len(leaves) > 1:
        got = "; ".join(f"{fingerprint[:16]} on {listed(where)}" for fingerprint, where in leaves.items())
        yield found(
            "addr.different_certs", f"{len(leaves)} different certificates on {len(asked)} addresses", expected="one certificate", got=got,
            severity=Severity.INFO if _is_rollout(rules, seen, asked, now_ms) else None,
        )


def _is_rollout(rules: Rules, seen: Seen, asked: Sequence[Judged], now_ms: int) -> bool:
    """A change of leaf that this check saw itself, now or a short while ago."""
    if any(a.change is not None and a.change.kind != "alternating" for a in asked):
        return True
    changed_ms = seen.history.changed_ms
    return changed_ms is not None and now_ms - changed_ms <= rules.rollout_grace_ms


# --- what the probe must know before it ends -------------------------------------------------------------------------------


def has_audit_failure(rules: Rules, seen: Seen, now_ms: int) -> bool:
    """Whether the last audit makes outcomes bad: then it is repeated until that is mended."""
    audits = {a.address: a for a in seen.audit.addresses} if seen.audit else {}
    made = [f for a in seen.addresses for f in _weighed(_audited(rules, a, audits.get(a.address), now_ms), seen)]
    return any(f.severity is Severity.FAIL for f in made)
