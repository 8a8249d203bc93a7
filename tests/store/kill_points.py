"""Kills a process at each statement of an operation, and says what it left. Run by test_killed.py in a process of its own:

    python -m tests.store.kill_points FOLDER OPERATION

A child is forked per point, opens the store, and is killed with SIGKILL as its n-th statement begins. What is left must be
sound, and be the state before the operation or the one after it. Ends when an operation came to its end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from slocheck.core.model import AlertState, Delivery, Verdict
from slocheck.store import connection
from slocheck.store.sqlite import SqliteStore, open_store
from tests.store.samples import DAY, HOUR, NOON, alert, event, every_kind_of_outcome, outcome

WHOLE = {"start_ms": 0, "end_ms": 10**15}


def prepare(store: SqliteStore) -> None:
    store.record([outcome(NOON - 5 * DAY + n * HOUR, latency_us=1000 + n) for n in range(5 * 24)])
    store.commit([alert(AlertState.PENDING)], [(event(1), ("team",))], now_ms=NOON)


def keep_hours(store: SqliteStore) -> None:
    store.slo_hours("d", **WHOLE)
    store.keep_slo_hours("d", {NOON: "x", NOON + HOUR: "y"})


OPERATIONS: dict[str, Callable[[SqliteStore], Any]] = {
    "record": lambda s: s.record([*every_kind_of_outcome(), outcome(NOON - DAY + 1, Verdict.BAD)]),
    "merge": lambda s: s.merge([outcome(NOON - 3 * DAY + 7, foreign_id="theirs"), *every_kind_of_outcome()]),
    "commit": lambda s: s.commit([alert()], [(event(2), ("team", "mail")), (event(3), ("team",))], now_ms=NOON),
    "claim": lambda s: s.claim({"home": NOON, "cart": NOON}, location="local", owner="me", now_ms=NOON, lease_ms=1000),
    "claim_messages": lambda s: s.claim_messages(now_ms=NOON, lease_ms=1000),
    "settle": lambda s: s.settle([Delivery(id=1, is_sent=True)], now_ms=NOON),
    "keep_hours": keep_hours,
    "sketch": lambda s: s.sketch("home", "local", **WHOLE),
    "prune": lambda s: s.prune(before_ms=NOON - 2 * DAY),
}
SEVERAL_STEPS = {"prune", "sketch"}
"""These are several transactions: any state between is allowed, if it is sound and loses no figure."""


def state(store: SqliteStore) -> tuple[Any, ...]:
    tables = ("outcome", "hour", "series", '"foreign"', "alert", "outbox", "claim", "slo_hour")
    return tuple(tuple(store._db.rows(f"SELECT * FROM {table}")) for table in tables)


def figures(store: SqliteStore) -> tuple[Any, ...]:
    return store.counts("home", "local", **WHOLE), store.sketch("home", "local", **WHOLE)


def killed_at(point: int, path: Path, operation: str) -> bool:
    """Whether the child was killed before the operation's end."""
    child = os.fork()
    if child == 0:
        store = open_store(str(path))
        numbers = count(1)
        store._db.connection.set_trace_callback(lambda _sql: next(numbers) == point and os.kill(os.getpid(), signal.SIGKILL))
        OPERATIONS[operation](store)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def run(folder: Path, operation: str) -> int:
    seed = folder / "seed.db"
    if not seed.exists():
        store = open_store(str(seed))
        prepare(store)
        store.close()
    before = state_after(copied(seed, folder / f"{operation}-before.db"), "")
    after = state_after(copied(seed, folder / f"{operation}-after.db"), operation)
    for point in count(1):
        path = copied(seed, folder / f"{operation}-{point}.db")
        is_killed = killed_at(point, path, operation)
        store = open_store(str(path))
        assert store.check() == [], (operation, point, store.check())
        if operation in SEVERAL_STEPS:
            assert figures(store) == before[1], (operation, point)
            OPERATIONS[operation](store)  # and it can be taken up again
            assert (state(store), figures(store), store.check()) == (*after, []), (operation, point)
        else:
            assert state(store) in (before[0], after[0]), (operation, point)
            assert is_killed or state(store) == after[0]
        store.close()
        if not is_killed:
            return point - 1
    raise AssertionError


def copied(seed: Path, path: Path) -> Path:
    shutil.copy(seed, path)
    return path


def state_after(path: Path, operation: str) -> tuple[Any, ...]:
    store = open_store(str(path))
    if operation:
        OPERATIONS[operation](store)
    found = state(store), figures(store)
    store.close()
    return found


def run_opening(folder: Path) -> int:
    """The same for making a new store, at every third statement: there are many, and they are one transaction."""
    import sqlite_utils  # noqa: F401 - once, not in every child
    plain = connection._plain
    for point in count(1, 3):
        path = folder / f"new-{point}.db"
        child = os.fork()
        if child == 0:
            numbers = count(1)

            def traced(where: str, numbers: Any = numbers, point: int = point) -> Any:
                made = plain(where)
                made.set_trace_callback(lambda _sql: next(numbers) == point and os.kill(os.getpid(), signal.SIGKILL))
                return made

            connection._plain = traced
            open_store(str(path))
            os._exit(0)
        is_killed = os.waitpid(child, 0)[1] != 0
        store = open_store(str(path))
        assert store.record([outcome(NOON)]) == 1, point
        assert store.check() == [], point
        store.close()
        if not is_killed:
            return point - 1
    raise AssertionError


if __name__ == "__main__":
    where = Path(sys.argv[1])
    print(run_opening(where) if sys.argv[2] == "opening" else run(where, sys.argv[2]))
