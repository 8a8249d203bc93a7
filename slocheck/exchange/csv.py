"""Outcomes as a table for spreadsheets: one row each, findings as their ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator

from slocheck.core.model import PHASE_NAMES, Outcome
from slocheck.core.records import ms, outcome_id, phases_record
from slocheck.core.units import rfc3339

COLUMNS = (
    "id", "at", "due", "suite", "check", "kind", "location", "role", "verdict", "latency_ms", "took_ms", "every_ms",
    *(f"{name}_ms" for name in PHASE_NAMES), "findings", "run",
)


def write(outcomes: Iterable[Outcome], out: Callable[[bytes], object]) -> int:
    """Writes a head and a row per outcome (RFC 4180, UTF-8); returns how many outcomes. What is not known is empty."""
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(COLUMNS)
    count = 0
    for count, outcome in enumerate(outcomes, start=1):  # noqa: B007 - the count is wanted after the loop
        table.writerow(_row(outcome))
        out(_taken(buffer))
    out(_taken(buffer))
    return count


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _row(outcome: Outcome) -> Iterator[object]:
    phases = phases_record(outcome.phases) or {}
    yield from (outcome_id(outcome), rfc3339(outcome.at_ms), rfc3339(outcome.due_ms), outcome.suite, outcome.check, outcome.kind)
    yield from (outcome.location, outcome.role.value, outcome.verdict.value, ms(outcome.latency_us), ms(outcome.took_us))
    yield outcome.every_ms
    yield from (phases.get(name) for name in PHASE_NAMES)
    yield from (" ".join(f.id for f in outcome.findings), outcome.run)
