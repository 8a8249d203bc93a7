"""One store in several hands: threads, half-read streams, and what is stored once for many."""

from __future__ import annotations

import threading

import pytest

from slocheck.core.model import Verdict
from slocheck.store.sqlite import open_store
from tests.store.samples import DAY, FAILED, HOUR, MINUTE, NOON, SLOW, event, outcome

ALWAYS = {"start_ms": 0, "end_ms": 10**15}


@pytest.fixture
def path(tmp_path, blank):
    return str(blank(tmp_path / "store.db"))


@pytest.fixture
def store(path):
    store = open_store(path)
    yield store
    store.close()


def test_threads_may_share_one_store(store):
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(30):
                store.record([outcome(NOON + n, check=f"c{number}"), outcome(NOON + n, check="shared", run=f"r{number}")])
                store.counts("shared", "local", **ALWAYS)
                next(store.outcomes(newest_first=True))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert store.counts("shared", "local", **ALWAYS) == (120, 0, 0)
    assert store.check() == []


def test_a_stream_that_is_read_half_holds_nothing_back(store, path):
    store.record([outcome(NOON + n) for n in range(3_000)])
    some = store.outcomes()
    first = next(some)
    other = open_store(path)
    other.record([outcome(NOON + 10 * MINUTE)])
    assert store._db.row("PRAGMA wal_checkpoint(TRUNCATE)") == (0, 0, 0)  # not busy, nothing left in the log
    other.close()
    assert [first, *some][:3_000] == [outcome(NOON + n) for n in range(3_000)]


def test_a_reader_sees_a_whole_batch_or_nothing_of_it(store, path):
    other = open_store(path)
    seen = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(sum(other.counts("home", "local", **ALWAYS)))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(20):
        store.record([outcome(NOON + n * HOUR + m) for m in range(50)])
    done.set()
    reader.join()
    other.close()
    assert all(count % 50 == 0 for count in seen)


def test_what_many_outcomes_say_is_stored_once(store):
    store.record([
        outcome(NOON + n, Verdict.BAD, findings=(FAILED,) if n % 2 else (FAILED, SLOW), facts={"status": 503}, check=f"c{n % 3}") for n in range(60)
    ])
    assert store._db.row("SELECT count(*) FROM detail") == (3,)
    assert store._db.row("SELECT count(*) FROM run") == (1,)
    assert store._db.row("SELECT count(*) FROM terms") == (1,)


def test_two_texts_with_one_hash_are_two_texts(store, monkeypatch):
    monkeypatch.setattr("slocheck.store.rows.hash_of", lambda _text: 7)
    some = [outcome(NOON + n, facts={"n": n}) for n in range(5)]
    store.record(some)
    assert list(store.outcomes()) == some


def test_a_transaction_that_is_broken_off_leaves_nothing(store):
    class Stop(BaseException):
        pass

    store.record([outcome(NOON)])

    def some():
        yield outcome(NOON + 1)
        raise Stop

    with pytest.raises(Stop):
        store.merge(some())
    with pytest.raises(AttributeError):
        store.commit([], [(event(1), ("team",)), (None, ("team",))], now_ms=NOON)
    assert store.counts("home", "local", **ALWAYS) == (1, 0, 0)
    assert store.messages() == []
    assert store.record([outcome(NOON + 2)]) == 1


def test_pruning_takes_the_ids_of_others_along(store):
    store.merge([outcome(NOON + n * HOUR, foreign_id=f"theirs-{n}") for n in range(96)])
    removed = store.prune(before_ms=NOON + 3 * DAY)
    assert store._db.row('SELECT count(*) FROM "foreign"') == (96 - removed,)
    assert store.check() == []


def test_a_store_of_many_series_is_read_as_one_stream(store):
    some = [outcome(NOON + n, check=f"c{n % 300}", location=f"l{n % 7}") for n in range(2_100)]
    store.record(some)
    assert [o.at_ms for o in store.outcomes()] == [o.at_ms for o in some]
    assert [o.at_ms for o in store.outcomes(newest_first=True, limit=5)] == [o.at_ms for o in some[:-6:-1]]
    assert len(store.checks()) == 300


def test_a_small_batch_in_a_store_of_many_series_finds_its_own(store):
    store.record([outcome(NOON, check=f"c{n}") for n in range(500)])
    assert store.record([outcome(NOON + 1, check=f"c{n}") for n in range(480, 500)]) == 20
    assert store._db.row("SELECT count(*) FROM series") == (500,)
    assert store.check() == []
