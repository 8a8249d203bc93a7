"""Writing outcomes: rows, counters, and all that follows from a row, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any

from slocheck.core.model import Outcome, Role
from slocheck.store import claims, counters, days, remembered, rows
from slocheck.store.connection import Database

_NEVER = 1 << 62
_MANY = 16
_ALL_SERIES = 'SELECT suite, id, "check", location, birth, newest, last_due FROM series LIMIT ?'
_ONE_SERIES = (
    'SELECT id, "check", location, birth, newest, last_due FROM series WHERE "check" = ? AND location = ? AND suite = ?'
)
_CHUNK = 5_000
"""Rows per transaction of an import: some 50 ms, so that runs beside it hardly wait."""


@dataclass(slots=True)
class Series:
    """What outcomes are filed under, as it was before this transaction, and the scheduled ones that it gained."""

    id: int
    check: str
    location: str
    birth: int | None
    newest: int | None
    last_due: int | None
    added: list[Outcome] = field(default_factory=list)
    first: int = _NEVER
    last: int = -_NEVER
    due: int = -_NEVER

    def gain(self, outcome: Outcome) -> None:
        self.added.append(outcome)
        self.first = min(self.first, outcome.at_ms)
        self.last = max(self.last, outcome.at_ms)
        self.due = max(self.due, outcome.due_ms)

    def values(self) -> tuple[int, int, int, int]:
        """What the row of `series` must hold now."""
        birth = self.first if self.birth is None else min(self.birth, self.first)
        newest = self.last if self.newest is None else max(self.newest, self.last)
        return birth, newest, self.due if self.last_due is None else max(self.last_due, self.due), self.id


def record(db: Database, outcomes: Sequence[Outcome]) -> int:
    """Our own outcomes: one transaction. Two runs within one millisecond are two outcomes, so the later gets the next tie."""
    with db.write() as connection:
        new = Batch(connection, is_ours=True).write(outcomes)
        if outcomes:
            claims.renew(connection, outcomes[-1].run, max(o.at_ms + o.took_us // 1000 for o in outcomes))
        return new


def merge(db: Database, outcomes: Iterable[Outcome]) -> int:
    """Outcomes that were recorded before, here or elsewhere, in any order: one id is one outcome. Short transactions."""
    added, left = 0, iter(outcomes)
    while chunk := list(islice(left, _CHUNK)):
        with db.write() as connection:
            batch = Batch(connection, is_ours=False)
            # older ones were counted before they were pruned: they would count twice
            added += batch.write([o for o in sorted(chunk, key=attrgetter("at_ms")) if o.at_ms >= batch.kept_from])
    return added


class Batch:
    """One transaction's outcomes."""

    def __init__(self, connection: sqlite3.Connection, *, is_ours: bool) -> None:
        self.connection = connection
        self.is_ours = is_ours
        self.kept_from = counters.kept_from(connection)
        self.series: dict[tuple[str, str, str], Series] = {}
        self.terms: dict[tuple[str, int], int] = {}
        self.runs: dict[str, int] = {}
        self.details: dict[str, int] = {"": 0}
        self.new = 0

    def write(self, outcomes: Sequence[Outcome]) -> int:
        """Stores what is new of them, with all that is computed from it; returns how many that were."""
        self._look_up_series(len(outcomes))
        if not self._insert_all(outcomes):
            put = self._put_ours if self.is_ours else self._put
            for outcome in outcomes:
                put(outcome)
        self._finish()
        return self.new

    def _insert_all(self, outcomes: Sequence[Outcome]) -> bool:
        """All at once, which is nearly always right; nothing where one of them is there already or has an id of its own."""
        if len(outcomes) < 2 or any(o.foreign_id for o in outcomes):
            return False
        values = [self._values(o, self._series(o), rows.slot_of(o)) for o in outcomes]
        before = self.connection.total_changes
        self.connection.execute("SAVEPOINT all_at_once")
        self.connection.executemany(rows.INSERT, values)
        is_all = self.connection.total_changes - before == len(values)
        if not is_all:
            self.connection.execute("ROLLBACK TO all_at_once")
        self.connection.execute("RELEASE all_at_once")
        if is_all:
            for outcome in outcomes:
                self._gain(outcome, self._series(outcome))
        return is_all

    def _put_ours(self, outcome: Outcome) -> None:
        """Stores it under the first tie that is free, unless this run stored it already."""
        series, slot = self._series(outcome), rows.slot_of(outcome)
        while not self._insert(outcome, series, slot):
            held = self.connection.execute(
                "SELECT r.name FROM outcome o JOIN run r ON r.id = o.run WHERE series = ? AND at = ? AND slot = ?",
                (series.id, outcome.at_ms, slot),
            ).fetchone()
            slot += 4
            if held == (outcome.run,) or slot >= rows.FOREIGN:
                return

    def _put(self, outcome: Outcome) -> None:
        """Stores it unless its id is there."""
        series, slot = self._series(outcome), rows.slot_of(outcome)
        if outcome.foreign_id:
            self._put_foreign(outcome, series, slot)
        else:
            self._insert(outcome, series, slot)

    def _put_foreign(self, outcome: Outcome, series: Series, role: int) -> None:
        if self.connection.execute('SELECT 1 FROM "foreign" WHERE id = ?', (outcome.foreign_id,)).fetchone():
            return
        place = (series.id, outcome.at_ms)
        slot = rows.FOREIGN + role % 4
        while not self._insert(outcome, series, slot):
            slot += 4
        self.connection.execute('INSERT INTO "foreign" VALUES (?, ?, ?, ?)', (outcome.foreign_id, *place, slot))

    def _insert(self, outcome: Outcome, series: Series, slot: int) -> bool:
        if not self.connection.execute(rows.INSERT, self._values(outcome, series, slot)).rowcount:
            return False
        self._gain(outcome, series)
        return True

    def _values(self, outcome: Outcome, series: Series, slot: int) -> tuple[Any, ...]:
        return rows.row(
            outcome, series.id, slot, self._terms(outcome.kind, outcome.every_ms), self._run(outcome.run),
            self._detail(rows.findings_text(outcome.findings)), self._detail(rows.facts_text(outcome.facts)),
        )

    def _gain(self, outcome: Outcome, series: Series) -> None:
        self.new += 1
        if outcome.role is Role.SCHEDULED:
            series.gain(outcome)

    def _finish(self) -> None:
        """Brings everything that is computed from rows up to them."""
        changed = [series for series in self.series.values() if series.added]
        if changed:
            counters.count(self.connection, changed)
            days.add_late(self.connection, changed, self.kept_from)
            remembered.forget_hours(self.connection, changed, self.kept_from)
            self.connection.executemany(
                "UPDATE series SET birth = ?, newest = ?, last_due = ? WHERE id = ?", [series.values() for series in changed],
            )
            if self.is_ours:
                claims.end(self.connection, [(series.check, series.location, series.due) for series in changed])

    # --- what rows refer to ---
    def _look_up_series(self, outcomes: int) -> None:
        """Where many come, one question for all series is cheaper than one for each; in a store of very many it is not."""
        if outcomes >= _MANY:
            for suite, *held in self.connection.execute(_ALL_SERIES, (4 * outcomes,)):
                found = Series(*held)
                self.series[found.check, found.location, suite] = found

    def _series(self, outcome: Outcome) -> Series:
        key = (outcome.check, outcome.location, outcome.suite)
        found = self.series.get(key)
        if found is None:
            found = self.series[key] = Series(*self._series_row(key))
        return found

    def _series_row(self, key: tuple[str, str, str]) -> tuple[Any, ...]:
        held: tuple[Any, ...] | None = self.connection.execute(_ONE_SERIES, key).fetchone()
        if held is None:
            made = self.connection.execute('INSERT INTO series ("check", location, suite) VALUES (?, ?, ?)', key)
            held = (made.lastrowid, key[0], key[1], None, None, None)
        return held

    def _terms(self, kind: str, every_ms: int) -> int:
        found = self.terms.get((kind, every_ms))
        if found is None:
            found = self.terms[kind, every_ms] = self._row_of("terms", ("kind", "every"), (kind, every_ms))
        return found

    def _run(self, name: str) -> int:
        found = self.runs.get(name)
        if found is None:
            found = self.runs[name] = self._row_of("run", ("name",), (name,))
        return found

    def _detail(self, text: str) -> int:
        found = self.details.get(text)
        if found is None:
            number = rows.hash_of(text)
            held = self.connection.execute("SELECT id FROM detail WHERE hash = ? AND text = ?", (number, text)).fetchone()
            found = self.details[text] = held[0] if held else self._made("detail", ("hash", "text"), (number, text))
        return found

    def _row_of(self, table: str, columns: tuple[str, ...], values: tuple[str | int, ...]) -> int:
        where = " AND ".join(f"{c} = ?" for c in columns)
        held = self.connection.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()  # noqa: S608 - names of ours
        return int(held[0]) if held else self._made(table, columns, values)

    def _made(self, table: str, columns: tuple[str, ...], values: tuple[str | int, ...]) -> int:
        marks = ", ".join("?" * len(values))
        made = self.connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608 - names of ours
        return int(made.lastrowid or 0)
