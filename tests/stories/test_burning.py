"""SLOs on a timeline, minute by minute through the real store: who hears what, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from slocheck import pipeline
from slocheck.core.model import (
    Alert,
    AlertRule,
    AlertState,
    Check,
    Destination,
    Finding,
    Maintenance,
    Method,
    Objective,
    Outcome,
    Role,
    Severity,
    Sli,
    Slo,
    Suite,
    Verdict,
)
from slocheck.core.units import parse_instant
from slocheck.core.wording import word
from slocheck.figures import watch
from slocheck.pipeline import Selection, route
from slocheck.store.sqlite import open_store

START = parse_instant("2026-11-22T06:00:00Z")
MINUTE = 60_000
VERDICTS = {"g": Verdict.GOOD, "b": Verdict.BAD, "u": Verdict.UNKNOWN}
BUSTED = Finding(id="http.status", severity=Severity.FAIL, message="GET /videos answers 503, expected 200", expected="200", got="503")
LOST = Finding(id="prober.no_route", severity=Severity.INFO, message="no way from here to 192.0.2.1")


def check(name="catalogue", minutes=1, **more):
    return Check(name=name, kind="endpoint", every=timedelta(minutes=minutes), timeout=timedelta(seconds=10), options=None, **more)


def slo(name="availability", checks=("catalogue",), target="99.5", **more):
    return Slo(name=name, checks=checks, objectives=(Objective(target=Fraction(target) / 100, text=target),), **more)


class World:
    """A suite, its store, and its runs without the probes: each minute's outcomes are handed in."""

    def __init__(self, path, suite):
        self.suite, self.store = suite, open_store(str(path))
        self.minute, self.heard, self.events = 0, [], []

    def run(self, **texts):
        """`catalogue="bbb"`: a failure and two bad re-probes; a location stands before a dot: `{"catalogue@eu": "g"}`."""
        outcomes = [o for name, text in texts.items() for o in self.outcomes(name, text)]
        self.store.record(outcomes)
        now_ms = self.now_ms = START + self.minute * MINUTE + 30_000
        suite = pipeline.figures.excluding(self.suite, self.store)
        alerts, events = pipeline.decide(suite, self.store, outcomes, Selection(), now_ms)
        self.store.commit(alerts, route(events, suite.destinations), now_ms=now_ms)
        self.events += events
        self.heard += [(self.minute, e.word, e.subject) for e in events]
        self.minute += 1

    def outcomes(self, name, text):
        name, _, location = name.partition("@")
        at_ms = START + self.minute * MINUTE
        for number, letter in enumerate(text.split("/")[0]):
            verdict = VERDICTS[letter]
            yield Outcome(
                suite="shop-api", check=name, kind="endpoint", location=location or "local", role=Role.CONFIRM if number else Role.SCHEDULED,
                due_ms=at_ms, at_ms=at_ms + 10_000 * number, verdict=verdict, every_ms=self.suite.check(name).every_ms,
                latency_us=int(text.partition("/")[2] or 40_000) if verdict is Verdict.GOOD else None,
                findings={Verdict.BAD: (BUSTED,), Verdict.UNKNOWN: (LOST,), Verdict.GOOD: ()}[verdict],
            )

    def play(self, minutes, **texts):
        for _ in range(minutes):
            self.run(**texts)

    def past(self, minutes, **texts):
        """As many minutes that nobody evaluated: quick, where nothing happens."""
        for _ in range(minutes):
            self.store.record([o for name, text in texts.items() for o in self.outcomes(name, text)])
            self.minute += 1

    def alert(self, name="availability"):
        """The SLO's alert; one that holds nothing has no row."""
        return next((a for a in self.store.alerts() if (a.subject, a.rule) == (name, "burn")), Alert(subject=name, rule="burn"))

    def said(self, number=-1):
        worded = word(self.events[number])
        return f"{worded.title}\n{worded.body}"


@pytest.fixture
def world(tmp_path):
    made = []

    def make(*checks, slos=None, **more):
        suite = Suite(name="shop-api", checks=checks or (check(),), slos=slos or (slo(),), **more)
        made.append(World(tmp_path / "slocheck.db", suite))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def test_an_outage_pages_recovers_goes_down_to_a_ticket_and_resolves(world):
    it = world()
    it.past(200, catalogue="g")
    it.run(catalogue="bbb")
    it.play(29, catalogue="b")
    it.play(60, catalogue="g")
    for _ in range(40):
        it.past(10, catalogue="g")
        it.run(catalogue="g")
    assert [said for _, said, _ in it.heard] == ["PAGE", "WARN", "TICKET", "RESOLVED"]
    minutes = [minute - 200 for minute, _, _ in it.heard]
    assert minutes[:3] == [4, 39, 67], "five of sixty; ten good minutes; 37 minutes until a 6h/30m pair is calm for ten"
    assert it.said(0) == f"""\
PAGE availability (shop-api): budget burning at 16.7x, gone in 1 d 18 h
catalogue: GET /videos answers 503, expected 200; bad since 09:20 UTC (4 min 30 s), confirmed by 2 re-probes
last 1h: 5 of 60 bad, 8.3 % (page above 7.2 %); last 5m: 5 of 5
budget left 211.5 of 216.0 min (97 %); a full budget lasts 1 d 19 h at this pace; SLI 30d 97.79 %, goal 99.5 %
refuted at 95 % (94.94 to 99.04, 5 bad of 205, assumes independent probes); coverage 100.0 %; slocheck explain {it.events[0].episode}"""
    assert it.said(1).splitlines()[:2] == [
        "WARN availability (shop-api): recovering: only good answers of catalogue for 10 min; not resolved yet",
        "still firing because of last 6h: 30 of 240 bad, 12.5 % (page above 3 %); last 30m: 20 of 30",
    ]
    assert it.said(2).startswith(
        "TICKET availability (shop-api): down to ticket: no page pair was true for 10 min; budget burning at 8.4x, gone in 3 d 2 h\n"
        "catalogue: GET /videos answers 503, expected 200; bad from 09:20 UTC to 09:49 UTC (29 min)",
    )
    assert it.said(3).splitlines()[:3] == [
        "RESOLVED availability (shop-api): 30 min bad, cost 13.9 % of the budget; 186.0 of 216.0 min left",
        "catalogue: bad from 09:20 UTC to 09:49 UTC (29 min)", "the last of it: GET /videos answers 503, expected 200",
    ]
    assert it.alert() == type(it.alert())(subject="availability", rule="burn")


def titles(it):
    return [word(e).title for e in it.events]


def test_a_lone_failure_wakes_nobody_though_it_exceeds_both_windows(world):
    it = world(slos=(slo(target="99.9"),))
    it.play(70, catalogue="g")
    it.run(catalogue="bbg")
    assert it.heard == []
    assert it.alert().state is AlertState.PENDING
    it.play(20, catalogue="g")
    assert it.alert().state is AlertState.INACTIVE
    it.run(catalogue="bbb")
    assert [said for _, said, _ in it.heard] == ["PAGE"], "confirmed"
    assert "confirmed by 2 re-probes" in it.said()


def test_a_burst_that_was_cut_short_confirms_nothing(world):
    it = world(slos=(slo(target="99.9"),))
    it.play(70, catalogue="g")
    it.run(catalogue="bb")
    assert it.heard == []


def test_silence_is_told_once_and_its_end_once(world):
    slos = (slo(), slo("speed", sli=Sli(name="latency", threshold=timedelta(milliseconds=300))))
    it = world(slos=slos, destinations=(Destination(name="team", url="json://127.0.0.1:9/"),))
    it.past(90, catalogue="g")
    it.play(60, catalogue="u")
    assert {e.key for e in it.events} == {it.events[0].key}, "two SLOs, one silence"
    assert it.said(0).splitlines()[:2] == [
        ("STALE availability (shop-api): no probe of catalogue from local could be made for 3 min 30 s (every 60 s); alerts are frozen;"
        " nothing is known about the target"),
        "why: no way from here to 192.0.2.1",
    ]
    assert it.alert().state is AlertState.FROZEN
    it.run(catalogue="g")
    assert it.said().startswith("RESOLVED availability (shop-api): measured again: catalogue answers after 1 h 1 min")
    assert [m.event.word for m in it.store.messages()] == ["STALE", "RESOLVED"]
    it.play(40, catalogue="g")
    assert it.alert().state is AlertState.INACTIVE
    assert len(it.store.messages()) == 2


def test_a_check_that_nobody_runs_is_told_as_what_it_is(world):
    it = world(check(), check("orders"), slos=(slo(checks=("catalogue", "orders")),))
    it.play(30, catalogue="g", orders="g")
    it.play(6, orders="g")
    assert titles(it) == [
        ("STALE availability (shop-api): no probe of catalogue from local for 3 min 30 s (every 60 s); alerts are frozen;"
        " nothing is known about the target"),
    ]


def test_a_machine_that_slept_wakes_up_in_silence(world):
    it = world()
    it.past(90, catalogue="g")
    it.minute += 480
    it.play(5, catalogue="g")
    assert it.heard == []
    assert it.alert().state is AlertState.FROZEN
    assert it.alert().data == {"what": "under half of what every window should hold is known"}


def test_a_silent_alert_neither_fires_nor_resolves(world):
    it = world()
    it.past(100, catalogue="g")
    it.play(20, catalogue="b")
    it.play(120, catalogue="u")
    assert [said for _, said, _ in it.heard] == ["PAGE", "STALE"]
    assert (it.alert().state, it.alert().severity) == (AlertState.FROZEN, "page")


def test_maintenance_holds_the_alert_and_sends_no_notice(world):
    it = world(maintenance=(Maintenance(checks=("*",), start_ms=START + 130 * MINUTE, end_ms=START + 190 * MINUTE, reason="upgrade"),))
    it.past(100, catalogue="g")
    it.play(10, catalogue="b")
    it.play(20, catalogue="g")
    before = list(it.heard)
    it.play(30, catalogue="b")
    it.play(30)
    assert it.heard == before
    assert before[0][1] == "PAGE"


def test_a_ticket_becomes_a_page_and_a_second_page_is_never_swallowed(world):
    it = world(slos=(slo(target="99.9"),))
    it.past(800, catalogue="g")
    for _ in range(5):
        it.run(catalogue="bg")
        it.past(54, catalogue="g")
        it.run(catalogue="g")
    words = [said for _, said, _ in it.heard]
    assert words[0] == "TICKET"
    it.run(catalogue="bbb")
    it.play(5, catalogue="b")
    assert [said for _, said, _ in it.heard][len(words):] == ["PAGE"]
    it.play(90, catalogue="g")
    it.run(catalogue="bbb")
    it.play(5, catalogue="b")
    assert [said for _, said, _ in it.heard][len(words):].count("PAGE") == 2
    assert len({e.key for e in it.events}) == len(it.events)
    assert len({e.episode for e in it.events}) == 1


def test_two_runs_that_overlap_tell_it_once(world):
    it = world(destinations=(Destination(name="team", url="json://127.0.0.1:9/"),))
    it.past(100, catalogue="g")
    it.play(4, catalogue="b")
    it.store.record([o := next(iter(it.outcomes("catalogue", "b")))])
    held, now_ms = it.store.alerts(), o.at_ms + 5000
    for late_ms in (0, 700):  # both read the alerts before the other wrote
        alerts, events = watch.alerted(it.suite, it.store, held, now_ms + late_ms)
        it.store.commit(alerts, route(events, it.suite.destinations), now_ms=now_ms)
    assert [m.event.word for m in it.store.messages()] == ["PAGE"]


def test_the_message_names_the_check_that_burns(world):
    it = world(check(), check("orders", depends_on=("catalogue",)), check("search"), slos=(slo(checks=("orders", "search", "catalogue")),))
    it.past(100, catalogue="g", orders="g", search="g")
    it.play(5, catalogue="b", orders="b", search="g")
    assert it.said().splitlines()[1].startswith("catalogue: GET /videos answers 503"), "what the other depends on"
    assert "bad with it: orders (GET /videos answers 503, expected 200)" in it.said()


def test_an_slo_whose_culprit_depends_on_a_burning_check_is_folded_into_that_episode(world):
    it = world(check(), check("orders", depends_on=("catalogue",)), slos=(slo("buying", checks=("orders",)), slo()))
    it.past(100, catalogue="g", orders="g")
    it.play(10, catalogue="b", orders="b")
    assert [(said, subject) for _, said, subject in it.heard] == [("PAGE", "availability")]
    assert it.alert("buying").data["roof"] == "availability"
    it.play(80, catalogue="g", orders="b")
    told = [(said, subject) for _, said, subject in it.heard]
    assert ("RESOLVED", "availability") in told
    assert told[-1] == ("PAGE", "buying"), "it goes on without its parent"


def test_a_page_needs_two_locations_that_agree_and_a_ticket_none(world):
    it = world(locations=("eu", "us"), slos=(slo(target="99"),))
    it.past(100, **{"catalogue@eu": "g", "catalogue@us": "g"})
    it.play(40, **{"catalogue@eu": "b", "catalogue@us": "g"})
    assert "PAGE" not in [said for _, said, _ in it.heard]
    it.play(10, **{"catalogue@eu": "b", "catalogue@us": "b"})
    page = next(n for n, (_, said, _) in enumerate(it.heard) if said == "PAGE")
    assert "from eu and us (2 of 2)" in it.said(page)


def test_the_only_location_with_data_is_enough_and_the_message_says_so(world):
    it = world(locations=("eu", "us"))
    it.past(100, **{"catalogue@eu": "g", "catalogue@us": "g"})
    it.play(10, **{"catalogue@eu": "b"})
    assert [said for _, said, _ in it.heard] == ["PAGE"]
    assert "from eu, the only location with data" in it.said()


def test_what_is_too_slow_burns_a_latency_budget(world):
    it = world(slos=(slo("speed", sli=Sli(name="latency", threshold=timedelta(milliseconds=300))),))
    it.past(100, catalogue="g")
    it.play(5, catalogue="g/512000")
    assert [said for _, said, _ in it.heard] == ["PAGE"]
    assert "catalogue: took 512 ms, allowed 300 ms; bad since 07:40 UTC" in it.said()
    assert "confirmed by" not in it.said(), "slow answers are not asked again"


def test_slices_are_counted_where_the_objective_counts_slices(world):
    it = world(slos=(slo(method=Method.TIMESLICES, slice=timedelta(minutes=5)),))
    it.past(120, catalogue="g")
    it.play(20, catalogue="b")
    assert it.heard[0][1] == "PAGE"
    assert "last 1h: 3 of 14 bad" in it.said(0) or "of 12 bad" in it.said(0)
    it.play(40, catalogue="g")
    assert "STALE" not in [said for _, said, _ in it.heard], "slices are rarer than probes"


def test_who_asked_for_it_is_reminded_of_an_episode_that_goes_on(world):
    eager = Destination(name="eager", url="json://127.0.0.1:9/", remind=timedelta(minutes=1))
    calm = Destination(name="calm", url="json://127.0.0.1:9/")
    it = world(destinations=(eager, calm))
    it.past(100, catalogue="g")
    it.play(21, catalogue="b")
    told = [(m.destination, word(m.event).title.partition(": ")[2].partition(";")[0]) for m in it.store.messages()]
    assert [d for d, _ in told] == ["eager", "calm", "eager", "eager", "eager"], "never more often than every five minutes"
    assert [t for _, t in told[2:]] == ["still firing after 5 min", "still firing after 10 min", "still firing after 15 min"]


@pytest.mark.parametrize("change", [{"slos": ()}, {"slos": (slo(alerts=()),)}])
def test_an_slo_without_alerts_any_more_ends_its_episode_once(world, change):
    it = world()
    it.past(100, catalogue="g")
    it.play(6, catalogue="b")
    it.suite = replace(it.suite, **change)
    it.play(3, catalogue="b")
    assert sorted(titles(it)[1:]) == [
        "RESOLVED availability (shop-api): has no alerts any more, so nobody watches it any more",
        "TICKET catalogue (shop-api): GET /videos answers 503, expected 200; bad since 07:40 UTC, 2 outcomes in a row",
    ], "the check alerts by itself now, and what came before counts"
    assert it.alert().state is AlertState.INACTIVE


def test_a_check_that_an_slo_speaks_for_does_not_alert_by_itself(world):
    rare = check("certificate", minutes=720)
    it = world(check(), check("orders"), rare, slos=(slo(checks=("catalogue", "certificate")),))
    it.past(100, catalogue="g", orders="g", certificate="g")
    it.run(catalogue="bbb", orders="bbb", certificate="bbb")
    assert [(said, subject) for _, said, subject in it.heard] == [("TICKET", "orders"), ("TICKET", "certificate")], "no SLO, or too rare for one"


def test_a_failure_that_is_open_when_an_slo_begins_to_speak_for_its_check_is_ended(world):
    it = world(slos=(slo(alerts=()),))
    it.play(3, catalogue="g")
    it.run(catalogue="bbb")
    it.suite = replace(it.suite, slos=(slo(),))
    it.run(catalogue="b")
    assert titles(it)[1:] == [
        "RESOLVED catalogue (shop-api): is watched by its SLO now, which tells from here on; it was bad since 06:03 UTC",
    ]


def test_a_clock_that_was_set_back_does_not_hold_an_episode_open_for_ever(world):
    rule = AlertRule(long=timedelta(hours=1), short=None, burn=Fraction("14.4"), severity="page")
    it = world(slos=(slo(alerts=(rule,)),))
    it.past(100, catalogue="g")
    it.play(6, catalogue="b")
    held = it.alert()
    far = {**held.data, "seen_ms": held.data["seen_ms"] + 10**9, "last_true_ms": held.data["last_true_ms"] + 10**9}
    it.store.commit([replace(held, data=far)], [], now_ms=0)
    it.play(30, catalogue="g")
    assert [said for _, said, _ in it.heard] == ["PAGE", "RESOLVED"]


def test_a_quiet_minute_asks_the_store_one_question_however_many_slos_there_are(world):
    it = world(check(), check("orders"), slos=(slo(), slo("all", checks=("catalogue", "orders")), slo("strict", target="99.9")))
    it.past(200, catalogue="g", orders="g")
    asked: list[str] = []
    it.store._db.connection.set_trace_callback(asked.append)
    now_ms = START + it.minute * MINUTE
    assert watch.alerted(it.suite, it.store, [], now_ms) == ([], [])
    assert len(asked) == 1
    it.store._db.connection.set_trace_callback(None)
    it.run(catalogue="b", orders="g")
    asked.clear()
    it.store._db.connection.set_trace_callback(asked.append)
    watch.alerted(it.suite, it.store, [], now_ms + MINUTE)
    it.store._db.connection.set_trace_callback(None)
    assert len(asked) > 1, "and reads what the windows hold when something failed"


def test_each_destination_hears_what_it_asked_for_and_of_an_end_only_if_of_its_beginning(world):
    names = {"pager": ("page", "resolve"), "desk": ("ticket", "resolve"), "log": ("warn", "resolve"), "loud": ("page",)}
    it = world(destinations=tuple(Destination(name=n, url="json://127.0.0.1:9/", on=on) for n, on in names.items()))
    it.past(100, catalogue="g")
    it.play(12, catalogue="b")
    it.play(70, catalogue="g")
    for _ in range(40):
        it.past(10, catalogue="g")
        it.run(catalogue="g")
    heard = {n: [m.event.word for m in it.store.messages() if m.destination == n] for n in names}
    assert heard["pager"] == ["PAGE", "WARN", "TICKET", "RESOLVED"], "recovering and down to ticket are for those who got the page"
    assert heard["desk"] == ["TICKET", "RESOLVED"]
    assert heard["loud"] == ["PAGE", "WARN", "TICKET"]
    assert heard["log"] == [], "no warning, so no end of one"


def test_what_is_asked_by_hand_evaluates_no_slo(world):
    it = world()
    it.past(100, catalogue="g")
    it.minute += 600
    by_hand = [replace(o, role=Role.MANUAL) for o in it.outcomes("catalogue", "g")]
    now_ms = START + it.minute * MINUTE
    assert pipeline.decide(it.suite, it.store, by_hand, Selection(names=("catalogue",)), now_ms) == ([], [])
    assert [e.word for e in pipeline.decide(it.suite, it.store, by_hand, Selection(), now_ms)[1]] == ["STALE"]
