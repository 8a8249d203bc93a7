"""Latencies by day: a sketch per series and UTC day, made from raw rows when it is first asked for, kept from then on.

Only days that are over are kept, so that recording an outcome costs nothing here; an outcome that comes late is added
to its day's sketch, which then is what a scan would give.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from slocheck.core.errors import CannotWorkError
from slocheck.core.model import Outcome, Severity, Verdict
from slocheck.core.sketch import Sketch
from slocheck.core.sli import has_failed
from slocheck.store import rows
from slocheck.store.connection import Database

if TYPE_CHECKING:
    from slocheck.store.recording import Series

DAY_MS = 86_400_000
_DAYS = (1 << 22) - 1  # more days than there are until the year 9999
_END_MS = _DAYS * DAY_MS - 1

_RAW = """
SELECT o.verdict, o.latency, o.samples, d.text FROM outcome o LEFT JOIN detail d ON o.verdict = 1 AND d.id = o.findings
WHERE o.series = ? AND o.at > ? AND o.at <= ? AND o.slot & 3 = 0 ORDER BY o.at, o.slot"""

Latencies = tuple[list[int], int]
"""Microseconds of every sample, and how many exchanges failed."""


def raw(connection: sqlite3.Connection, series: int, start_ms: int, end_ms: int) -> Latencies:
    """From the rows with start < at <= end. Of several samples those that were measured count, beside the one that failed."""
    values: list[int] = []
    failed = 0
    for verdict, latency, samples, findings in connection.execute(_RAW, (series, start_ms, end_ms)):
        is_failed = verdict == 1 and ((latency is None and not samples) or has_failed(Verdict.BAD, rows.failures_of(findings or "[]")))
        failed += is_failed
        values += rows.samples_of(None if is_failed else latency, samples)
    return values, failed


def add_late(connection: sqlite3.Connection, changed: Iterable[Series], kept_from_ms: int) -> None:
    """Adds the outcomes that series gained in days whose sketches may be there already."""
    for series in changed:
        over_ms = max(kept_from_ms, (series.newest or 0) // DAY_MS * DAY_MS)  # a day that was the newest is not kept yet
        if series.first < over_ms:
            _add_late(connection, series.id, [o for o in series.added if o.at_ms < over_ms])


def _add_late(connection: sqlite3.Connection, series: int, outcomes: Iterable[Outcome]) -> None:
    late: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        late.setdefault(outcome.at_ms // DAY_MS, []).append(outcome)
    for day, some in late.items():
        held = connection.execute("SELECT failed, sketch FROM day WHERE id = ?", (_id(series, day),)).fetchone()
        if held is not None:
            sketch = Sketch.from_bytes(held[1])
            failed = held[0] + sum(_add(sketch, outcome) for outcome in some)
            _keep(connection, series, day, sketch, failed)


def _add(sketch: Sketch, outcome: Outcome) -> bool:
    """Adds an outcome's latencies; whether it was a failed exchange."""
    values = outcome.samples_us or (() if outcome.latency_us is None else (outcome.latency_us,))
    is_bad = outcome.verdict is Verdict.BAD
    is_failed = is_bad and (not values or has_failed(outcome.verdict, (f.id for f in outcome.findings if f.severity is Severity.FAIL)))
    for value in outcome.samples_us if is_failed else values:
        sketch.add(value)
    return is_failed


def whole_days(start_ms: int, end_ms: int) -> tuple[int, int]:
    """(first, last): the days first <= day < last that lie wholly in (start, end]."""
    return -(-(start_ms + 1) // DAY_MS), (min(end_ms, _END_MS) + 1) // DAY_MS


def between(connection: sqlite3.Connection, series: int, start_ms: int, end_ms: int, kept_from_ms: int) -> tuple[Sketch, int]:
    """All latencies with start < at <= end. Where raw rows were pruned, an edge is moved to the begin of its day.

    Raises ValueError for a sketch that is damaged.
    """
    start, end = (_edge(min(at_ms, _END_MS), kept_from_ms) for at_ms in (start_ms, end_ms))
    first, last = whole_days(start, end)
    if first >= last:
        return _sketched(*raw(connection, series, start, end))
    parts = [_sketched(*raw(connection, series, start, first * DAY_MS - 1)), *_days(connection, series, first, last),
             _sketched(*raw(connection, series, last * DAY_MS - 1, end))]
    whole = Sketch()
    for sketch, _ in parts:
        whole.merge(sketch)
    return whole, sum(failed for _, failed in parts)


def _edge(at_ms: int, kept_from_ms: int) -> int:
    return at_ms if at_ms >= kept_from_ms else (at_ms + 1) // DAY_MS * DAY_MS - 1


def _days(connection: sqlite3.Connection, series: int, first: int, last: int) -> list[tuple[Sketch, int]]:
    """The kept sketches, and of the days that have none, new ones."""
    held = {
        day & _DAYS: (Sketch.from_bytes(sketch), failed) for day, failed, sketch in connection.execute(
            "SELECT id, failed, sketch FROM day WHERE id >= ? AND id < ?", (_id(series, first), _id(series, last)))
    }
    return [held.get(day) or _sketched(*_day(connection, series, day)) for day in _heard(connection, series, first, last)]


def missing(connection: sqlite3.Connection, series: int, first: int, last: int) -> list[int]:
    """The days first <= day < last that have no sketch yet."""
    held = {i & _DAYS for (i,) in connection.execute(
        "SELECT id FROM day WHERE id >= ? AND id < ?", (_id(series, first), _id(series, last)))}
    return [day for day in _heard(connection, series, first, last) if day not in held]


def keep_closed(db: Database, some: Sequence[tuple[int, int]], start_ms: int, end_ms: int) -> None:
    """Makes what is missing of (series, its newest outcome) in (start, end], of days that are over. Nothing is lost where
    that cannot be written: the figures then cost a scan."""
    for series, newest_ms in some:
        first, last = whole_days(start_ms, min(end_ms, newest_ms // DAY_MS * DAY_MS - 1))
        if first < last and _is_any_missing(db, series, first, last):
            with suppress(CannotWorkError), db.write() as connection:
                complete(connection, series, first, last)


def _is_any_missing(db: Database, series: int, first: int, last: int) -> bool:
    with db.reading() as connection:
        return bool(missing(connection, series, first, last))


def complete(connection: sqlite3.Connection, series: int, first: int, last: int) -> None:
    """Makes the missing sketches, in a transaction: no outcome can slip in between the scan and the sketch."""
    for day in missing(connection, series, first, last):
        _keep(connection, series, day, *_sketched(*_day(connection, series, day)))


def compare(connection: sqlite3.Connection, series: int, first: int) -> Iterator[tuple[int, bool]]:
    """(day, whether its sketch is that of its rows), from a day on."""
    for number, failed, sketch in connection.execute(
        "SELECT id, failed, sketch FROM day WHERE id >= ? AND id < ?", (_id(series, first), _id(series + 1, 0))).fetchall():
        day = number & _DAYS
        made, lost = _sketched(*_day(connection, series, day))
        yield day, (made.to_bytes(), lost) == (sketch, failed)


def _heard(connection: sqlite3.Connection, series: int, first: int, last: int) -> list[int]:
    """The days that have scheduled outcomes: their hours stay when their rows are pruned."""
    return [day for (day,) in connection.execute(
        "SELECT DISTINCT hour / 24 FROM hour WHERE series = ? AND hour >= ? AND hour < ?", (series, first * 24, last * 24))]


def _day(connection: sqlite3.Connection, series: int, day: int) -> Latencies:
    return raw(connection, series, day * DAY_MS - 1, (day + 1) * DAY_MS - 1)


def _sketched(values: Iterable[int], failed: int) -> tuple[Sketch, int]:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch, failed


def _keep(connection: sqlite3.Connection, series: int, day: int, sketch: Sketch, failed: int) -> None:
    connection.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", (_id(series, day), failed, sketch.to_bytes()))


def _id(series: int, day: int) -> int:
    """One whole number, because blobs in a table without rowid waste pages."""
    return series << 22 | day
