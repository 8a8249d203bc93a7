"""What `doctor` concludes, rule by rule."""

from __future__ import annotations

import pytest

from slocheck.core import diagnosis
from slocheck.core.diagnosis import Sign, State
from slocheck.core.model import Event, Message

HOUR_MS = 3_600_000


def told(signs) -> list[tuple[str, str, str]]:
    return [(s.id, s.state.value, s.message) for s in signs]


@pytest.mark.parametrize(("states", "worst"), [
    ([], State.GOOD), ([State.GOOD, State.SKIPPED], State.GOOD), ([State.WARN, State.GOOD], State.WARN),
    ([State.GOOD, State.BAD, State.WARN], State.BAD), ([State.SKIPPED], State.SKIPPED),
])
def test_the_worst_sign_decides_and_what_was_not_examined_is_no_fault(states, worst):
    assert diagnosis.worst([Sign(id="x", state=state, message="") for state in states]) is worst


def test_versions_are_told_and_an_old_sqlite_is_bad():
    good = diagnosis.versions((3, 11, 2), "OpenSSL 3.0.15 3 Sep 2024", (3, 40, 1))
    assert (good.state, good.message) == (State.GOOD, "Python 3.11.2, OpenSSL 3.0.15, SQLite 3.40.1")
    assert diagnosis.versions((3, 11, 2), "LibreSSL 2.8.3", (3, 34, 1)).state is State.BAD


@pytest.mark.parametrize(("offsets", "state", "message"), [
    ([], "skipped", "the clock was compared with nothing: no target told its time"),
    ([("a", 0.0)], "good", "the clock agrees with a to 2 s"),
    ([("a", 83.2)], "bad", "the clock is 83 s ahead of a"),
    ([("a", -7.0)], "warn", "the clock is 7 s behind a"),
    ([("a", 0.1), ("wrong", 900.0), ("b", 0.4)], "good", "the clock agrees with b and 2 more to 2 s"),
    ([("a", 61.0), ("right", 0.0), ("b", 62.0)], "bad", "the clock is 61 s ahead of a and 2 more"),
])
def test_the_clock_is_compared_with_the_middle_of_what_targets_say(offsets, state, message):
    assert told([diagnosis.clock(offsets)]) == [("clock.offset", state, message)]


@pytest.mark.parametrize(("newest_ms", "messages"), [
    (None, []), (HOUR_MS, []), (HOUR_MS + 60_000, []), (3 * HOUR_MS, ["the store holds an outcome 120 min in the future"]),
])
def test_an_outcome_from_the_future_is_told(newest_ms, messages):
    assert [s.message for s in diagnosis.store_clock(newest_ms, HOUR_MS)] == messages


@pytest.mark.parametrize(("servers", "lookups", "expected"), [
    (["1.1.1.1"], [("a.example", 0.02, "")], [("dns.lookup", "good", "a.example found in at most 20 ms")]),
    (None, [("a", 0.02, ""), ("b", 0.5, "")], [("dns.lookup", "good", "a and b found in at most 500 ms")]),
    (["1.1.1.1"], [("a", 3.0, "")], [("dns.lookup", "warn", "looking up a took 3.0 s")]),
    (["1.1.1.1"], [("a", 0.1, ""), ("b", 0.1, "name or service not known")],
     [("dns.lookup", "bad", "b has no address here: name or service not known")]),
    ([], [], [("dns.resolver", "warn", "no resolver is configured")]),
])
def test_names_are_found_slow_or_not_found(servers, lookups, expected):
    assert told(diagnosis.resolver(servers, lookups)) == expected


@pytest.mark.parametrize(("count", "is_bundled", "state"), [(140, False, "good"), (3, False, "warn"), (140, True, "warn"), (0, False, "bad"), (0, True, "bad")])
def test_a_machine_without_trusted_cas_cannot_check_https(count, is_bundled, state):
    sign = diagnosis.trust("/etc/ssl/certs", count, is_bundled=is_bundled)
    assert (sign.state.value, "/etc/ssl/certs" in sign.message) == (state, True)
    assert bool(sign.cure) == (state != "good")


@pytest.mark.parametrize(("free", "state"), [(None, "skipped"), (10_000_000_000, "good"), (400_000_000, "warn"), (1_000_000, "bad")])
def test_free_space_is_judged_before_it_is_gone(free, state):
    assert diagnosis.disk("/x/slocheck.db", free).state.value == state


def test_sizes_are_told_in_the_largest_unit_that_is_full():
    messages = [diagnosis.disk("x", size).message for size in (0, 12_000, 3_200_000, 45_600_000_000)]
    assert messages == ["0 KB free for x", "12 KB free for x", "3.2 MB free for x", "45.6 GB free for x"]


def test_each_problem_of_the_store_is_a_sign_of_its_own():
    assert told(diagnosis.store("x.db", ["page 3 is torn", "an index is wrong"], 5, 0)) == [
        ("store.integrity", "bad", "x.db: page 3 is torn"), ("store.integrity", "bad", "x.db: an index is wrong"),
    ]


def test_a_log_that_grows_is_told_beside_a_sound_store():
    assert told(diagnosis.store("x.db", [], 2_000_000, 80_000_000)) == [
        ("store.integrity", "good", "x.db is sound, 2.0 MB"), ("store.wal", "warn", "its write-ahead log has grown to 80.0 MB"),
    ]


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o700, False)])
def test_a_file_that_others_may_read_is_told_with_the_command_that_closes_it(mode, is_told):
    signs = list(diagnosis.readable(".env", mode))
    assert [s.cure for s in signs] == (["chmod 600 .env"] if is_told else [])


@pytest.mark.parametrize(("mode", "is_told"), [(0o644, False), (0o600, False), (0o664, True), (0o666, True)])
def test_a_store_that_others_may_change_is_told_with_the_command_that_closes_it(mode, is_told):
    assert [s.cure for s in diagnosis.writable("a.db", mode)] == (["chmod go-w a.db"] if is_told else [])


def message(number: int, destination: str, state: str, created_ms: int, error: str = "") -> Message:
    event = Event(key="k", suite="s", subject="c", rule="failure", episode="e", transition="firing", word="TICKET", on="ticket", at_ms=0)
    return Message(id=number, destination=destination, event=event, state=state, created_ms=created_ms, last_error=error)


def test_an_empty_outbox_is_well_and_a_young_message_too():
    for waiting in ([], [message(1, "team", "pending", HOUR_MS - 60_000)]):
        assert [s.state for s in diagnosis.outbox(waiting, HOUR_MS)] == [State.GOOD]


def test_dead_and_stuck_messages_are_counted_per_destination_with_the_newest_error():
    messages = [
        message(1, "team", "dead", 0, "refused"), message(2, "team", "dead", 1, "timed out"), message(3, "boss", "pending", HOUR_MS),
        message(4, "oncall", "dead", 0), message(5, "new", "pending", 2 * HOUR_MS, "refused"), message(6, "new", "pending", 2 * HOUR_MS),
    ]
    assert told(diagnosis.outbox(messages, 2 * HOUR_MS)) == [
        ("outbox.dead", "bad", "2 messages to team never arrived: timed out"), ("outbox.dead", "bad", "1 message to oncall never arrived"),
        ("outbox.stuck", "warn", "1 message to boss waiting for 60 min"), ("outbox.stuck", "warn", "1 message to new waiting for 0 min: refused"),
    ]
    assert all("slocheck alerts test" in s.cure for s in diagnosis.outbox(messages, 2 * HOUR_MS))


def test_destinations_that_are_refused_are_bad_and_the_others_are_named():
    assert told(diagnosis.destinations([("a", None), ("b", "is not a URL"), ("c", None)])) == [
        ("notify.destination", "bad", "the URL of b is not a URL"),
        ("notify.destination", "good", "Apprise takes the URL of a and c; slocheck alerts test sends a drill"),
    ]
