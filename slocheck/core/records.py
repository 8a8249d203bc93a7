"""The written form of an outcome: one JSON object (README, "Records"), the same in files, exports and on the screen.

An outcome's id is a ULID: 48 bits of time from `at`, 80 bits from a digest of what identifies it. It is computed, never
stored, so the same outcome has the same id wherever and in whatever order it is written, and a merge is idempotent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from slocheck.core.model import PHASE_NAMES, Finding, Outcome, Phases, Role, Severity, Verdict
from slocheck.core.units import parse_instant, rfc3339

VERSION = 1
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _CROCKFORD for b in _CROCKFORD]
_SHIFTS = range(120, -1, -10)
_OF_TIME = 10  # the characters of an id that hold its instant
MAX_TIES = 64
"""Outcomes of one check, location and role within one millisecond."""

_LONGEST_NAME = 500
_LONGEST_SHOWN = 60
_FIELDS = frozenset({
    "v", "type", "id", "run", "suite", "check", "kind", "location", "role", "due", "at", "took_ms", "every_ms", "verdict",
    "latency_ms", "phases_ms", "samples_ms", "findings", "facts",
})


class BadRecord(ValueError):  # noqa: N818 - it is data, not a failure of ours
    """A record that is no outcome; the text names the field."""


def outcome_id(outcome: Outcome) -> str:
    """The id, 26 characters of Crockford's base 32, sortable by time."""
    return outcome.foreign_id or computed_id(
        outcome.suite, outcome.check, outcome.location, outcome.role, outcome.at_ms, outcome.tie,
    )


def computed_id(suite: str, check: str, location: str, role: str, at_ms: int, tie: int) -> str:
    """The id that follows from what identifies an outcome."""
    identity = "\0".join((suite, check, location, role, str(at_ms), str(tie)))
    number = (at_ms & (1 << 48) - 1) << 80 | int.from_bytes(blake2b(identity.encode(), digest_size=10).digest(), "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a JSON object. Durations are milliseconds with decimals; a figure that is not known is null."""
    record: dict[str, Any] = {
        "v": VERSION, "type": "outcome", "id": outcome_id(outcome), "run": outcome.run, "suite": outcome.suite,
        "check": outcome.check, "kind": outcome.kind, "location": outcome.location, "role": outcome.role.value,
        "due": rfc3339(outcome.due_ms), "at": rfc3339(outcome.at_ms), "took_ms": ms(outcome.took_us),
        "every_ms": outcome.every_ms, "verdict": outcome.verdict.value, "latency_ms": ms(outcome.latency_us),
        "phases_ms": phases_record(outcome.phases),
        "findings": [finding_record(f) for f in outcome.findings], "facts": dict(outcome.facts),
    }
    if outcome.samples_us:
        record["samples_ms"] = [ms(s) for s in outcome.samples_us]
    return record


def outcome_line(outcome: Outcome) -> str:
    """The outcome as a line of NDJSON, without its end."""
    return json_text(outcome_record(outcome))


def json_text(value: Any) -> str:
    """The value as compact JSON that every reader takes: NaN and infinity are null, what has no form is its text, half a
    surrogate pair is a question mark."""
    try:
        text = _compact(value)
    except ValueError:
        text = _compact(_finite(value))
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list | tuple) else value


def ms(us: int | None) -> float | None:
    """Microseconds as milliseconds: 38_200 -> 38.2."""
    return None if us is None else us / 1000


def phases_record(phases: Phases | None) -> dict[str, float | None] | None:
    return None if phases is None else {name: ms(getattr(phases, name)) for name in PHASE_NAMES}


def finding_record(finding: Finding) -> dict[str, Any]:
    record: dict[str, Any] = {"id": finding.id, "severity": finding.severity.value, "message": finding.message}
    for name in ("expected", "got"):
        if getattr(finding, name) is not None:
            record[name] = getattr(finding, name)
    return record


def outcome_from_record(record: Mapping[str, Any], *, suite: str, kinds: Mapping[str, tuple[str, int]]) -> tuple[Outcome, int]:
    """(the outcome, how many fields of the record were not understood and left out).

    Only `check`, `at` and `verdict` are required. `suite` and `kinds` ({check: (kind, every_ms)}) say what a record
    without these fields means. Raises BadRecord.
    """
    if not isinstance(record, Mapping):
        raise BadRecord("it is not a JSON object")
    if record.get("type", "outcome") != "outcome":
        raise BadRecord(f"type: {_shown(record['type'])} is not an outcome")
    if record.get("v", VERSION) != VERSION:
        raise BadRecord(f"v: {_shown(record['v'])} is a form that this version does not read (it reads {VERSION})")
    check, at_ms = _name(record, "check"), _instant(record, "at")
    kind, every_ms = kinds.get(check, ("", 60_000))
    outcome = Outcome(
        suite=_name(record, "suite", suite), check=check, kind=_name(record, "kind", kind),
        location=_name(record, "location", "local"),
        role=_one_of(record, "role", Role, Role.SCHEDULED), due_ms=_instant(record, "due", at_ms), at_ms=at_ms,
        verdict=_one_of(record, "verdict", Verdict), took_us=_us(record, "took_ms") or 0, every_ms=_positive(record, "every_ms", every_ms),
        latency_us=_us(record, "latency_ms"), phases=_phases(record.get("phases_ms")), samples_us=_samples(record.get("samples_ms")),
        findings=_findings(record.get("findings")), facts=_object(record, "facts"), run=_name(record, "run", ""),
    )
    return _identified(outcome, record.get("id")), len(set(record) - _FIELDS)


def _identified(outcome: Outcome, written: Any) -> Outcome:
    if written is None or written == (computed := outcome_id(outcome)):
        return outcome
    if not isinstance(written, str) or not written or len(written) > 200:
        raise BadRecord("id: is not text of at most 200 characters")
    for tie in range(1, MAX_TIES) if written[:_OF_TIME] == computed[:_OF_TIME] else ():
        if written == computed_id(outcome.suite, outcome.check, outcome.location, outcome.role, outcome.at_ms, tie):
            return replace(outcome, tie=tie)
    return replace(outcome, foreign_id=written)


_MISSING: Any = object()


def _field(record: Mapping[str, Any], name: str, default: Any) -> Any:
    value = record.get(name, _MISSING)
    if value is _MISSING or (value is None and default is not _MISSING):
        if default is _MISSING:
            raise BadRecord(f"{name}: is missing")
        return default
    return value


def _text(record: Mapping[str, Any], name: str, default: Any = _MISSING) -> str:
    value = _field(record, name, default)
    if not isinstance(value, str) or (not value and default is _MISSING):
        raise BadRecord(f"{name}: is not text")
    return value


def _name(record: Mapping[str, Any], name: str, default: Any = _MISSING) -> str:
    value = _text(record, name, default)
    if len(value) > _LONGEST_NAME or "\0" in value:
        raise BadRecord(f"{name}: is longer than {_LONGEST_NAME} characters, or holds a NUL")
    return value


def _instant(record: Mapping[str, Any], name: str, default: Any = _MISSING) -> int:
    value = _field(record, name, default)
    if value is default:
        return int(value)
    if not isinstance(value, str):
        raise BadRecord(f"{name}: is not text")
    try:
        instant_ms = parse_instant(value)
    except (ValueError, OverflowError) as error:
        raise BadRecord(f"{name}: {_shown(error)}") from None
    if instant_ms < 0:
        raise BadRecord(f"{name}: is before 1970")
    return instant_ms


def _one_of(record: Mapping[str, Any], name: str, kind: Any, default: Any = _MISSING) -> Any:
    value = _field(record, name, default)
    try:
        return kind(value)
    except ValueError:
        raise BadRecord(f"{name}: {_shown(value)} is not one of {', '.join(kind)}") from None


def _shown(value: Any) -> str:
    """A value of a stranger's file, fit for one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _microseconds(value: Any, name: str) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:  # NaN fails the comparison too
        raise BadRecord(f"{name}: is not a number of at least 0")
    return round(value * 1000)


def _us(record: Mapping[str, Any], name: str) -> int | None:
    value = record.get(name)
    return None if value is None else _microseconds(value, name)


def _positive(record: Mapping[str, Any], name: str, default: int) -> int:
    value = _field(record, name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1e12:
        raise BadRecord(f"{name}: is not a whole number above 0")
    return value


def _phases(value: Any) -> Phases | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise BadRecord("phases_ms: is not an object")
    return Phases(**{
        name: None if (phase := value.get(name)) is None else _microseconds(phase, f"phases_ms.{name}") for name in PHASE_NAMES
    })


def _samples(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRecord("samples_ms: is not a list")
    return tuple(_microseconds(v, "samples_ms") for v in value)


def _findings(value: Any) -> tuple[Finding, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRecord("findings: is not a list")
    return tuple(_finding(v) for v in value)


def _finding(value: Any) -> Finding:
    if not isinstance(value, Mapping):
        raise BadRecord("findings: holds something that is not an object")
    return Finding(
        id=_text(value, "id"), severity=_one_of(value, "severity", Severity), message=_text(value, "message", ""),
        expected=_said(value.get("expected")), got=_said(value.get("got")),
    )


def _said(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


def _object(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = _field(record, name, {})
    if not isinstance(value, Mapping):
        raise BadRecord(f"{name}: is not an object")
    return dict(value)
