"""An outcome as a row, and back, without loss. Of the columns:

    slot      tie * 4 + role; an outcome whose id is not the computed one sits at `FOREIGN` and above
    late      at - due
    beside    took - latency: what a probe took beside its exchange
    wait      what the other phases and the latency leave open: 0 where phases add up, and 0 takes no room
    findings, facts   rows of `detail`, 0 for none

Durations are microseconds, instants milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from slocheck.core.model import Finding, Outcome, Phases, Role, Severity, Verdict
from slocheck.core.records import MAX_TIES, finding_record, json_text

ROLES = (Role.SCHEDULED, Role.CONFIRM, Role.MANUAL)
VERDICTS = (Verdict.GOOD, Verdict.BAD, Verdict.UNKNOWN)
FOREIGN = 4 * MAX_TIES
"""The first slot of outcomes with ids of their own: below it lie the places that ids are computed from."""

INSERT = f"INSERT INTO outcome VALUES ({', '.join('?' * 18)}) ON CONFLICT DO NOTHING"  # noqa: S608 - question marks only

SELECT = """
SELECT o.at, o.slot, o.verdict, o.late, o.latency, o.beside, o.dns, o.connect, o.tls, o.send, o.wait, o.receive, o.samples,
       t.kind, t.every, r.name, f.text, a.text, i.id
FROM outcome o
LEFT JOIN terms t ON t.id = o.terms LEFT JOIN run r ON r.id = o.run
LEFT JOIN detail f ON f.id = o.findings LEFT JOIN detail a ON a.id = o.facts
LEFT JOIN "foreign" i ON o.slot >= 256 AND i.series = o.series AND i.at = o.at AND i.slot = o.slot
WHERE o.series = ?"""

_ROLE_NUMBER = {role: number for number, role in enumerate(ROLES)}
_VERDICT_NUMBER = {verdict: number for number, verdict in enumerate(VERDICTS)}


def slot_of(outcome: Outcome) -> int:
    return outcome.tie * 4 + _ROLE_NUMBER[outcome.role]


def is_scheduled(slot: int) -> bool:
    return not slot & 3


def verdict_number(outcome: Outcome) -> int:
    return _VERDICT_NUMBER[outcome.verdict]


def role_numbers(roles: Sequence[Role]) -> list[int]:
    return [_ROLE_NUMBER[role] for role in roles]


def row(outcome: Outcome, series: int, slot: int, terms: int, run: int, findings: int, facts: int) -> tuple[Any, ...]:
    """The values of `INSERT`."""
    latency = outcome.latency_us
    samples = " ".join(map(str, outcome.samples_us)) or None
    return (
        series, outcome.at_ms, slot, _VERDICT_NUMBER[outcome.verdict], outcome.at_ms - outcome.due_ms, terms, run, findings, facts,
        latency, outcome.took_us - (latency or 0), *_phase_columns(outcome.phases, latency or 0), samples,
    )


def _phase_columns(phases: Phases | None, latency_us: int) -> tuple[int | None, ...]:
    if phases is None:
        return (None,) * 6
    gap = None if phases.wait is None else phases.total_us() - latency_us
    return (phases.dns, phases.connect, phases.tls, phases.send, gap, phases.receive)


def outcome(values: Sequence[Any], suite: str, check: str, location: str) -> Outcome:
    """The outcome of a row of `SELECT`. Raises ValueError for one that cannot be (a damaged store)."""
    (at, slot, verdict, late, latency, beside, dns, connect, tls, send, wait, receive, samples,
     kind, every, run, findings, facts, foreign) = values
    return Outcome(
        suite=suite, check=check, kind=kind or "", location=location, role=ROLES[slot & 3], due_ms=at - late, at_ms=at,
        verdict=VERDICTS[verdict], took_us=beside + (latency or 0), every_ms=every or 60_000, latency_us=latency,
        phases=_phases(dns, connect, tls, send, wait, receive, latency or 0),
        samples_us=tuple(map(int, samples.split())) if samples else (), findings=findings_of(findings) if findings else (),
        facts=json.loads(facts) if facts else {}, run=run or "", tie=0 if slot >= FOREIGN else slot >> 2, foreign_id=foreign or "",
    )


def _phases(
    dns: int | None, connect: int | None, tls: int | None, send: int | None, gap: int | None, receive: int | None, latency_us: int,
) -> Phases | None:
    others = [v for v in (dns, connect, tls, send, receive) if v is not None]
    if not others and gap is None:
        return None
    wait = None if gap is None else gap + latency_us - sum(others)
    return Phases(dns=dns, connect=connect, tls=tls, send=send, wait=wait, receive=receive)


def samples_of(latency_us: int | None, samples: str | None) -> Iterator[int]:
    """Every latency of an outcome: all its samples, else its one figure."""
    if samples:
        yield from map(int, samples.split())
    elif latency_us is not None:
        yield latency_us


# --- details -------------------------------------------------------------------------------------------------------


def findings_text(findings: Sequence[Finding]) -> str:
    return json_text([finding_record(f) for f in findings]) if findings else ""


def facts_text(facts: Mapping[str, Any]) -> str:
    return json_text(dict(facts)) if facts else ""


def findings_of(text: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            id=f["id"], severity=Severity(f["severity"]), message=f["message"], expected=f.get("expected"), got=f.get("got"),
        )
        for f in json.loads(text)
    )


def failures_of(text: str) -> list[str]:
    """The ids of the findings that make an outcome bad."""
    return [f["id"] for f in json.loads(text) if f["severity"] == Severity.FAIL]


def hash_of(text: str) -> int:
    """A signed number of 64 bits."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
