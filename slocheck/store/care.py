"""Looking after a store: is it sound, a copy of it, and less of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from slocheck.core.errors import UserError
from slocheck.core.units import rfc3339
from slocheck.store import Census, counters, days, migrations
from slocheck.store.connection import Database
from slocheck.store.counters import HOUR_MS
from slocheck.store.days import DAY_MS
from slocheck.store.faults import damaged, is_corrupt, of_system, told
from slocheck.store.place import make_room

_SHOWN = 20
_WEEK_MS = 7 * DAY_MS


def census(db: Database) -> Census:
    with db.reading() as connection:
        def one(sql: str) -> tuple[int, ...]:
            found: tuple[int, ...] = connection.execute(sql).fetchone()
            return found

        first, last = one("SELECT min(birth), max(newest) FROM series")
        waiting, dead = one("SELECT total(state = 'pending'), total(state = 'dead') FROM outbox")
        return Census(
            version=one("PRAGMA user_version")[0], outcomes=one("SELECT count(*) FROM outcome")[0],
            checks=one('SELECT count(DISTINCT "check") FROM series')[0], first_ms=first, last_ms=last,
            kept_from_ms=counters.kept_from(connection), waiting=int(waiting), dead=int(dead),
        )


def size_bytes(db: Database) -> int:
    """Of the file with its log; of a store in memory, its pages."""
    if db.is_memory:
        pages, size = (db.row(f"PRAGMA {name}") or (0,) for name in ("page_count", "page_size"))
        return int(pages[0] * size[0])
    total = 0
    for path in (db.path, f"{db.path}-wal"):
        with suppress(FileNotFoundError):
            total += Path(path).stat().st_size
    return total


def checkpoint(db: Database) -> None:
    """Moves the log into the file and waits for the disk. What a reader still holds back is moved by a later one."""
    busy, pages, moved = db.row("PRAGMA wal_checkpoint(PASSIVE)") or (0, 0, 0)
    if busy or moved < pages:
        db.row("PRAGMA wal_checkpoint(FULL)")


# --- check ---------------------------------------------------------------------------------------------------------


def check(db: Database) -> list[str]:
    """SQLite's own examination, then ours: what was computed from rows must be what a scan of the rows gives."""
    with db.reading() as connection:
        said = "\n".join(str(text) for (text,) in connection.execute(f"PRAGMA integrity_check({_SHOWN})"))
        if said != "ok":  # a broken tree would make our own questions fail
            return [f"SQLite: {line}" for line in said.splitlines() if not line.startswith("***")][:_SHOWN]
        return [*_references(connection), *_series(connection), *_counters(connection), *_sketches(connection), *_messages(connection)]


def _references(connection: sqlite3.Connection) -> Iterator[str]:
    for column, table in (("series", "series"), ("terms", "terms"), ("run", "run"), ("findings", "detail"), ("facts", "detail")):
        (lost,) = connection.execute(
            f"SELECT count(*) FROM outcome WHERE {column} <> 0 AND {column} NOT IN (SELECT id FROM {table})",  # noqa: S608 - names of ours
        ).fetchone()
        if lost:
            yield f"{lost} outcomes refer to a row of {table} that is not there ({column})"
    (lost,) = connection.execute(
        'SELECT count(*) FROM "foreign" f WHERE NOT EXISTS '
        "(SELECT 1 FROM outcome o WHERE o.series = f.series AND o.at = f.at AND o.slot = f.slot)",
    ).fetchone()
    if lost:
        yield f"{lost} imported ids belong to no outcome"


def _series(connection: sqlite3.Connection) -> Iterator[str]:
    is_pruned = counters.kept_from(connection) > 0
    for number, check, location, birth, newest in connection.execute('SELECT id, "check", location, birth, newest FROM series'):
        first, last = connection.execute(
            "SELECT min(at), max(at) FROM outcome WHERE series = ? AND slot & 3 = 0", (number,)).fetchone()
        is_true = newest == last and (birth == first or (is_pruned and birth is not None and birth <= first))
        if not is_true:
            yield f"{check} at {location}: its first and newest outcome are not what is noted"


def _counters(connection: sqlite3.Connection) -> Iterator[str]:
    """Per series and hour from where raw rows are kept: the counter's step against a count of the rows."""
    first = counters.kept_from(connection) // HOUR_MS
    for number, check, location in connection.execute('SELECT id, "check", location FROM series').fetchall():
        steps = dict(_steps(connection, number, first))
        counted = {
            hour: (good, bad, unknown) for hour, good, bad, unknown in connection.execute(
                "SELECT at / 3600000, sum(verdict = 0), sum(verdict = 1), sum(verdict = 2) FROM outcome "
                "WHERE series = ? AND at >= ? AND slot & 3 = 0 GROUP BY 1", (number, first * HOUR_MS))
        }
        for hour in sorted(steps.keys() | counted.keys()):
            if steps.get(hour, counters.NONE) != counted.get(hour, counters.NONE):
                yield (
                    f"{check} at {location}: the hour {rfc3339(hour * HOUR_MS)} counts {steps.get(hour, counters.NONE)} "
                    f"good, bad, unknown; its rows are {counted.get(hour, counters.NONE)}"
                )
                break  # a wrong step spoils the later ones too


def _steps(connection: sqlite3.Connection, series: int, first: int) -> Iterator[tuple[int, counters.Counts]]:
    last = counters.before_hour(connection, series, first)
    for hour, *counts in connection.execute(
        "SELECT hour, good, bad, unknown FROM hour WHERE series = ? AND hour >= ? ORDER BY hour", (series, first)).fetchall():
        now = (counts[0], counts[1], counts[2])
        yield hour, counters.minus(now, last)
        last = now


def _sketches(connection: sqlite3.Connection) -> Iterator[str]:
    first = counters.kept_from(connection) // DAY_MS
    for number, check, location in connection.execute('SELECT id, "check", location FROM series').fetchall():
        for day, is_true in days.compare(connection, number, first):
            if not is_true:
                yield f"{check} at {location}: the latencies kept of {rfc3339(day * DAY_MS)[:10]} are not those of its rows"


def _messages(connection: sqlite3.Connection) -> Iterator[str]:
    (strange,) = connection.execute("SELECT count(*) FROM outbox WHERE state NOT IN ('pending', 'sent', 'dead')").fetchone()
    if strange:
        yield f"{strange} messages are in a state that is none"


# --- backup --------------------------------------------------------------------------------------------------------


def backup(db: Database, path: str) -> None:
    """A copy of one moment, whole or not at all, while others go on writing. Replaces an older backup, nothing else."""
    target = Path(path)
    make_room(path)
    _refuse_to_replace(db, target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        _copy(db, partial)
        partial.replace(target)
    except OSError as error:
        raise of_system(error, target, "write") from error
    finally:
        for rest in (partial, Path(f"{partial}-journal")):
            rest.unlink(missing_ok=True)


def _copy(db: Database, partial: Path) -> None:
    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        db.connection.backup(copy)  # in one step, so it is one moment
        copy.execute("PRAGMA journal_mode = DELETE")  # one file; it takes a log again when it is opened as a store
    except sqlite3.Error as error:
        ours = told(error, str(partial))
        raise (damaged(db.path, str(error)) if is_corrupt(error) else ours or error) from error
    finally:
        copy.close()


def _refuse_to_replace(db: Database, target: Path) -> None:
    if not target.exists():
        return
    if not db.is_memory and target.samefile(db.path):
        raise UserError(f"{target} is the store itself", hint="name another file for the backup")
    with target.open("rb") as file:
        head = file.read(100)
    # https://www.sqlite.org/fileformat.html, 1.3: the application id stands at offset 68 of the header
    if head and (head[:15] != b"SQLite format 3" or int.from_bytes(head[68:72], "big") != migrations.APPLICATION_ID):
        raise UserError(f"{target} is there already and is no backup of slocheck", hint="name another file for the backup")


# --- prune ---------------------------------------------------------------------------------------------------------


def prune_from(before_ms: int) -> int:
    """Only whole days (UTC) go: their latencies are kept per day."""
    return before_ms // DAY_MS * DAY_MS


def prune(db: Database, before_ms: int) -> int:
    """Removes raw rows of the days before an instant, in short transactions, and gives their room back.

    Hourly counters and the days' sketches stay. So does each series' newest scheduled outcome before the cut: it owns
    time after it.
    """
    cut = prune_from(before_ms)
    with db.write() as connection:
        if cut > counters.kept_from(connection):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('kept_from', ?)", (cut,))
    removed = sum(_prune_week(db, series, week, cut) for series, week in _weeks(db, cut))
    if removed:
        _sweep(db)
        db.give_room_back()
    return removed


def prunable(db: Database, before_ms: int) -> int:
    """How many rows `prune` would remove."""
    cut = prune_from(before_ms)
    found = db.row(
        "SELECT count(*) - count(DISTINCT CASE WHEN slot & 3 = 0 THEN series END) FROM outcome "
        "WHERE series IN (SELECT id FROM series) AND at < ?", (cut,),
    )
    return int(found[0]) if found else 0


def _weeks(db: Database, cut: int) -> Iterator[tuple[int, int]]:
    """(series, number of a week) wherever there are rows before the cut."""
    for (series,) in db.rows("SELECT id FROM series"):
        for (week,) in db.rows("SELECT DISTINCT at / ? FROM outcome WHERE series = ? AND at < ?", (_WEEK_MS, series, cut)):
            yield series, week


def _prune_week(db: Database, series: int, week: int, cut: int) -> int:
    start, end = week * _WEEK_MS, min((week + 1) * _WEEK_MS, cut)
    with db.write() as connection:
        days.complete(connection, series, start // DAY_MS, end // DAY_MS)
        kept = connection.execute(
            "SELECT at FROM outcome WHERE series = ? AND at < ? AND slot & 3 = 0 ORDER BY at DESC LIMIT 1", (series, cut),
        ).fetchone() or (-1,)
        gone = (series, start, end, kept[0])
        connection.execute('DELETE FROM "foreign" WHERE series = ? AND at >= ? AND at < ? AND at <> ?', gone)
        return connection.execute("DELETE FROM outcome WHERE series = ? AND at >= ? AND at < ? AND at <> ?", gone).rowcount


def _sweep(db: Database) -> None:
    """Runs and details that no outcome refers to any more. One transaction: a new outcome may refer to an old detail."""
    with db.write() as connection:
        connection.execute("DELETE FROM run WHERE id NOT IN (SELECT run FROM outcome)")
        connection.execute("DELETE FROM detail WHERE id NOT IN (SELECT findings FROM outcome UNION SELECT facts FROM outcome)")
