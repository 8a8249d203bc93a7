"""States of alerts, and the messages that their changes made: written together, delivered afterwards."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from slocheck.core.model import Alert, AlertState, Delivery, Event, Message
from slocheck.core.records import json_text
from slocheck.store.connection import Database, Row

BACK_OFF_MS = (10_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000)
"""How long a message waits after its first, second, … failure."""

ATTEMPTS = 8
"""After so many a message is dead; `alerts retry` revives it."""

_LONGEST_MS = BACK_OFF_MS[-1]
"""Nothing waits longer, whatever a receiver asks for. What seems to was written by a clock that was set back since."""

_MESSAGE = "SELECT id, destination, event, attempts, created, state, not_before, last_error FROM outbox"

_CLAIMABLE = """
SELECT id FROM outbox o
WHERE state = 'pending' AND NOT (not_before > :now AND not_before <= :far) AND NOT (lease_until > :now AND lease_until <= :far)
  AND NOT EXISTS (
    SELECT 1 FROM outbox e
    WHERE e.destination = o.destination AND e.episode = o.episode AND e.id < o.id AND e.state = 'pending' AND o.episode <> '')
ORDER BY id LIMIT :limit"""


def alerts(db: Database) -> list[Alert]:
    found = db.rows("SELECT subject, rule, state, severity, episode, since, data FROM alert ORDER BY subject, rule")
    return [
        Alert(
            subject=subject, rule=rule, state=AlertState(state), severity=severity, episode=episode, since_ms=since, data=json.loads(data),
        )
        for subject, rule, state, severity, episode, since, data in found
    ]


def commit(db: Database, states: Sequence[Alert], events: Sequence[tuple[Event, Sequence[str]]], now_ms: int) -> int:
    """One transaction: an alert whose message could not be written has not changed. One that holds nothing needs no row."""
    if not states and not events:
        return 0
    with db.write() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(a.subject, a.rule, a.state.value, a.severity, a.episode, a.since_ms, json_text(dict(a.data))) for a in states],
        )
        blank = [(a.subject, a.rule) for a in states if a == Alert(subject=a.subject, rule=a.rule)]
        connection.executemany("DELETE FROM alert WHERE subject = ? AND rule = ?", blank)
        return sum(_put(connection, event, destination, now_ms) for event, destinations in events for destination in destinations)


def _put(connection: sqlite3.Connection, event: Event, destination: str, now_ms: int) -> int:
    made = connection.execute(
        "INSERT INTO outbox (key, destination, episode, event, state, attempts, not_before, lease_until, last_error, created) "
        "VALUES (?, ?, ?, ?, 'pending', 0, ?, 0, '', ?) ON CONFLICT DO NOTHING",
        (event.key, destination, event.episode, json_text(asdict(event)), now_ms, now_ms),
    )
    return made.rowcount


def claim(db: Database, now_ms: int, lease_ms: int, limit: int) -> list[Message]:
    """Takes what is due. A message whose senders all died on it is dead as well: it may be what kills them."""
    if db.row("SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1") is None:
        return []
    with db.write() as connection:
        far = now_ms + max(_LONGEST_MS, lease_ms)
        connection.execute(
            "UPDATE outbox SET state = 'dead', last_error = 'no sender came back' "
            "WHERE state = 'pending' AND attempts >= ? AND lease_until <= ?", (ATTEMPTS, now_ms),
        )
        ids = [i for (i,) in connection.execute(_CLAIMABLE, {"now": now_ms, "far": far, "limit": limit}).fetchall()]
        connection.executemany(
            "UPDATE outbox SET attempts = attempts + 1, lease_until = ? WHERE id = ?", [(now_ms + lease_ms, i) for i in ids],
        )
        return [_message(row) for i in ids for row in connection.execute(f"{_MESSAGE} WHERE id = ?", (i,))]


def settle(db: Database, deliveries: Iterable[Delivery], now_ms: int) -> None:
    with db.write() as connection:
        for delivery in deliveries:
            if delivery.is_sent:
                connection.execute(
                    "UPDATE outbox SET state = 'sent', sent_at = ?, lease_until = 0, last_error = '' WHERE id = ?", (now_ms, delivery.id),
                )
            else:
                _fail(connection, delivery, now_ms)


def _fail(connection: sqlite3.Connection, delivery: Delivery, now_ms: int) -> None:
    """Only a pending message can fail: one that another sender got through stays sent."""
    held = connection.execute("SELECT attempts FROM outbox WHERE id = ? AND state = 'pending'", (delivery.id,)).fetchone()
    if held is None:
        return
    attempts = max(1, held[0])
    is_dead = delivery.is_final or attempts >= ATTEMPTS
    wait_ms = max(BACK_OFF_MS[min(attempts, len(BACK_OFF_MS)) - 1], min(delivery.retry_after_ms or 0, _LONGEST_MS))
    connection.execute(
        "UPDATE outbox SET state = ?, not_before = ?, lease_until = 0, last_error = ? WHERE id = ?",
        ("dead" if is_dead else "pending", now_ms + wait_ms, delivery.error, delivery.id),
    )


def messages(db: Database, states: Sequence[str]) -> list[Message]:
    where = f" WHERE state IN ({', '.join('?' * len(states))})" if states else ""
    return [_message(row) for row in db.rows(f"{_MESSAGE}{where} ORDER BY id", tuple(states))]


def revive(db: Database, ids: Sequence[int], now_ms: int) -> int:
    with db.write() as connection:
        sql = "UPDATE outbox SET state = 'pending', attempts = 0, not_before = ?, lease_until = 0 WHERE id = ? AND state = 'dead'"
        return sum(connection.execute(sql, (now_ms, i)).rowcount for i in ids)


def _message(row: Row) -> Message:
    number, destination, event, attempts, created, state, not_before, last_error = row
    values: dict[str, Any] = json.loads(event)
    return Message(
        id=number, destination=destination, event=Event(**values), attempts=attempts, created_ms=created, state=state,
        not_before_ms=not_before, last_error=last_error,
    )
