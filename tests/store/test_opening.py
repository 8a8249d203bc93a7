"""Opening a store, and everything that the outside world can have done to it: one line, a cure, nothing lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from slocheck.core.errors import CannotWorkError, UserError
from slocheck.core.model import Verdict
from slocheck.store import connection, faults, migrations, place
from slocheck.store.sqlite import open_copy, open_store
from tests.store.samples import DAY, FAILED, HOUR, NOON, outcome
from tests.target import clean_env


@pytest.fixture
def path(tmp_path, blank):
    """A store with a history of two days."""
    path = blank(tmp_path / "store.db")
    store = open_store(str(path))
    store.record([outcome(NOON + n * HOUR // 4, facts={"n": n, "text": "x" * 200}) for n in range(200)])
    store.close()
    return path


def refusal(work, kind=CannotWorkError) -> str:
    """The one line, with its hint, of what is refused."""
    with pytest.raises(kind) as caught:
        work()
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(".")
    assert text[0] == text[0].lower()
    assert caught.value.hint
    return text


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "found"), [
    ("a.db", "a.db"), ("/abs/a.db", "/abs/a.db"), ("sqlite:///rel/a.db", "rel/a.db"), ("sqlite:////abs/a.db", "/abs/a.db"),
    (":memory:", ":memory:"), ("sqlite:///:memory:", ":memory:"), ("with space/ä.db", "with space/ä.db"),
])
def test_an_address_is_a_path_or_sqlite(url, found):
    assert place.path_of(url) == found


def test_a_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert place.path_of("~/a.db") == place.path_of("sqlite:///~/a.db") == "/home/ann/a.db"


@pytest.mark.parametrize(("url", "text"), [
    ("postgresql://ann:hunter2@db/x", "a store in PostgreSQL is not built yet"),
    ("postgres://ann:hunter2@db/x", "a store in PostgreSQL is not built yet"),
    ("postgresql+psycopg://ann:hunter2@db/x", "a store in PostgreSQL is not built yet"),
    ("mysql://ann:hunter2@db/x", "a store cannot be kept at mysql://"), ("hunter 2://x", "a store cannot be kept at that://"),
    ("sqlite://a.db", "sqlite://a.db is not a store"), ("", "the store has no name"),
    ("sqlite://", "the store has no name"), ("sqlite:///", "the store has no name"), ("a\0b", "the store has no name"),
])
def test_other_addresses_are_refused_without_their_secrets(url, text):
    said = refusal(lambda: open_store(url), UserError)
    assert said == text
    assert "hunter" not in said


def test_the_folder_is_made(tmp_path):
    open_store(f"sqlite:///{tmp_path}/deep/er/store.db").close()
    assert (tmp_path / "deep/er/store.db").exists()


# --- what stands in a store's place --------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"hello " * 200)
    assert refusal(lambda: open_store(str(path))) == f"{path} is not an SQLite database"
    assert path.read_bytes() == b"hello " * 200


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "bookmarks.db"
    with contextlib.closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE bookmark (url)")
    before = path.read_bytes()
    assert refusal(lambda: open_store(str(path))) == f"{path} is a database of another program; slocheck leaves it alone"
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "empty.db").touch()
    assert open_store(str(tmp_path / "empty.db")).check() == []


def test_a_folder_and_what_is_no_regular_file_are_refused(tmp_path):
    assert refusal(lambda: open_store(str(tmp_path))) == f"{tmp_path} is a folder, not a store"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(lambda: open_store(str(tmp_path / "pipe"))) == f"{tmp_path}/pipe is not a regular file"


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot make the folder" in refusal(lambda: open_store(str(tmp_path / "file" / "store.db")))


def test_a_store_of_a_newer_version_is_refused_and_keeps_everything(path):
    with contextlib.closing(sqlite3.connect(path)) as theirs:
        theirs.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    assert refusal(lambda: open_store(str(path))) == (
        f"the store {path} was written by a newer slocheck (version {migrations.VERSION + 1}, this one reads {migrations.VERSION})"
    )


@pytest.mark.parametrize(("line", "is_refused"), [
    ("36 35 {dev} / /mnt rw - nfs4 host:/x rw", True), ("36 35 {dev} / /mnt rw,x shared:1 - cifs //h/x rw", True),
    ("36 35 {dev} / /mnt rw - fuse.sshfs h: rw", True), ("36 35 {dev} / /mnt rw - tmpfs tmpfs rw", False), ("36 35 0:999 / /mnt rw - nfs4 x rw", False),
    ("nonsense", False), ("36 35 {dev} / /mnt rw -", False),
])
def test_a_network_file_system_is_known_by_its_type(tmp_path, monkeypatch, line, is_refused):
    monkeypatch.setattr(os, "major", lambda _dev: 0)
    monkeypatch.setattr(os, "minor", lambda _dev: 77)
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 2 8:1 / / rw - ext4 /dev/sda rw\n" + line.format(dev="0:77") + "\n")
    assert (place.file_system(tmp_path, mounts=str(mounts)) in place._NETWORK) is is_refused


def test_a_store_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "file_system", lambda _folder: "nfs4")
    assert "is on a network file system (nfs4)" in refusal(lambda: open_store(str(tmp_path / "store.db")))


def test_where_mounts_cannot_be_read_nothing_is_assumed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "major", lambda _dev: 0)
    assert place.file_system(tmp_path, mounts=str(tmp_path / "nothing")) == ""


# --- what goes wrong later -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def as_nobody():
    """Permissions mean nothing to root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that any user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_may_not_be_written_is_refused(open_folder):
    open_folder.chmod(0o555)
    with as_nobody():
        assert "cannot be opened" in refusal(lambda: open_store(str(open_folder / "store.db")))
        assert "cannot make the folder" in refusal(lambda: open_store(str(open_folder / "deep" / "store.db")))
    open_folder.chmod(0o755)


def test_a_file_that_may_not_be_written_is_told_when_it_is_written_and_can_be_read(open_folder):
    path = open_folder / "store.db"
    store = open_store(str(path))
    store.record([outcome(NOON + n * HOUR) for n in range(50)])
    store.close()
    path.chmod(0o444)
    open_folder.chmod(0o777)
    with as_nobody():
        store = open_store(str(path))
        assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (50, 0, 0)
        assert store.sketch("home", "local", start_ms=0, end_ms=10**15)[0].n == 50
        assert refusal(lambda: store.record([outcome(NOON + DAY * 9)])) == f"the store {path} cannot be written: it is read-only"
        store.close()


def test_who_may_only_read_a_store_sees_what_is_in_it_and_in_its_log(open_folder):
    """Nagios, a colleague: another user. SQLite would want to write beside it; a run that is under way has a log."""
    path = open_folder / "store.db"
    writer = open_store(str(path))
    writer.record([outcome(NOON + n * HOUR) for n in range(50)])
    assert Path(f"{path}-wal").stat().st_size
    open_folder.chmod(0o555)
    with as_nobody():
        shown = open_copy(str(path))
        assert shown.counts("home", "local", start_ms=0, end_ms=10**15) == (50, 0, 0)
        assert shown.check() == []
        shown.close()
    writer.record([outcome(NOON + n * HOUR) for n in range(50, 60)])
    writer.close()
    with as_nobody():
        assert "is read-only" in refusal(lambda: open_store(str(path)))
        assert open_copy(str(path)).counts("home", "local", start_ms=0, end_ms=10**15) == (60, 0, 0)
        assert open_copy(str(open_folder / "none.db")) is None
    path.chmod(0o000)
    with as_nobody():
        assert open_copy(str(path)) is None
    open_folder.chmod(0o755)
    assert [p.name for p in open_folder.iterdir()] == ["store.db"]


def test_who_may_write_beside_a_store_gets_no_copy_of_it(path):
    assert open_copy(str(path)) is None


def test_a_store_that_never_rests_gives_no_copy(open_folder, monkeypatch):
    open_store(str(open_folder / "store.db")).close()
    ticks = itertools.count()
    monkeypatch.setattr(connection, "_stamp", lambda _path: (0, 0, next(ticks)))
    assert "is written to all the time" in refusal(lambda: connection.copied(str(open_folder / "store.db")))


@pytest.mark.parametrize("what", ["removed", "replaced", "its folder removed"])
def test_a_store_that_is_taken_away_while_it_is_in_use_is_told(tmp_path, what):
    """SQLite would go on writing to a file that has no name any more."""
    path = tmp_path / "state" / "store.db"
    store = open_store(str(path))
    store.record([outcome(NOON)])
    if what == "its folder removed":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    if what == "replaced":
        open_store(str(path)).close()
    said = f"the store {path} was removed or replaced while it was in use: what was written since is lost"
    assert refusal(lambda: store.record([outcome(NOON + 1)])) == said
    store.close()


def test_a_full_disk_loses_nothing_and_says_so(path):
    store = open_store(str(path))
    (pages,) = store._db.row("PRAGMA page_count")
    store._db.row(f"PRAGMA max_page_count = {pages + 1}")
    many = [outcome(NOON + 30 * DAY + n, facts={"n": n, "text": "y" * 500}) for n in range(200)]
    assert refusal(lambda: store.record(many)) == f"the disk is full: the store {path} cannot grow"
    assert store.check() == []
    assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (200, 0, 0)
    store._db.row("PRAGMA max_page_count = 1000000")
    assert store.record(many) == 200
    store.close()


def test_a_disk_that_is_really_full_loses_nothing(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        store = open_store(str(folder / "store.db"))
        kept = 0

        def fill() -> None:
            nonlocal kept
            for n in range(10_000):
                store.record([outcome(NOON + n, facts={"n": n, "text": "z" * 900})])
                kept = n + 1

        assert "the disk is full" in refusal(fill)
        assert store.check() == []
        assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (kept, 0, 0)
        assert kept >= 5
        assert "the disk is full" in refusal(lambda: store.backup(str(folder / "copy.db")))
        assert sorted(p.name for p in folder.iterdir() if "copy" in p.name) == []
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_lock_that_is_held_too_long_is_told(path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_S", 0.05)
    holder = open_store(str(path))
    store = open_store(str(path))
    with holder._db.write():
        assert refusal(lambda: store.record([outcome(NOON + 1)])) == f"the store {path} was locked by another process for more than 10 s"
        assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (200, 0, 0)  # readers do not wait
    assert store.record([outcome(NOON + 1)]) == 1
    store.close()
    holder.close()


def test_a_damaged_page_is_told_and_found_by_check(path):
    data = bytearray(path.read_bytes())
    for start in range(4096 * 2, len(data), 4096):
        data[start : start + 64] = os.urandom(64)
    path.write_bytes(data)

    def use() -> None:
        store = open_store(str(path))
        try:
            if problems := store.check():
                raise CannotWorkError(f"found: {problems[0]}", hint="x")
            list(store.outcomes())
        finally:
            store.close()

    said = refusal(use)
    assert "damaged" in said or "SQLite" in said


def test_a_file_that_was_cut_short_is_told(path):
    path.write_bytes(path.read_bytes()[: 4096 * 3 + 100])

    def use() -> None:
        store = open_store(str(path))
        try:
            list(store.outcomes())
            problems = store.check()
            assert not problems
        finally:
            store.close()

    assert "damaged" in refusal(use)


@pytest.mark.parametrize(("sql", "said"), [
    ("UPDATE hour SET good = good + 1 WHERE hour = (SELECT max(hour) FROM hour)", "its rows are"),
    ("DELETE FROM hour WHERE hour = (SELECT min(hour) FROM hour)", "its rows are"),
    ("DELETE FROM outcome WHERE at = (SELECT max(at) FROM outcome)", "first and newest"),
    ("UPDATE series SET birth = birth + 1", "first and newest"),
    ("DELETE FROM detail", "200 outcomes refer to a row of detail that is not there (facts)"),
    ("DELETE FROM run", "200 outcomes refer to a row of run"), ("DELETE FROM terms", "200 outcomes refer to a row of terms"),
    ("UPDATE day SET failed = 7", "the latencies kept of 2025-11-22 are not those of its rows"),
    ("UPDATE day SET sketch = x'00'", "the latencies kept of"),
    ("INSERT INTO \"foreign\" VALUES ('x', 1, 1, 1)", "1 imported ids belong to no outcome"),
    ("INSERT INTO outbox VALUES (1, 'k', 'd', '', '{}', 'odd', 0, 0, 0, '', 0, NULL)", "1 messages are in a state that is none"),
])
def test_check_finds_what_somebody_changed_by_hand(path, sql, said):
    store = open_store(str(path))
    store.sketch("home", "local", start_ms=0, end_ms=10**15)
    assert store.check() == []
    store._db.connection.execute(sql)
    problems = store.check()
    assert said in "; ".join(problems)
    store.close()


@pytest.mark.parametrize(("sql", "use"), [
    ("DROP TABLE series", lambda s: list(s.outcomes())),
    ("UPDATE detail SET text = '{'", lambda s: list(s.outcomes())),
    ("UPDATE outcome SET verdict = 9", lambda s: list(s.outcomes())),
    ("UPDATE outcome SET samples = 'x'", lambda s: list(s.outcomes())),
    ("UPDATE day SET sketch = x'00'", lambda s: s.sketch("home", "local", start_ms=0, end_ms=10**15)),
])
def test_rows_that_cannot_be_are_damage_and_no_traceback(path, sql, use):
    store = open_store(str(path))
    store.sketch("home", "local", start_ms=0, end_ms=10**15)
    store._db.connection.execute(sql)
    assert f"the store {path} is damaged" in refusal(lambda: use(store))
    store.close()


def test_a_mistake_of_ours_is_not_blamed_on_the_store(path):
    store = open_store(str(path))
    with pytest.raises(sqlite3.Error):
        store._db.row("SELECT nonsense syntax here")
    store.close()


@pytest.mark.parametrize(("code", "word"), [(sqlite3.SQLITE_IOERR, "the disk failed"), (sqlite3.SQLITE_IOERR_WRITE, "the disk failed"),
                                            (sqlite3.SQLITE_BUSY_SNAPSHOT, "locked"), (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
                                            (sqlite3.SQLITE_READONLY_DIRECTORY, "read-only")])
def test_extended_codes_are_told_as_their_primary_ones(code, word):
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert word in str(faults.told(error, "a.db"))


# --- several processes ---------------------------------------------------------------------------------------------

FIRST = """
import sys
from slocheck.store.sqlite import open_store
from tests.store.samples import NOON, outcome
sys.stdin.readline()
store = open_store(sys.argv[1])
for n in range(20):
    store.record([outcome(NOON + n, run=sys.argv[2])])
print(len(store.claim({f"c{n}": NOON for n in range(40)}, location="local", owner=sys.argv[2], now_ms=NOON, lease_ms=1000)))
"""


def test_several_processes_may_make_and_fill_a_store_at_once(tmp_path):
    path = str(tmp_path / "new.db")
    children = [
        subprocess.Popen([sys.executable, "-c", FIRST, path, f"r{n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, env=clean_env(), cwd=Path(__file__).parent.parent.parent)
        for n in range(4)
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    results = [child.communicate(timeout=100) for child in children]
    assert [child.returncode for child in children] == [0] * 4, results
    assert sum(int(out) for out, _ in results) == 40
    store = open_store(path)
    assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (80, 0, 0)
    assert store.check() == []
    store.close()


# --- versions ------------------------------------------------------------------------------------------------------


def test_a_store_knows_its_version_and_whose_it_is(path):
    assert connection.version_of(str(path)) == migrations.VERSION
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert {name for (name,) in plain.execute("SELECT name FROM _sqlite_migrations")} == {s.__name__ for s in migrations.STEPS}
    assert len(migrations.STEPS) == migrations.VERSION


def test_an_older_store_is_brought_to_this_version_and_keeps_everything(path, monkeypatch):
    def second(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE cold (id INTEGER PRIMARY KEY)")

    was = migrations.VERSION
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, second))
    monkeypatch.setattr(migrations, "VERSION", was + 1)
    store = open_store(str(path))
    assert store._db.row("SELECT count(*) FROM cold") == (0,)
    assert store.census().version == was + 1
    assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (200, 0, 0)
    store.close()


def test_days_that_an_older_version_counted_otherwise_are_counted_again(path):
    """It took a 503 after one millisecond for a quick answer."""
    store = open_store(str(path))
    store.record([outcome(NOON + n, Verdict.BAD, latency_us=1_000, findings=(FAILED,)) for n in (1, 2, 3)])
    window = {"start_ms": 0, "end_ms": 10**15}
    honest = store.sketch("home", "local", **window)
    assert honest[1] == 3
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as older:
        older.executescript("UPDATE day SET failed = 0; DELETE FROM _sqlite_migrations WHERE name = 'honest_days'; PRAGMA user_version = 2")
    store = open_store(str(path))
    assert store.sketch("home", "local", **window) == honest
    assert store.check() == []
    store.close()


def test_a_step_that_fails_leaves_the_old_version_whole(path, monkeypatch):
    def second(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE outcome")
        connection.execute("SELECT * FROM outcome")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*migrations.STEPS, second))
        patch.setattr(migrations, "VERSION", migrations.VERSION + 1)
        with pytest.raises(CannotWorkError):
            open_store(str(path))
    store = open_store(str(path))
    assert store.counts("home", "local", start_ms=0, end_ms=10**15) == (200, 0, 0)
    assert store.check() == []
    store.close()


# --- backups -------------------------------------------------------------------------------------------------------


def test_a_backup_replaces_a_backup_and_nothing_else(path, tmp_path):
    store = open_store(str(path))
    (tmp_path / "precious.txt").write_text("precious")
    assert "is there already and is no backup" in refusal(lambda: store.backup(str(tmp_path / "precious.txt")), UserError)
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert "is the store itself" in refusal(lambda: store.backup(str(path)), UserError)
    assert "is a folder" in refusal(lambda: store.backup(str(tmp_path)))
    store.backup(str(tmp_path / "copy.db"))
    store.backup(str(tmp_path / "copy.db"))
    store.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "precious.txt", "store.db"]


def test_a_backup_of_a_store_in_memory_is_a_file(tmp_path):
    store = open_store(":memory:")
    store.record([outcome(NOON)])
    store.backup(str(tmp_path / "copy.db"))
    assert open_store(str(tmp_path / "copy.db")).counts("home", "local", start_ms=0, end_ms=10**15) == (1, 0, 0)
    assert store.size_bytes() > 0


def test_pruning_gives_the_room_back(path):
    store = open_store(str(path))
    store.record([outcome(NOON + n * 60_000, facts={"n": n, "text": "y" * 300}) for n in range(3 * 1440)])
    store.checkpoint()
    store.close()
    was = path.stat().st_size
    store = open_store(str(path))
    store.prune(before_ms=NOON + 3 * DAY)
    store.checkpoint()
    store.close()
    assert path.stat().st_size < was / 3
