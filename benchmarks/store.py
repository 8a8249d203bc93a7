"""The store: bytes per outcome, microseconds of CPU per row, and what a month's figures cost.

    .venv/bin/python benchmarks/store.py [CHECKS] [DAYS]

Peer: the same outcomes as a naive table (text and an index, one row each, JSON for what has no column), in the same run,
interleaved, in transactions of 100 rows as a minute of 100 checks makes them. CPU is user and system time of this
process. Data are synthetic: lognormal latency, an outage every ten days, milliseconds of jitter on `at`.
"""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from slocheck.cli.import_ import look_through
from slocheck.core.model import Finding, Outcome, Phases, Role, Severity, Verdict
from slocheck.core.records import outcome_id, outcome_line, outcome_record
from slocheck.exchange.ndjson import Known
from slocheck.store.sqlite import SqliteStore, open_store

START_MS = 1_760_000_000_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
REFUSED = Finding(id="net.refused", severity=Severity.FAIL, message="connection refused", expected="an answer", got="nothing")
NAIVE = """
CREATE TABLE outcome (id TEXT PRIMARY KEY, run TEXT, suite TEXT, "check" TEXT, kind TEXT, location TEXT, role TEXT, due TEXT,
  at TEXT, verdict TEXT, took_ms REAL, latency_ms REAL, phases TEXT, findings TEXT, facts TEXT);
CREATE INDEX by_check ON outcome ("check", at)"""


def outcomes(checks: int, minutes: int, start_ms: int = START_MS) -> Iterator[list[Outcome]]:
    """A batch per minute."""
    chance = random.Random(7)
    for minute in range(minutes):
        due = start_ms + minute * MINUTE_MS
        yield [outcome(chance, number, due, minute) for number in range(checks)]


def outcome(chance: random.Random, number: int, due_ms: int, minute: int) -> Outcome:
    is_bad = (minute + number * 37) % 14_400 < 12
    phases = None if is_bad else Phases(
        dns=chance.randrange(200, 2000), connect=chance.randrange(3000, 6000), tls=chance.randrange(8000, 14000),
        send=chance.randrange(20, 90), wait=int(chance.lognormvariate(10.6, 0.5)), receive=chance.randrange(50, 900),
    )
    latency = phases.total_us() if phases else None
    return Outcome(
        suite="shop", check=f"check-{number}", kind="endpoint", location="local", role=Role.SCHEDULED, due_ms=due_ms,
        at_ms=due_ms + chance.randrange(5, 900), verdict=Verdict.BAD if is_bad else Verdict.GOOD, took_us=(latency or 0) + 900,
        latency_us=latency, phases=phases, findings=(REFUSED,) if is_bad else (), facts={"status": 200, "clock": "kernel"},
        run=f"run-{minute:08x}",
    )


def naive_row(o: Outcome) -> tuple[object, ...]:
    r = outcome_record(o)
    return (
        r["id"], r["run"], r["suite"], r["check"], r["kind"], r["location"], r["role"], r["due"], r["at"], r["verdict"], r["took_ms"],
        r["latency_ms"], json.dumps(r["phases_ms"]), json.dumps(r["findings"]), json.dumps(r["facts"]),
    )


def cpu_us(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6


def naive_insert(connection: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    with connection:
        connection.executemany(f"INSERT OR IGNORE INTO outcome VALUES ({', '.join('?' * 15)})", batch)


def naive_store(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {NAIVE};")
    return connection


def spread(ratios: list[float], digits: int = 2) -> str:
    return f"{statistics.median(ratios):.{digits}f} [{min(ratios):.{digits}f}..{max(ratios):.{digits}f}]"


def hot_inserts(folder: Path) -> None:
    """100 checks, a transaction a minute, rounds of 200 minutes, in turn: naive with rows made beforehand (bare), naive with
    rows made from outcomes, and ours, which makes its rows from outcomes and keeps counters."""
    store, bare, whole = open_store(str(folder / "hot.db")), naive_store(folder / "bare.db"), naive_store(folder / "whole.db")
    rounds: list[tuple[float, float, float]] = []
    for turn in range(6):
        batches = list(outcomes(100, 200, START_MS + turn * 200 * MINUTE_MS))
        rows = [[naive_row(o) for o in batch] for batch in batches]
        rounds.append((
            cpu_us(lambda rows=rows: [naive_insert(bare, batch) for batch in rows]) / 20_000,
            cpu_us(lambda batches=batches: [naive_insert(whole, [naive_row(o) for o in batch]) for batch in batches]) / 20_000,
            cpu_us(lambda batches=batches: [store.record(batch) for batch in batches]) / 20_000,
        ))
    rounds = rounds[1:]  # the first one makes files grow
    a, b, c = (statistics.median(r[i] for r in rounds) for i in range(3))
    print(f"hot insert, 100 a transaction, us CPU a row: ours {c:.1f}, naive {b:.1f}, naive with rows made beforehand {a:.1f}")
    print(f"RATIO hot insert / naive: {spread([r[2] / r[1] for r in rounds])} goal <= 1.0")
    print(f"RATIO hot insert / naive with rows made beforehand: {spread([r[2] / r[0] for r in rounds])}")
    sizes({"ours": folder / "hot.db", "naive": folder / "bare.db"}, 6 * 20_000, [store, bare, whole])
    singles(folder)


def sizes(files: dict[str, Path], rows: int, to_close: list[Any]) -> None:
    for each in to_close:  # the last to leave moves the log into the file
        each.close()
    print("bytes per outcome with phases, findings, facts and indexes: " + ", ".join(
        f"{name} {path.stat().st_size / rows:.1f}" for name, path in files.items()))


def singles(folder: Path) -> None:
    """What a cron run of one check pays."""
    store = open_store(str(folder / "single.db"))
    some = [[outcome(random.Random(n), n % 100, START_MS + n * 1000, n)] for n in range(2000)]
    print(f"hot insert, 1 a transaction: {cpu_us(lambda: [store.record(s) for s in some]) / 2000:.1f} us CPU a row")
    store.close()


def imports(folder: Path) -> None:
    """A file of 50,000 outcomes: our import (every line checked first) against json.loads and the naive insert."""
    path = folder / "outcomes.ndjson"
    path.write_text("".join(outcome_line(o) + "\n" for batch in outcomes(100, 500) for o in batch))
    rounds = []
    for turn in range(3):
        naive, store = naive_store(folder / f"naive-{turn}.db"), open_store(str(folder / f"import-{turn}.db"))
        rounds.append((
            cpu_us(lambda naive=naive: naive_insert(naive, [naive_line(line) for line in path.read_text().splitlines()])) / 50_000,
            cpu_us(lambda store=store: take(store, path)) / 50_000,
            cpu_us(lambda store=store: [None for o in store.outcomes() if outcome_id(o) == ""]) / 50_000,
        ))
        naive.close()
        store.close()
    a, b, c = (statistics.median(r[i] for r in rounds) for i in range(3))
    print(f"us CPU a line: import {b:.1f}, json.loads and naive insert {a:.1f}; read all again {c:.1f}")
    print(f"RATIO import / json.loads + naive insert: {spread([r[1] / r[0] for r in rounds])} goal <= 2")


def naive_line(line: str) -> tuple[object, ...]:
    r = json.loads(line)
    return (
        r["id"], r["run"], r["suite"], r["check"], r["kind"], r["location"], r["role"], r["due"], r["at"], r["verdict"], r["took_ms"],
        r["latency_ms"], json.dumps(r["phases_ms"]), json.dumps(r["findings"]), json.dumps(r["facts"]),
    )


def take(store: SqliteStore, path: Path) -> None:
    with path.open("rb") as file:
        taken = look_through(lambda: file, path.name, Known(kinds={}), 0, print)
        if taken.held is None:
            raise RuntimeError("more than is held in memory: this measures one reading")
        store.merge(taken.held)


def months(folder: Path, checks: int, days: int) -> None:
    """Counts and percentiles of 30 days, at an instant on no boundary."""
    store = open_store(str(folder / "month.db"))
    store.merge(o for batch in outcomes(checks, days * 1440) for o in batch)
    store.checkpoint()
    rows = checks * days * 1440
    size = store.size_bytes()
    print(f"{rows} outcomes, {checks} checks, {days} days: {size / rows:.1f} bytes an outcome, {size / 1e6:.0f} MB")
    raw = sqlite3.connect(folder / "month.db")
    now = START_MS + days * DAY_MS - 12_345_678
    month = now - 30 * DAY_MS
    names = [f"check-{n}" for n in range(checks)]

    def counts(start_ms: int) -> float:
        return cpu_us(lambda: [store.counts(n, "local", start_ms=start_ms, end_ms=now) for n in names]) / 1000

    def sketches() -> float:
        return cpu_us(lambda: [store.sketch(n, "local", start_ms=month, end_ms=now) for n in names]) / 1000

    def scan() -> float:
        sql = ("SELECT sum(verdict = 0), sum(verdict = 1) FROM outcome o JOIN series s ON s.id = o.series "
               'WHERE s."check" = ? AND at > ? AND at <= ? AND slot & 3 = 0')
        return cpu_us(lambda: [raw.execute(sql, (n, month, now)).fetchone() for n in names]) / 1000

    first = sketches()
    figures = [(counts(month), scan(), sketches()) for _ in range(5)]
    names_of = ("counts", "scan of the rows", "sketches")
    print(f"30 days, {checks} checks, ms CPU: " + ", ".join(
        f"{name} {statistics.median(f[i] for f in figures):.1f}" for i, name in enumerate(names_of)) + f" (the first time {first:.0f})")
    print(f"RATIO counts / scan: {spread([a / b for a, b, _ in figures], 4)}")
    spans = [300_000, 1_800_000, HOUR_MS, 6 * HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS]
    print(f"8 windows x {checks} checks: {sum(counts(now - span) for span in spans):.1f} ms CPU")
    raw.close()
    store.close()


def main() -> None:
    checks, days = (int(a) for a in (sys.argv[1:3] if len(sys.argv) > 2 else ("20", "31")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hot_inserts(folder)
        imports(folder)
        months(folder, checks, days)


if __name__ == "__main__":
    main()
