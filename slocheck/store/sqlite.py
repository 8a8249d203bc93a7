"""The store in one SQLite file: each method of the `Store` protocol, in the words of the module that does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from slocheck.core.model import Alert, Delivery, Event, Maintenance, Message, Outcome, Point, Role, Sli
from slocheck.core.sketch import Sketch
from slocheck.store import Census, Claim, Heard, care, claims, counters, days, declared, outbox, reading, recording, remembered
from slocheck.store.connection import Database, connect, copied, may_only_be_read
from slocheck.store.faults import damaged

_EVER_MS = 1 << 60


def open_store(url: str) -> SqliteStore:
    """Opens the store at a path, `sqlite:///…` or `:memory:`; makes it, or brings it to this version, where that is due.

    Raises UserError for an address that is none, CannotWorkError for a store that cannot be used.
    """
    return SqliteStore(connect(url))


def open_copy(path: str) -> SqliteStore | None:
    """What a store holds, for a user who may read its file and not write beside it; None where that is not the trouble."""
    return SqliteStore(copied(path)) if may_only_be_read(path) else None


class SqliteStore:
    """See `Store`. `check` names a check whatever suite it was recorded under, so a renamed suite keeps its history."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._shelf = remembered.HourShelf(db)

    # --- what is due ---
    def claim(self, due: Mapping[str, int], *, location: str, owner: str, now_ms: int, lease_ms: int) -> list[Claim]:
        return claims.claim(self._db, due, location=location, owner=owner, now_ms=now_ms, lease_ms=lease_ms)

    def release(self, owner: str) -> None:
        claims.release(self._db, owner)

    def last_due(self, location: str) -> dict[str, int]:
        return claims.last_due(self._db, location)

    # --- outcomes ---
    def record(self, outcomes: Sequence[Outcome]) -> int:
        self._shelf.recorded += 1
        return recording.record(self._db, outcomes)

    def merge(self, outcomes: Iterable[Outcome]) -> int:
        self._shelf.recorded += 1
        return recording.merge(self._db, outcomes)

    def outcomes(
        self, *, check: str | None = None, location: str | None = None, start_ms: int | None = None,
        end_ms: int | None = None, roles: Sequence[Role] = (), newest_first: bool = False, limit: int | None = None,
    ) -> Iterator[Outcome]:
        wanted = reading.Range(
            start_ms=-_EVER_MS if start_ms is None else start_ms, end_ms=_EVER_MS if end_ms is None else end_ms,
            roles=tuple(roles), is_newest_first=newest_first,
        )
        return reading.stream(self._db, reading.series(self._db, check, location), wanted, limit)

    def points(self, check: str, location: str, sli: Sli, *, start_ms: int, end_ms: int) -> list[Point]:
        return reading.points(self._db, reading.series(self._db, check, location), sli, start_ms, end_ms)

    def instants(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[list[int], list[int]]:
        return reading.instants(self._db, reading.series(self._db, check, location), start_ms, end_ms)

    def birth_ms(self, check: str, location: str | None = None) -> int | None:
        births = [s.birth_ms for s in reading.series(self._db, check, location) if s.birth_ms is not None]
        return min(births, default=None)

    def heard(self, *, since_ms: int, now_ms: int) -> list[Heard]:
        return reading.heard(self._db, since_ms, now_ms)

    def checks(self) -> tuple[str, ...]:
        return tuple(sorted({s.check for s in reading.series(self._db)}))

    def locations(self, check: str) -> tuple[str, ...]:
        return tuple(sorted({s.location for s in reading.series(self._db, check)}))

    def counts(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[int, int, int]:
        parts = [counters.between(self._db, s.id, start_ms, end_ms) for s in reading.series(self._db, check, location)]
        return reduce(counters.plus, parts, counters.NONE)

    def latencies(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[list[int], int]:
        some = reading.series(self._db, check, location)
        with self._db.reading() as connection:
            parts = [days.raw(connection, s.id, start_ms, end_ms) for s in some]
        return [value for values, _ in parts for value in values], sum(failed for _, failed in parts)

    def sketch(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[Sketch, int]:
        return self._sketch(reading.series(self._db, check, location), start_ms, end_ms)

    def _sketch(self, some: Sequence[reading.Series], start_ms: int, end_ms: int) -> tuple[Sketch, int]:
        days.keep_closed(self._db, [(s.id, s.newest_ms) for s in some if s.newest_ms is not None], start_ms, end_ms)
        whole, lost = Sketch(), 0
        with self._db.reading() as connection:
            kept_from_ms = counters.kept_from(connection)
            try:
                for s in some:
                    sketch, failed = days.between(connection, s.id, start_ms, end_ms, kept_from_ms)
                    whole.merge(sketch)
                    lost += failed
            except ValueError as error:
                raise damaged(self._db.path, str(error)) from error
        return whole, lost

    def kept_from_ms(self) -> int | None:
        with self._db.reading() as connection:
            return counters.kept_from(connection) or None

    # --- what figures keep ---
    def slo_hours(self, digest: str, *, start_ms: int, end_ms: int) -> dict[int, str]:
        return self._shelf.hours(digest, start_ms, end_ms)

    def keep_slo_hours(self, digest: str, hours: Mapping[int, str]) -> None:
        self._shelf.keep(digest, hours)

    # --- what checks remember ---
    def recall(self, check: str, location: str) -> Mapping[str, Any]:
        return remembered.recall(self._db, check, location)

    def remember(self, check: str, location: str, memory: Mapping[str, Any]) -> None:
        remembered.remember(self._db, check, location, memory)

    # --- alerts and the outbox ---
    def alerts(self) -> list[Alert]:
        return outbox.alerts(self._db)

    def commit(self, alerts: Sequence[Alert], events: Sequence[tuple[Event, Sequence[str]]], *, now_ms: int) -> int:
        return outbox.commit(self._db, alerts, events, now_ms)

    def claim_messages(self, *, now_ms: int, lease_ms: int, limit: int = 100) -> list[Message]:
        return outbox.claim(self._db, now_ms, lease_ms, limit)

    def settle(self, deliveries: Iterable[Delivery], *, now_ms: int) -> None:
        outbox.settle(self._db, deliveries, now_ms)

    def messages(self, *, states: Sequence[str] = ()) -> list[Message]:
        return outbox.messages(self._db, states)

    def revive(self, ids: Sequence[int], *, now_ms: int) -> int:
        return outbox.revive(self._db, ids, now_ms)

    # --- maintenance ---
    def maintenance(self) -> list[Maintenance]:
        return declared.maintenance(self._db)

    def add_maintenance(self, entry: Maintenance, *, now_ms: int) -> bool:
        return declared.add(self._db, entry, now_ms)

    def remove_maintenance(self, key: str) -> bool:
        return declared.remove(self._db, key)

    # --- care ---
    def checkpoint(self) -> None:
        care.checkpoint(self._db)

    def check(self) -> list[str]:
        return care.check(self._db)

    def census(self) -> Census:
        return care.census(self._db)

    def backup(self, path: str) -> None:
        care.backup(self._db, path)

    def prune(self, *, before_ms: int) -> int:
        return care.prune(self._db, before_ms)

    def prunable(self, *, before_ms: int) -> int:
        return care.prunable(self._db, before_ms)

    def size_bytes(self) -> int:
        return care.size_bytes(self._db)

    def close(self) -> None:
        self._db.close()
