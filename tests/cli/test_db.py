"""`slocheck db` as a user calls it."""

from __future__ import annotations

import sqlite3

import pytest

from slocheck.core.units import rfc3339
from slocheck.store.migrations import VERSION
from slocheck.store.sqlite import open_store
from tests.cli.test_export_import import call, fill
from tests.store.samples import DAY, HOUR, NOON, outcome


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill("store.db", [outcome(NOON + n * HOUR, latency_us=1000 + n) for n in range(72)])
    return "store.db"


def test_a_sound_store_is_exit_0_with_what_it_holds(db, capfdbinary):
    code, out, err = call(capfdbinary, "--db", db, "db", "check")
    assert (code, err) == (0, "")
    assert out.startswith("sound: 72 outcomes of 1 check, ")
    assert f"from {rfc3339(NOON)} to {rfc3339(NOON + 71 * HOUR)}\n" in out


def test_a_store_with_a_wrong_counter_is_exit_3_and_says_where(db, capfdbinary):
    with sqlite3.connect(db) as theirs:
        theirs.execute("UPDATE hour SET bad = bad + 1 WHERE hour = ?", (NOON // HOUR + 3,))
    theirs.close()
    code, out, _ = call(capfdbinary, "--db", db, "db", "check")
    assert code == 3
    assert out.splitlines()[0] == (
        f"home at local: the hour {rfc3339(NOON + 3 * HOUR)} counts (1, 1, 0) good, bad, unknown; its rows are (1, 0, 0)"
    )
    assert "the store is not sound: 1 problem" in out


def test_a_file_that_is_no_store_is_exit_3_in_one_line(db, capfdbinary, tmp_path):
    (tmp_path / "notes").write_bytes(b"hello " * 300)
    assert call(capfdbinary, "--db", "notes", "db", "check") == (
        3, "", "slocheck: error: notes is not an SQLite database\nslocheck: hint: name another file with --db, or move this one away\n",
    )


@pytest.mark.parametrize("args", [("check",), ("backup", "copy.db"), ("prune", "--keep", "90d")])
def test_nothing_is_made_where_no_store_is(db, capfdbinary, tmp_path, args):
    code, out, err = call(capfdbinary, "--db", "mistyped.db", "db", *args)
    assert (code, out) == (2, "")
    assert "there is no store at mistyped.db" in err
    assert not (tmp_path / "mistyped.db").exists()


def test_a_backup_can_be_used_as_a_store(db, capfdbinary):
    code, out, _ = call(capfdbinary, "--db", db, "db", "backup", "copies/monday.db")
    assert code == 0
    assert out.startswith("copies/monday.db: 72 outcomes, ")
    assert call(capfdbinary, "--db", "copies/monday.db", "db", "check")[0] == 0


def test_a_backup_over_another_file_is_refused(db, capfdbinary, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    code, _, err = call(capfdbinary, "--db", db, "db", "backup", "letter.txt")
    assert code == 2
    assert "letter.txt is there already and is no backup of slocheck" in err


def test_prune_says_what_would_go_then_what_went_and_check_remembers_it(db, capfdbinary):
    now = ("--now", rfc3339(NOON + 3 * DAY))
    args = ("--db", db, "db", "prune", "--keep", "36h")
    code, out, _ = call(capfdbinary, *args, "--dry-run", *now)
    assert (code, out.startswith("35 outcomes before 2025-11-24 would go; the store is ")) == (0, True)
    code, out, _ = call(capfdbinary, *args, *now)
    assert (code, out.startswith("35 outcomes before 2025-11-24 removed; the store was ")) == (0, True)
    out = call(capfdbinary, "--db", db, "db", "check")[1]
    assert "outcomes before 2025-11-24 were pruned: hourly counts and daily latencies are kept of them\n" in out
    assert call(capfdbinary, *args, *now)[1].startswith("0 outcomes")
    store = open_store(db)
    assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (72, 0, 0)
    store.close()


@pytest.mark.parametrize(("args", "said"), [
    ((), "db prune needs to know what to keep"), (("--keep", "90d", "--before", "2026-01-01T00:00Z"), "db prune needs to know what to keep"),
    (("--keep", "soon"), "--keep: soon is not a time"), (("--before", "2026-01-01"), "--before: has no zone"),
    (("--before", "2999-01-01T00:00Z"), "2999-01-01T00:00:00.000Z has not come yet"),
])
def test_prune_removes_nothing_where_it_is_not_told_clearly(db, capfdbinary, args, said):
    code, _, err = call(capfdbinary, "--db", db, "db", "prune", *args)
    assert code == 2
    assert said in err
    store = open_store(db)
    assert store.census().outcomes == 72
    store.close()


def test_migrate_makes_a_store_and_has_nothing_to_do_afterwards(db, capfdbinary):
    assert call(capfdbinary, "--db", "new.db", "db", "migrate") == (0, f"new.db: made, version {VERSION}\n", "")
    assert call(capfdbinary, "--db", "new.db", "db", "migrate") == (0, f"new.db is of version {VERSION} already: nothing to do\n", "")


def test_a_store_of_a_newer_slocheck_is_exit_3_with_the_cure(db, capfdbinary):
    with sqlite3.connect(db) as theirs:
        theirs.execute("PRAGMA user_version = 99")
    theirs.close()
    code, _, err = call(capfdbinary, "--db", db, "db", "migrate")
    assert code == 3
    assert f"was written by a newer slocheck (version 99, this one reads {VERSION})" in err
    assert "slocheck: hint: upgrade" in err


def test_a_secret_in_an_address_is_never_printed(db, capfdbinary):
    code, _, err = call(capfdbinary, "--db", "postgresql://ann:hunter2@db/x", "db", "check")
    assert code == 2
    assert err == (
        "slocheck: error: a store in PostgreSQL is not built yet\n"
        "slocheck: hint: name a file with --db: slocheck.db or sqlite:///slocheck.db\n"
    )
