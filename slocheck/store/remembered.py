"""What is kept between runs beside outcomes: what checks remember, and hours of figures that are known already."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slocheck.core.records import json_text
from slocheck.store.connection import Database
from slocheck.store.counters import HOUR_MS

if TYPE_CHECKING:
    from slocheck.store.recording import Series


def recall(db: Database, check: str, location: str) -> Mapping[str, Any]:
    found = db.row('SELECT text FROM memory WHERE "check" = ? AND location = ?', (check, location))
    memory: Mapping[str, Any] = json.loads(found[0]) if found else {}
    return memory


def remember(db: Database, check: str, location: str, memory: Mapping[str, Any]) -> None:
    with db.write() as connection:
        connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (check, location, json_text(dict(memory))))


# --- hours of figures ----------------------------------------------------------------------------------------------


class HourShelf:
    """Hours that were computed from outcomes. What was computed before somebody else wrote is not taken any more: an
    outcome may have come in between, and would never be seen."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.seen: dict[str, int] = {}
        self.recorded = 0

    def hours(self, digest: str, start_ms: int, end_ms: int) -> dict[int, str]:
        self.seen[digest] = self._state()
        found = self.db.rows(
            "SELECT hour, text FROM slo_hour JOIN slo ON slo.id = slo_hour.slo WHERE digest = ? AND hour >= ? AND hour < ?",
            (digest, -(-start_ms // HOUR_MS), -(-end_ms // HOUR_MS)),
        )
        return {hour * HOUR_MS: text for hour, text in found}

    def keep(self, digest: str, hours: Mapping[int, str]) -> None:
        if not hours:
            return
        with self.db.write() as connection:
            if self.seen.get(digest) == self._state():
                _keep(connection, digest, {ms // HOUR_MS: text for ms, text in hours.items()})

    def _state(self) -> int:
        """Differs after any write of another process (SQLite's `data_version`), and after a `record` of our own."""
        version = self.db.row("PRAGMA data_version")
        return (int(version[0]) if version else 0) << 32 | self.recorded


def _keep(connection: sqlite3.Connection, digest: str, hours: Mapping[int, str]) -> None:
    last = max(hours)
    connection.execute(
        "INSERT INTO slo (digest, last) VALUES (?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)", (digest, last),
    )
    (slo,) = connection.execute("SELECT id FROM slo WHERE digest = ?", (digest,)).fetchone()
    connection.executemany("INSERT OR REPLACE INTO slo_hour VALUES (?, ?, ?)", [(slo, hour, text) for hour, text in hours.items()])


def forget_hours(connection: sqlite3.Connection, changed: Sequence[Series], kept_from_ms: int) -> None:
    """Drops the hours that new outcomes could change: those from the earliest instant on whose owner they move.

    Hours from before the raw rows were pruned stay: nothing is left to compute them from.
    """
    (kept,) = connection.execute("SELECT max(last) FROM slo").fetchone()
    if kept is None:
        return
    first = max(min(_first_moved(connection, series) for series in changed), kept_from_ms) // HOUR_MS
    if kept >= first:
        stale = [slo for (slo,) in connection.execute("SELECT id FROM slo WHERE last >= ?", (first,))]
        connection.executemany("DELETE FROM slo_hour WHERE slo = ? AND hour >= ?", [(slo, first) for slo in stale])
        connection.executemany("UPDATE slo SET last = ? WHERE id = ?", [(first - 1, slo) for slo in stale])


def _first_moved(connection: sqlite3.Connection, series: Series) -> int:
    """An outcome takes at most one interval from its own left, and at most one of its predecessor's from that one's right."""
    first = min(o.at_ms - 2 * o.every_ms for o in series.added)
    before = connection.execute(
        "SELECT o.at, t.every FROM outcome o LEFT JOIN terms t ON t.id = o.terms "
        "WHERE series = ? AND at < ? AND slot & 3 = 0 ORDER BY at DESC LIMIT 1", (series.id, series.first),
    ).fetchone()
    if before is None or before[0] + 2 * (before[1] or 0) < series.first:
        return first
    return min(first, int(before[0]))
