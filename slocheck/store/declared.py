"""Maintenance that was declared by command: kept beside what the suite's file declares, until it is removed."""

from __future__ import annotations

import json

from slocheck.core.maintenance import identity
from slocheck.core.model import Maintenance
from slocheck.core.records import json_text
from slocheck.store.connection import Database


def maintenance(db: Database) -> list[Maintenance]:
    found = db.rows('SELECT checks, start, "end", reason, author FROM maintenance ORDER BY start, id')
    return [
        Maintenance(checks=tuple(json.loads(checks)), start_ms=start, end_ms=end, reason=reason, author=author)
        for checks, start, end, reason, author in found
    ]


def add(db: Database, entry: Maintenance, now_ms: int) -> bool:
    row = (identity(entry), json_text(list(entry.checks)), entry.start_ms, entry.end_ms, entry.reason, entry.author, now_ms)
    with db.write() as connection:
        return connection.execute("INSERT INTO maintenance VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount > 0


def remove(db: Database, key: str) -> bool:
    with db.write() as connection:
        return connection.execute("DELETE FROM maintenance WHERE id = ?", (key,)).rowcount > 0
