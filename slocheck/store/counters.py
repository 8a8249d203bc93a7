"""Hourly counters: how many scheduled outcomes of each verdict a series has had by the end of an hour.

They are cumulative, so a window of any length costs two look-ups and the raw rows of the two hours that its edges cut.
A late outcome raises every hour from its own on: the figures are those of a scan, in whatever order outcomes came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slocheck.core.model import Outcome
from slocheck.store import rows
from slocheck.store.connection import Database

if TYPE_CHECKING:
    from slocheck.store.recording import Series

HOUR_MS = 3_600_000

Counts = tuple[int, int, int]
"""Good, bad, unknown."""

NONE: Counts = (0, 0, 0)

_ROWS = """
SELECT total(verdict = 0), total(verdict = 1), total(verdict = 2) FROM outcome
WHERE series = ? AND at > ? AND at <= ? AND slot & 3 = 0"""
_HOUR = """
SELECT total(good), total(bad), total(unknown) FROM (
  SELECT good, bad, unknown FROM hour WHERE series = ? AND hour < ? ORDER BY hour DESC LIMIT 1)"""
_KEPT = "SELECT total(value), 0, 0 FROM meta WHERE name = 'kept_from'"


def plus(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def minus(one: Counts, other: Counts) -> Counts:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def count(connection: sqlite3.Connection, changed: Sequence[Series]) -> None:
    """Adds the outcomes that series gained."""
    newest: list[tuple[int, ...]] = []
    for series in changed:
        added = _by_hour(series.added)
        if series.newest is not None and len(added) == 1 and series.newest // HOUR_MS in added:  # nearly always
            newest += [(*counts, series.id, hour) for hour, counts in added.items()]
        else:
            _count_anywhere(connection, series.id, added)
    connection.executemany(
        "UPDATE hour SET good = good + ?, bad = bad + ?, unknown = unknown + ? WHERE series = ? AND hour = ?", newest,
    )


def _by_hour(outcomes: Iterable[Outcome]) -> dict[int, Counts]:
    added: dict[int, Counts] = {}
    for outcome in outcomes:
        hour = outcome.at_ms // HOUR_MS
        good, bad, unknown = added.get(hour, NONE)
        verdict = rows.verdict_number(outcome)
        added[hour] = good + (verdict == 0), bad + (verdict == 1), unknown + (verdict == 2)
    return added


def _count_anywhere(connection: sqlite3.Connection, series: int, added: Mapping[int, Counts]) -> None:
    first = min(added)
    found = connection.execute("SELECT hour, good, bad, unknown FROM hour WHERE series = ? AND hour >= ?", (series, first))
    held: dict[int, Counts] = {hour: (good, bad, unknown) for hour, good, bad, unknown in found}
    before = NONE if first in held else before_hour(connection, series, first)
    connection.executemany(
        "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)",
        [(series, hour, *counts) for hour, counts in _raised(held, added, before)],
    )


def _raised(held: Mapping[int, Counts], added: Mapping[int, Counts], before: Counts) -> Iterator[tuple[int, Counts]]:
    """The counters from the first hour that gains on, as they must be now."""
    was, gained = before, NONE
    for hour in sorted({*held, *added}):
        was, gained = held.get(hour, was), plus(gained, added.get(hour, NONE))
        yield hour, plus(was, gained)


def before_hour(connection: sqlite3.Connection, series: int, hour: int) -> Counts:
    """What there was before an hour began."""
    found: Counts | None = connection.execute(
        "SELECT good, bad, unknown FROM hour WHERE series = ? AND hour < ? ORDER BY hour DESC LIMIT 1", (series, hour),
    ).fetchone()
    return found or NONE


def between(db: Database, series: int, start_ms: int, end_ms: int) -> Counts:
    """Scheduled outcomes with start < at <= end. Where raw rows were pruned, an edge is moved to the begin of its hour.

    One statement, and so one state of the store.
    """
    if end_ms <= start_ms:
        return NONE
    start_hour, end_hour = start_ms // HOUR_MS, end_ms // HOUR_MS
    if start_hour == end_hour:
        parts = _parts(db, f"{_KEPT} UNION ALL {_ROWS}", (series, start_ms, end_ms))
        return parts[1] if start_ms >= parts[0][0] else NONE
    parts = _parts(
        db, f"{_KEPT} UNION ALL {_ROWS} UNION ALL {_ROWS} UNION ALL {_HOUR} UNION ALL {_HOUR}",
        (series, start_hour * HOUR_MS - 1, start_ms, series, end_hour * HOUR_MS - 1, end_ms, series, start_hour, series, end_hour),
    )
    kept_from_ms = parts[0][0]
    until_start = parts[3] if start_ms < kept_from_ms else plus(parts[3], parts[1])
    until_end = parts[4] if end_ms < kept_from_ms else plus(parts[4], parts[2])
    return minus(until_end, until_start)


def _parts(db: Database, sql: str, values: Sequence[int]) -> list[Counts]:
    return [(int(good), int(bad), int(unknown)) for good, bad, unknown in db.rows(sql, values)]


def kept_from(connection: sqlite3.Connection) -> int:
    """The instant from which on all raw rows are kept; 0 where nothing was pruned."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'kept_from'").fetchone()
    return int(found[0]) if found else 0
