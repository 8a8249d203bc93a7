"""What figures cost: steps of SQLite's machine and statements, counted, never timed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from slocheck.store.sqlite import open_store
from tests.store.samples import DAY, HOUR, MINUTE, NOON, outcome
from tests.target import clean_env

MONTH = 30 * DAY
NOW = NOON + MONTH + 37 * MINUTE + 123


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A month of one check, every minute."""
    store = open_store(str(tmp_path_factory.mktemp("month") / "store.db"))
    store.merge(outcome(NOON + n * MINUTE, latency_us=1000 + n % 777) for n in range(30 * 1440 + 60))
    yield store
    store.close()


def steps(store, work: Callable[[], object]) -> int:
    """How many instructions SQLite's machine ran."""
    numbers = count()
    store._db.connection.set_progress_handler(lambda: next(numbers) and 0, 1)
    work()
    store._db.connection.set_progress_handler(None, 0)
    return next(numbers)


def statements(store, work: Callable[[], object]) -> list[str]:
    found: list[str] = []
    store._db.connection.set_trace_callback(found.append)
    work()
    store._db.connection.set_trace_callback(None)
    return found


def test_counts_of_a_month_cost_what_counts_of_a_day_cost(month):
    def cost(span: int) -> int:
        return steps(month, lambda: month.counts("home", "local", start_ms=NOW - span, end_ms=NOW))

    assert cost(MONTH - 1) <= 1.1 * cost(DAY)
    assert cost(MONTH - 1) <= 2 * cost(HOUR - 1)  # at most the rows of the two hours that its edges cut


def test_a_months_percentiles_are_made_of_days_once_the_days_were_read(month):
    def work() -> object:
        return month.sketch("home", "local", start_ms=NOW - MONTH + 1, end_ms=NOW)

    first = steps(month, work)
    assert steps(month, work) < first / 4


def test_what_is_due_is_answered_without_reading_outcomes(month):
    found = statements(month, lambda: month.last_due("local"))
    assert len(found) == 1
    assert "outcome" not in found[0]


def test_recording_takes_as_many_statements_in_a_full_store_as_in_an_empty_one(month, tmp_path, blank):
    empty = open_store(str(blank(tmp_path / "empty.db")))
    empty.record([outcome(NOW - 2)])
    month.record([outcome(NOW - 2)])

    def cost(store) -> int:
        return len(statements(store, lambda: store.record([outcome(NOW - 1)])))

    assert cost(month) == cost(empty) <= 14
    empty.close()


def test_a_run_with_one_hundred_checks_writes_in_few_statements(tmp_path, blank):
    store = open_store(str(blank(tmp_path / "many.db")))
    store.record([outcome(NOW, check=f"c{n}") for n in range(100)])
    some = [outcome(NOW + MINUTE, check=f"c{n}", run="r2") for n in range(100)]
    # executemany shows each of its rows: a row, an hour and a series for each outcome
    assert len(statements(store, lambda: store.record(some))) <= 3 * 100 + 15
    store.close()


def test_a_new_outcome_takes_few_bytes(tmp_path):
    """Counted in pages of the file: with phases, hourly counters, series and indexes."""
    from tests.store.samples import PHASES

    store = open_store(str(tmp_path / "bytes.db"))
    base = store.size_bytes()
    store.merge(outcome(NOON + n * MINUTE + n % 900, phases=PHASES, run=f"run-{n // 100}", facts={"status": 200}) for n in range(20_000))
    store.checkpoint()
    store.close()
    assert ((tmp_path / "bytes.db").stat().st_size - base) / 20_000 <= 60


def test_opening_a_store_of_this_version_imports_no_sqlite_utils(tmp_path):
    path = tmp_path / "store.db"
    open_store(str(path)).close()
    program = (
        "import sys; from slocheck.store.sqlite import open_store; s = open_store(sys.argv[1]); s.check(); s.last_due('local'); s.close();"
        "sys.exit(any(m.split('.')[0] in ('sqlite_utils', 'pandas', 'numpy') for m in sys.modules))"
    )
    for where in (str(path), ":memory:"):
        assert subprocess.run([sys.executable, "-c", program, where], env=clean_env()).returncode == 0
