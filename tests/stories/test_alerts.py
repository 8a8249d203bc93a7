"""Timelines in, messages out: the alert rules, the outbox and real services together, on a clock of our own."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from slocheck import pipeline
from slocheck.core import alerting
from slocheck.core.model import Check, Destination, Finding, Objective, Outcome, Role, Severity, Slo, Suite, Verdict
from slocheck.core.units import parse_instant
from slocheck.pipeline import Hooks, Means
from slocheck.store.sqlite import open_store
from tests.notify.services import Post, mailbox, webhook

START = parse_instant("2026-11-22T10:42:00Z")
MINUTE = 60_000
VERDICTS = {"g": Verdict.GOOD, "b": Verdict.BAD, "u": Verdict.UNKNOWN}


class Clock:
    def __init__(self, ms):
        self.ms = ms

    def now_ms(self):
        return self.ms


class World:
    """A suite of one check that no SLO alerts for, its store, and the minutes of a run without its probes: outcomes are handed in."""

    def __init__(self, path, **urls):
        check = Check(name="catalogue", kind="endpoint", every=timedelta(seconds=60), timeout=timedelta(seconds=10), options=None)
        objective = Objective(target=Fraction(999, 1000), text="99.9")
        self.suite = Suite(
            name="shop-api", checks=(check,), slos=(Slo(name="availability", checks=("catalogue",), objectives=(objective,), alerts=()),),
            destinations=tuple(Destination(name=name, url=url) for name, url in urls.items()),
        )
        self.path, self.clock = path, Clock(START)
        self.store = open_store(str(path))
        self.failures = []

    def minute(self, text, number):
        """`bbb`: a failure and two bad re-probes. What is due is delivered."""
        self.clock.ms = START + number * MINUTE
        outcomes = [self._outcome(v, n) for n, v in enumerate(text)]
        self.store.record(outcomes)
        self.commit(outcomes)
        return self.deliver()

    def commit(self, outcomes):
        alerts, events = alerting.transitions(self.suite, self.store.alerts(), outcomes, self.clock.ms, refusing=frozenset())
        return self.store.commit(alerts, pipeline.route(events, self.suite.destinations), now_ms=self.clock.ms)

    def deliver(self):
        deliveries = pipeline.deliver(self.suite, self.store, Hooks(), Means(clock=self.clock))
        self.failures += [d.error for d in deliveries if not d.is_sent]
        return [d.is_sent for d in deliveries]

    def waiting(self):
        return [(m.destination, m.event.word, m.state, m.attempts) for m in self.store.messages(states=("pending", "dead"))]

    def _outcome(self, verdict, number):
        finding = Finding(id="http.status", severity=Severity.FAIL, message="GET /videos answers 503, expected 200", expected="200", got="503")
        at_ms = self.clock.ms - 30_000 + 10_000 * number
        return Outcome(
            suite="shop-api", check="catalogue", kind="endpoint", location="local", role=Role.CONFIRM if number else Role.SCHEDULED,
            due_ms=at_ms, at_ms=at_ms, verdict=VERDICTS[verdict], findings=(finding,) if verdict == "b" else (),
        )


@pytest.fixture
def world(tmp_path):
    made = []

    def make(**urls):
        made.append(World(tmp_path / "slocheck.db", **urls))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.fixture
def post(monkeypatch):
    return Post(monkeypatch)


def test_an_outage_pages_once_and_recovers_once(world):
    with webhook() as hook, mailbox() as box:
        it = world(oncall=hook.url(), team=box.url)
        for number, text in enumerate(("g", "g", "bbb", "b", "b", "u", "b", "b", "g", "b", "g", "g", "g", "g")):
            it.minute(text, number)
        titles = [
            "TICKET catalogue (shop-api): GET /videos answers 503, expected 200; bad since 10:43 UTC, confirmed by 2 re-probes",
            "RESOLVED catalogue (shop-api): good since 10:51 UTC, was bad for up to 8 min",
        ]
        assert hook.titles == titles
        assert [m["Subject"] for m in box.mails] == titles
        assert len(set(hook.keys)) == 2
        assert [m["X-Slocheck-Key"] for m in box.mails] == hook.keys
        assert box.mails[0]["References"] == box.mails[1]["References"]
        assert it.waiting() == []


def test_a_deaf_channel_loses_nothing_keeps_the_order_and_delays_nobody(world):
    with webhook() as deaf, webhook() as hook:
        deaf.status = 503
        it = world(deaf=deaf.url(), hook=hook.url())
        assert sorted(it.minute("bbb", 0)) == [False, True]
        assert hook.titles[0].startswith("TICKET")
        it.minute("g", 1)
        it.minute("g", 2)  # resolved while the firing still waits
        assert [t.split()[0] for t in hook.titles] == ["TICKET", "RESOLVED"]
        assert [(d, w, s) for d, w, s, _ in it.waiting()] == [("deaf", "TICKET", "pending"), ("deaf", "RESOLVED", "pending")]
        assert {t.split()[0] for t in deaf.titles} == {"TICKET"}  # the end does not overtake
        tried = len(deaf.titles)
        deaf.status = 200
        it.clock.ms += 3_600_000
        assert it.deliver() == [True, True]
        assert [t.split()[0] for t in deaf.titles[tried:]] == ["TICKET", "RESOLVED"]
        assert len(set(deaf.keys[: tried + 1])) == 1  # every attempt had the same key
        assert it.waiting() == []
        assert it.failures[0].startswith("it answered 503")


def test_a_channel_that_stays_dead_ends_as_a_dead_letter_that_can_be_revived(world, post):
    it = world(oncall="json://127.0.0.1:9/")
    post.refusals["oncall"] = {"error": "Connection refused"}
    it.minute("bbb", 0)
    for _ in range(20):
        it.clock.ms += 3_600_000
        it.deliver()
    assert it.waiting() == [("oncall", "TICKET", "dead", 8)]
    assert len(post.parcels) == 8
    post.refusals.clear()
    (dead,) = it.store.messages(states=("dead",))
    assert it.store.revive([dead.id], now_ms=it.clock.ms) == 1
    assert it.deliver() == [True]
    assert len({p.key for p in post.parcels}) == 1


def test_a_night_without_our_network_costs_nothing_and_tells_nobody(world):
    with webhook() as hook:
        it = world(oncall=hook.url())
        it.minute("g", 0)
        for number in range(1, 481):
            it.minute("u", number)
        it.minute("g", 481)
        assert hook.seen == []
        assert it.store.messages() == []
        assert it.store.alerts() == []
        (status,) = pipeline.figures.statuses(it.suite, it.store, it.clock.ms)
        assert status.bad_s == 0
        assert status.budget_consumed_s == 0
        assert status.unknown_s > 7 * 3600
        assert status.coverage < Fraction(1, 10)  # nor is it called up


def test_an_outage_before_the_night_stays_open_through_it(world, post):
    it = world(oncall="json://127.0.0.1:9/")
    it.minute("bbb", 0)
    for number in range(1, 200):
        it.minute("u", number)
    it.minute("g", 200)
    it.minute("g", 201)
    assert [t.split()[0] for t in post.titles] == ["TICKET", "RESOLVED"]
    assert post.titles[1].endswith("was bad for up to 3 h 20 min")


def test_a_firing_and_its_end_in_one_run_arrive_in_order(world, post):
    it = world(oncall="json://127.0.0.1:9/")
    outcomes = []
    for number, text in enumerate(("bbb", "g", "g")):
        it.clock.ms = START + number * MINUTE
        outcomes += [it._outcome(v, n) for n, v in enumerate(text)]
    it.commit(outcomes)
    assert it.deliver() == [True, True]
    assert [t.split()[0] for t in post.titles] == ["TICKET", "RESOLVED"]


def test_two_runs_that_compute_the_same_transition_tell_it_once(world):
    it = world(oncall="json://127.0.0.1:9/", team="json://127.0.0.1:9/")
    outcomes = [it._outcome("b", n) for n in range(3)]
    before = it.store.alerts()
    added = []
    for _ in range(2):  # both read the alerts before the other wrote
        alerts, events = alerting.transitions(it.suite, before, outcomes, it.clock.ms, refusing=frozenset())
        added.append(it.store.commit(alerts, pipeline.route(events, it.suite.destinations), now_ms=it.clock.ms))
    assert added == [2, 0]


KILLED = """
import os, signal, sys
from slocheck import notify
from slocheck.core.model import Destination
from slocheck.store.sqlite import open_store
path, url, now_ms = sys.argv[1], sys.argv[2], int(sys.argv[3])
messages = open_store(path).claim_messages(now_ms=now_ms, lease_ms=60_000)
notify.deliver(
    messages, {"oncall": Destination(name="oncall", url=url)}, deadline_s=60.0,
    on_result=lambda _delivery: os.kill(os.getpid(), signal.SIGKILL),
)
"""


def test_a_sender_killed_between_send_and_settle_sends_again_with_the_same_key_after_the_lease(world):
    with webhook() as hook:
        it = world(oncall=hook.url())
        it.commit([it._outcome("b", n) for n in range(3)])
        done = subprocess.run([sys.executable, "-c", KILLED, str(it.path), hook.url(), str(it.clock.ms)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(hook.seen) == 1
        it.clock.ms += 59_000
        assert it.deliver() == []  # the lease still runs: somebody may be at it
        it.clock.ms += 2_000
        assert it.deliver() == [True]
        assert len(hook.keys) == 2
        assert len(set(hook.keys)) == 1
        assert it.waiting() == []


def test_a_destination_that_was_removed_is_dead_with_its_reason(world):
    it = world(oncall="json://127.0.0.1:9/")
    it.commit([it._outcome("b", n) for n in range(3)])
    it.suite = replace(it.suite, destinations=())
    assert it.deliver() == [False]
    (message,) = it.store.messages(states=("dead",))
    assert message.last_error == "no destination is named oncall any more; add it under notify, then: slocheck alerts retry"


def test_a_receiver_that_says_429_is_not_asked_again_before_it_likes(world, post):
    it = world(oncall="json://127.0.0.1:9/")
    post.refusals["oncall"] = {"error": "it answered 429", "retry_after_ms": 60_000}
    assert it.minute("bbb", 0) == [False]
    post.refusals.clear()
    it.clock.ms += 59_000
    assert it.deliver() == []
    it.clock.ms += 2_000
    assert it.deliver() == [True]


def test_a_storm_is_one_digest_and_every_message_of_it_is_settled(world):
    with webhook() as hook:
        it = world(oncall=hook.url())
        checks = tuple(replace(it.suite.checks[0], name=f"c{n}") for n in range(12))
        it.suite = replace(it.suite, checks=checks)
        it.commit([replace(it._outcome("b", n), check=c.name) for c in checks for n in range(3)])
        assert it.deliver() == [True] * 12
        assert len(hook.seen) == 1
        assert hook.titles[0].startswith("DIGEST (shop-api): 12 messages since 10:41 UTC (12 TICKET); worst: TICKET c0: ")
        assert it.waiting() == []


def test_what_was_told_stands_in_the_store_without_a_secret(world):
    it = world(oncall="json://user:hunter2secret@127.0.0.1:9/t0k3n-path")
    it.minute("bbb", 0)
    raw = it.path.read_bytes() + b"".join(p.read_bytes() for p in it.path.parent.glob("slocheck.db-*"))
    assert b"answers 503" in raw
    assert b"hunter2secret" not in raw
    assert b"t0k3n-path" not in raw
    assert [f.split(";")[0] for f in it.failures] == ["Connection refused"]
