"""Who probes what: of two overlapping runs exactly one gets a due check."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from slocheck.store import Claim
from slocheck.store.connection import Database

_SLACK_MS = 10_000
"""An instant further ahead of now than this was written by a clock that has been set back since, and is disbelieved: a
waiting check must not be silenced. Less may be a process that waited for the store."""

_TAKE = """
INSERT INTO claim VALUES (:check, :location, :due, :owner, :now, :until)
ON CONFLICT DO UPDATE SET due = excluded.due, owner = excluded.owner, since = excluded.since, until = excluded.until
WHERE claim.due < excluded.due OR claim.until <= :now OR claim.since > :now + :slack"""

_DISBELIEVE = """
UPDATE series SET last_due = NULL WHERE "check" = :check AND location = :location AND last_due > :now + :slack"""

_ASKED = 'SELECT 1 FROM series WHERE "check" = :check AND location = :location AND last_due BETWEEN :due AND :now + :slack'


def claim(db: Database, due: Mapping[str, int], *, location: str, owner: str, now_ms: int, lease_ms: int) -> list[Claim]:
    """Of {check: due instant} what nobody probed or claimed yet."""
    with db.write() as connection:
        wanted: dict[str, str | int] = {"location": location, "owner": owner, "now": now_ms, "until": now_ms + lease_ms, "slack": _SLACK_MS}
        return [
            Claim(check=check, due_ms=due_ms) for check, due_ms in due.items()
            if _take(connection, {**wanted, "check": check, "due": due_ms})
        ]


def _take(connection: sqlite3.Connection, values: Mapping[str, str | int]) -> bool:
    is_taken = connection.execute(_ASKED, values).fetchone() is None and connection.execute(_TAKE, values).rowcount == 1
    if is_taken:
        connection.execute(_DISBELIEVE, values)  # else the check would be due in every run until that instant
    return is_taken


def release(db: Database, owner: str) -> None:
    if db.row("SELECT 1 FROM claim WHERE owner = ?", (owner,)):  # a run without claims waits for nobody
        with db.write() as connection:
            connection.execute("DELETE FROM claim WHERE owner = ?", (owner,))


def end(connection: sqlite3.Connection, done: Sequence[tuple[str, str, int]]) -> None:
    """Ends the claims of what was recorded: (check, location, instant it was due)."""
    if connection.execute("SELECT 1 FROM claim LIMIT 1").fetchone():
        connection.executemany('DELETE FROM claim WHERE "check" = ? AND location = ? AND due <= ?', done)


def renew(connection: sqlite3.Connection, owner: str, heard_ms: int) -> None:
    """A run that still brings outcomes is alive: what else it claimed stays its own for another lease. Targets that hang
    make a run far longer than any one probe."""
    connection.execute(
        "UPDATE claim SET until = ? + until - since, since = ? WHERE owner = ? AND since < ?", (heard_ms, heard_ms, owner, heard_ms),
    )


def last_due(db: Database, location: str) -> dict[str, int]:
    """{check: due instant of the newest scheduled outcome}."""
    found = db.rows('SELECT "check", max(last_due) FROM series WHERE location = ? AND last_due NOT NULL GROUP BY 1', (location,))
    return dict(found)
