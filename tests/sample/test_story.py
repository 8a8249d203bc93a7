"""What the demo counts as shown, and the clock by which it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from slocheck.core.alerting import BURN, FAILURE
from slocheck.core.model import (
    Alert,
    AlertState,
    Destination,
    Event,
    Objective,
    Outcome,
    Role,
    Slo,
    SloStatus,
    Tick,
    Verdict,
)
from slocheck.sample import story
from slocheck.sample.faults import Faults
from slocheck.sample.story import ACTS, Act, Proof, StoryClock

WELL, BROKEN, MENDED = Act(title="well"), Act(title="broken", breaks=frozenset({"a"})), Act(title="mended")
STORY = (WELL, BROKEN, MENDED)
TEAM = Destination(name="team", url="json://x", on=("ticket", "resolve"))
TITLES = ["TICKET a (shop): down", "RESOLVED a (shop): up"]


def outcome(check, verdict=Verdict.GOOD, role=Role.SCHEDULED, at_ms=0):
    return Outcome(suite="s", check=check, kind="endpoint", location="local", role=role, due_ms=0, at_ms=at_ms, verdict=verdict)


def event(word, subject="a", on="ticket"):
    return Event(key=word, suite="shop", subject=subject, rule=FAILURE, episode="e", transition="t", word=word, on=on, at_ms=0)


def budget(left) -> SloStatus:
    objective = Objective(target=Fraction(1, 2), text="50")
    zero = Fraction(0)
    return SloStatus(
        name="availability", objective=objective, slo=Slo(name="availability", checks=("a",), objectives=(objective,)), start_ms=0,
        end_ms=0, as_of_ms=0, good_s=zero, bad_s=zero, unknown_s=zero, excluded_s=zero, sli=None, coverage=None, budget_total_s=Fraction(100),
        budget_consumed_s=zero, budget_remaining_s=Fraction(left), budget_remaining_ratio=None, burn_rates={}, n=0, bad=0, status="met",
    )


def minute(*outcomes, events=(), firing=(), burning=(), left=100) -> Tick:
    alerts = (
        *(Alert(subject=name, rule=FAILURE, state=AlertState.FIRING) for name in firing),
        *(Alert(subject=name, rule=BURN, state=AlertState.FIRING) for name in burning),
    )
    return Tick(
        suite="shop", location="local", run="r", started_ms=0, finished_ms=0, outcomes=outcomes, statuses=(budget(left),), alerts=alerts,
        events=events,
    )


BAD = (outcome("a", Verdict.BAD), outcome("a", Verdict.BAD, Role.CONFIRM, 1), outcome("a", Verdict.BAD, Role.CONFIRM, 2), outcome("b"))
GOOD = (outcome("a"), outcome("b"))
MINUTES = {
    "well": minute(*GOOD), "broken": minute(*BAD, events=(event("TICKET"),), firing=("a",), left=90),
    "mended": minute(*GOOD, events=(event("RESOLVED", on="resolve"),), left=90),
}


def missing(minutes=MINUTES, titles=TITLES, acts=STORY):
    proof = Proof()
    for act in acts:
        if act.title in minutes:
            proof.take(act, minutes[act.title])
    return proof.missing(acts, [TEAM], {"team": titles})


def test_a_story_that_was_seen_whole_misses_nothing():
    assert missing() == []


@pytest.mark.parametrize(("changes", "titles", "gaps"), [
    ({"broken": minute(*GOOD, events=(event("TICKET"),), firing=("a",), left=90)}, TITLES, ["broken: a did not go bad"]),
    ({"broken": minute(BAD[0], outcome("b"), events=(event("TICKET"),), firing=("a",), left=90)}, TITLES,
     ["broken: the failure of a was not confirmed"]),
    ({"broken": minute(*BAD[:2], outcome("a", Verdict.GOOD, Role.CONFIRM, 2), events=(event("TICKET"),), firing=("a",), left=90)}, TITLES,
     ["broken: the failure of a was not confirmed"]),
    ({"broken": minute(*BAD, events=(event("TICKET"),), left=90)}, TITLES, ["broken: no alert fired"]),
    ({"well": minute(outcome("a"), outcome("b", Verdict.BAD))}, TITLES, ["well: b was not good at its end"]),
    ({"well": minute(outcome("a"), outcome("b", Verdict.UNKNOWN))}, TITLES, ["well: b was not good at its end"]),
    ({"well": minute()}, TITLES, ["well: every check was not good at its end"]),
    ({"mended": minute(*GOOD, firing=("a",), left=90)}, TITLES, ["mended: the alert of a did not resolve"]),
    ({"mended": minute(*GOOD, burning=("availability",), left=90)}, TITLES, ["mended: the alert of availability did not resolve"]),
    ({"broken": minute(*BAD, events=(event("TICKET"),), firing=("a",)), "mended": minute(*GOOD)}, TITLES,
     ["the error budget of availability did not shrink"]),
    ({}, TITLES[:1], ["team: no message RESOLVED a arrived"]),
    ({}, ["TICKET ab (shop): x", TITLES[1]], ["team: no message TICKET a arrived"]),
    ({"broken": minute(*BAD, firing=("a",), left=90), "mended": minute(*GOOD, left=90)}, [], ["team: there was nothing to tell"]),
])
def test_each_gap_is_named(changes, titles, gaps):
    assert missing({**MINUTES, **changes}, titles) == gaps


def test_a_page_may_outlast_the_first_good_minutes_but_not_the_story():
    acts = (*STORY, Act(title="later"))
    open_still = minute(*GOOD, events=(event("RESOLVED", on="resolve"),), burning=("availability",), left=90)
    assert missing({**MINUTES, "mended": open_still, "later": minute(*GOOD, left=90)}, acts=acts) == []


def test_an_act_that_was_never_played_is_a_gap():
    gaps = missing({"well": MINUTES["well"]}, [])
    assert "broken: a did not go bad" in gaps
    assert "mended: every check was not good at its end" in gaps


def test_what_a_destination_does_not_want_need_not_arrive():
    proof = Proof()
    for act in STORY:
        proof.take(act, MINUTES[act.title])
    assert proof.missing(STORY, [replace(TEAM, on=("resolve",))], {"team": TITLES[1:]}) == []


def test_every_act_can_be_set_and_each_break_is_followed_by_its_mending():
    for act in ACTS:
        Faults().change(act.faults)
        assert bool(act.faults) == bool(act.breaks)
    assert [bool(act.breaks) for act in ACTS] == [False, True, False, True, False, True, False]
    broken = [i for i, act in enumerate(ACTS) if act.breaks]
    apart = [sum(a.minutes for a in ACTS[i:j]) for i, j in pairwise(broken)]
    assert min(apart) > 5, "a failure that was confirmed within five minutes would not be asked again"


# --- the clock ---
@pytest.fixture
def machine(monkeypatch):
    """The machine's clocks, moved by hand; `slept` are the waits."""
    class Machine:
        now_ns, slept = 1_700_000_030 * 10**9, []

        def sleep(self, seconds):
            self.slept.append(round(seconds, 6))
            self.now_ns += int(seconds * 1e9)

    it = Machine()
    it.slept = []
    monkeypatch.setattr(story.time, "time_ns", lambda: it.now_ns)
    monkeypatch.setattr(story.time, "perf_counter_ns", lambda: it.now_ns)
    monkeypatch.setattr(story.time, "sleep", it.sleep)
    return it


def test_the_story_begins_so_long_ago_that_it_ends_now(machine):
    clock = StoryClock(60, 21)
    assert clock.now_ms() == 1_700_000_030_000 // 60_000 * 60_000 - 21 * 60_000
    for _ in range(21):
        clock.end_minute()
    assert clock.now_ms() <= machine.now_ns // 10**6


def test_a_second_is_a_minute_and_a_minute_ends_on_the_minute(machine):
    clock = StoryClock(60, 1)
    start_ms = clock.now_ms()
    machine.now_ns += 250_000_000
    assert clock.now_ms() - start_ms == 15_000
    clock.end_minute()
    assert (machine.slept, clock.now_ms() - start_ms) == ([0.75], 60_000)


def test_a_minute_of_much_work_does_not_end_before_it(machine):
    clock = StoryClock(60, 1)
    start_ms, seen = clock.now_ms(), []
    for _ in range(8):
        machine.now_ns += 1_000_000_000
        seen.append(clock.now_ms() - start_ms)
    assert seen == sorted(set(seen)), "it goes on, so that two probes are never at the same instant"
    assert 50_000 < seen[0] < seen[-1] < 60_000
    machine.now_ns += 3600 * 10**9
    assert 59_000 < clock.now_ms() - start_ms < 60_000
    clock.end_minute()
    assert (machine.slept, clock.now_ms() - start_ms) == ([], 60_000)


def test_what_is_measured_is_not_hurried(machine):
    clock = StoryClock(60, 1)
    before = clock.monotonic_ns()
    machine.now_ns += 5_000_000
    assert clock.monotonic_ns() - before == 5_000_000


def test_its_sleep_is_as_fast_as_its_minutes(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(story.asyncio, "sleep", sleep)
    asyncio.run(StoryClock(60, 1).sleep(10))
    assert slept == [10 / 60]
