"""The alert rules as timelines: a letter is a scheduled outcome of a minute, what follows is who heard what."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.core.alert_table import event_key
from slocheck.core.alerting import FAILURE, is_told, transitions
from slocheck.core.model import (
    Alert,
    AlertState,
    Check,
    Finding,
    Maintenance,
    Outcome,
    Phases,
    Role,
    Severity,
    Suite,
    Verdict,
)
from slocheck.core.units import parse_instant

START = parse_instant("2026-11-22T10:42:00Z")
MINUTE = 60_000
VERDICTS = {"g": Verdict.GOOD, "b": Verdict.BAD, "u": Verdict.UNKNOWN}


def check(name="catalogue", **fields):
    return Check(**{"name": name, "kind": "endpoint", "every": timedelta(seconds=60), "timeout": timedelta(seconds=10), "options": None, **fields})


def suite(*checks, **fields):
    return Suite(name="shop-api", checks=checks or (check(),), **fields)


def outcome(verdict="b", at_ms=START, name="catalogue", role=Role.SCHEDULED, location="local", warn=(), **fields):
    bad = (Finding(id="http.status", severity=Severity.FAIL, message="GET /videos answers 503, expected 200", expected="200", got="503"),)
    warnings = tuple(Finding(id=w, severity=Severity.WARN, message=f"{w} is near") for w in warn)
    return Outcome(**{
        "suite": "shop-api", "check": name, "kind": "endpoint", "location": location, "role": role, "due_ms": at_ms, "at_ms": at_ms,
        "verdict": VERDICTS[verdict], "findings": (bad if verdict == "b" else ()) + warnings, **fields,
    })


def minute(text, number=0, name="catalogue", location="local"):
    """`b` with its re-probes behind it: `bbb` is a confirmed failure, `bg` a refuted one."""
    at_ms = START + number * MINUTE
    first, *again = text
    return [
        outcome(first, at_ms, name, location=location),
        *(outcome(v, at_ms + 10_000 * n, name, Role.CONFIRM, location) for n, v in enumerate(again, 1)),
    ]


class Run:
    """Ticks one after the other, the state kept as JSON in between, as the store keeps it."""

    def __init__(self, suite, refusing=frozenset()):
        self.suite, self.refusing = suite, refusing
        self.alerts: dict[tuple[str, str], Alert] = {}
        self.events = []

    def tick(self, outcomes, now_ms=None):
        newest = max((o.at_ms for o in outcomes), default=START)
        alerts, events = transitions(
            self.suite, list(self.alerts.values()), outcomes, now_ms or newest + 5000, refusing=self.refusing,
        )
        for alert in alerts:
            self.alerts[alert.subject, alert.rule] = replace(alert, data=json.loads(json.dumps(alert.data)))
        self.events += events
        return [(e.word, e.subject) for e in events]

    def play(self, timeline, name="catalogue"):
        """Each word of the timeline is a minute; returns the words heard with their minutes."""
        heard = []
        for number, text in enumerate(timeline.split()):
            heard += [f"{word}@{number}" for word, _ in self.tick(minute(text, number, name))]
        return " ".join(heard)

    def state(self, name="catalogue"):
        return self.alerts[name, FAILURE].state.value


@pytest.mark.parametrize(("timeline", "heard"), [
    ("g g g", ""),
    ("b g g", ""),  # a lone failure is no alarm
    ("bbb g g", "TICKET@0 RESOLVED@2"),  # both re-probes bad: confirmed
    ("bb g g", ""),  # only one of two asked again: not all
    ("bg g g", ""),  # refuted
    ("bbg g g", ""),
    ("bbu g g", ""),  # an unknown re-probe confirms nothing
    ("bub g g", ""),
    ("bgbbb g g", ""),  # once refuted, it stays so
    ("bg b g g", "TICKET@1 RESOLVED@3"),  # refuted, but bad again: two in a row
    ("b b g g", "TICKET@1 RESOLVED@3"),
    ("b g b g b", ""),  # a good one breaks the row
    ("b u b g g", "TICKET@2 RESOLVED@4"),  # an unknown one does not
    ("b u u u u b", "TICKET@5"),
    ("u u u u", ""),
    ("bbb b b b bbb", "TICKET@0"),  # once, however long
    ("bbb u u u", "TICKET@0"),  # unknown does not resolve
    ("bbb g u g", "TICKET@0 RESOLVED@3"),  # nor does it break a good row
    ("bbb g b g g", "TICKET@0 RESOLVED@4"),
    ("bbb g b g b g g", "TICKET@0 RESOLVED@6"),
    ("bbb g g bbb g g", "TICKET@0 RESOLVED@2 TICKET@3 RESOLVED@5"),
    ("g g b", ""),
    ("bbbb g g", "TICKET@0 RESOLVED@2"),
])
def test_a_failure_fires_when_it_is_sure_and_resolves_at_the_second_good_one(timeline, heard):
    assert Run(suite()).play(timeline) == heard


@pytest.mark.parametrize(("fields", "refusing", "timeline", "heard"), [
    ({"confirm": 0}, False, "b g b g", ""),
    ({"confirm": 0}, False, "b b g g", "TICKET@1 RESOLVED@3"),
    ({"confirm": 0}, False, "bbb g", ""),  # re-probes of an older suite do not count
    ({"confirm": 1}, False, "bb", "TICKET@0"),
    ({"confirm": 3}, False, "bbb", ""),
    ({"confirm": 3}, False, "bbbb", "TICKET@0"),
    ({}, True, "b g g", "TICKET@0 RESOLVED@2"),  # a kind that must not be asked again: the first bad one
    ({"is_enabled": False}, False, "bbb", ""),
])
def test_how_sure_is_declared_by_the_check_and_its_kind(fields, refusing, timeline, heard):
    run = Run(suite(check(**fields)), frozenset({"catalogue"} if refusing else ()))
    assert run.play(timeline) == heard


def test_a_manual_outcome_changes_no_alert():
    run = Run(suite())
    for number in range(5):
        assert run.tick([outcome("b", START + number * MINUTE, role=Role.MANUAL)]) == []
    assert run.alerts == {}
    run.play("bbb")
    for number in range(5):
        assert run.tick([outcome("g", START + (10 + number) * MINUTE, role=Role.MANUAL)]) == []
    assert run.state() == "firing"


def test_the_message_has_its_evidence():
    run = Run(suite())
    first = replace(
        minute("b")[0], latency_us=38_200, phases=Phases(dns=1100, connect=4000, wait=33_100),
        facts={"curl": ["curl -i http://x/login", "curl -i http://x/videos"]},
    )
    run.tick([first, *minute("bbb")[1:]])
    event = run.events[0]
    assert (event.word, event.on, event.rule, event.transition) == ("TICKET", "ticket", "failure", "firing")
    assert event.data["what"] == "GET /videos answers 503, expected 200"  # of the last step, which is the one that failed
    assert event.data["findings"] == [{
        "id": "http.status", "severity": "fail", "message": "GET /videos answers 503, expected 200", "expected": "200", "got": "503",
    }]
    assert (event.data["since_ms"], event.data["again"], event.data["in_a_row"]) == (START, 2, 1)
    assert event.data["phases_us"] == {"dns": 1100, "connect": 4000, "tls": None, "send": None, "wait": 33_100, "receive": None}
    assert event.data["curl"] == "curl -i http://x/videos"
    json.dumps(event.data)


STATUS = Finding(id="http.status", severity=Severity.FAIL, message="status: expected 200, got 503 Gone", expected="200", got="503 Gone")
SLOW = Finding(id="http.slow", severity=Severity.FAIL, message="latency: expected within 800ms, got 1200.0 ms", expected="within 800ms", got="1200.0 ms")


@pytest.mark.parametrize(("finding", "curl", "what"), [
    (STATUS, "curl -i 'https://api.example.com/videos?subject=math'", "GET /videos answers 503 Gone, expected 200"),
    (STATUS, "curl -I https://api.example.com", "HEAD / answers 503 Gone, expected 200"),
    (STATUS, "curl -i -H 'a: b' --data-raw '{}' https://api.example.com/carts", "POST /carts answers 503 Gone, expected 200"),
    (STATUS, "curl -i -X DELETE https://api.example.com/carts/1", "DELETE /carts/1 answers 503 Gone, expected 200"),
    (STATUS, "curl -i --data-binary @body https://api.example.com/a  # body: 9 bytes, not shown", "POST /a answers 503 Gone, expected 200"),
    (SLOW, "curl -i https://api.example.com/a", "GET /a: latency: expected within 800ms, got 1200.0 ms"),
    (replace(SLOW, message="step 2, GET /a: too slow"), "curl -i https://api.example.com/a", "step 2, GET /a: too slow"),
    (STATUS, "", "status: expected 200, got 503 Gone"),
    (STATUS, "curl 'https://unbalanced", "status: expected 200, got 503 Gone"),
    (STATUS, "curl ***", "status: expected 200, got 503 Gone"),
    (None, "curl https://api.example.com/", "is bad"),
])
def test_the_failure_is_one_clause_that_names_the_request(finding, curl, what):
    run = Run(suite(), frozenset({"catalogue"}))
    run.tick([outcome("b", findings=(finding,) if finding else (), facts={"curl": curl})])
    assert run.events[0].data["what"] == what
    assert run.alerts["catalogue", FAILURE].data["what"] == what


def test_a_long_list_of_findings_is_cut_and_counted():
    many = tuple(Finding(id=f"json.{n}", severity=Severity.FAIL, message=f"field {n}") for n in range(9))
    run = Run(suite(), frozenset({"catalogue"}))
    run.tick([outcome("b", findings=many)])
    assert [f["message"] for f in run.events[0].data["findings"]] == [f"field {n}" for n in range(5)]
    assert run.events[0].data["more_findings"] == 4


def test_the_end_says_how_long_and_how_much_of_it_is_unknown():
    run = Run(suite())
    run.play("bbb b u u b g g")
    end = run.events[-1].data
    assert end["of"] == "ticket"
    assert (end["since_ms"], end["end_ms"]) == (START, START + 5 * MINUTE)  # from the first bad to the first good one
    assert (end["bad"], end["unknown"]) == (3, 2)
    assert end["what"] == "GET /videos answers 503, expected 200"


def test_a_re_probe_counts_for_its_own_failure_only():
    run = Run(suite())
    run.play("bb b")
    assert (run.events[0].data["in_a_row"], run.events[0].data["again"]) == (2, 0)


def test_the_alert_is_pending_between_the_first_failure_and_the_verdict():
    run = Run(suite())
    run.play("b")
    assert run.state() == "pending"
    assert run.alerts["catalogue", FAILURE].since_ms == START
    assert run.alerts["catalogue", FAILURE].episode == ""
    run.play("b g")
    assert run.state() == "inactive"


def test_a_healthy_check_leaves_no_trace():
    run = Run(suite())
    run.play("g g u g")
    assert run.alerts == {}
    run.play("bbb g g")
    before = dict(run.alerts)
    assert run.tick(minute("g", 9)) == []
    alerts, _ = transitions(run.suite, list(before.values()), minute("g", 10), START + 11 * MINUTE, refusing=frozenset())
    assert alerts == []


# --- order, doubles, clocks ----------------------------------------------------------------------------------------


def test_the_order_of_arrival_within_a_run_does_not_matter():
    made = minute("bbb", 0) + minute("b", 1) + minute("g", 2)
    expected = None
    for order in itertools.permutations(made):
        run = Run(suite())
        run.tick(list(order))
        told = [(e.key, e.at_ms, dict(e.data)) for e in run.events]
        expected = expected or told
        assert told == expected
        assert len(told) == 1


def test_several_minutes_in_one_run_are_the_same_as_one_by_one():
    text = ("bbb", "b", "g", "g", "b", "b", "g", "g")
    one_by_one, at_once = Run(suite()), Run(suite())
    for number, word in enumerate(text):
        one_by_one.tick(minute(word, number))
    at_once.tick([o for number, word in enumerate(text) for o in minute(word, number)])
    assert [e.key for e in at_once.events] == [e.key for e in one_by_one.events]
    assert len(at_once.events) == 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["g", "b", "u", "bbb", "bg", "bbu"]), max_size=14), st.sets(st.integers(1, 13)))
def test_any_split_into_runs_tells_the_same_and_fires_and_resolves_in_turn(text, cuts):
    whole, pieces = Run(suite()), Run(suite())
    made = [minute(word, number) for number, word in enumerate(text)]
    whole.tick([o for outcomes in made for o in outcomes])
    edges = [0, *sorted(c for c in cuts if c < len(made)), len(made)]
    for start, end in itertools.pairwise(edges):
        pieces.tick([o for outcomes in made[start:end] for o in outcomes])
    assert [e.key for e in pieces.events] == [e.key for e in whole.events]
    words = [e.word for e in whole.events]
    assert words == ["TICKET", "RESOLVED"] * (len(words) // 2) + ["TICKET"] * (len(words) % 2)


def test_outcomes_that_were_counted_are_not_counted_again():
    run = Run(suite())
    run.tick(minute("b"))
    assert run.tick(minute("b")) == []  # the same again is no second one in a row
    assert run.state() == "pending"
    run.play("bbb g g")
    assert run.tick(minute("bbb") + minute("g", 1)) == []  # old news after the end
    assert run.state() == "inactive"


def test_an_empty_run_changes_nothing():
    run = Run(suite())
    run.play("bbb")
    alerts, events = transitions(run.suite, list(run.alerts.values()), [], START + MINUTE, refusing=frozenset())
    assert (alerts, events) == ([], [])


def test_two_overlapping_runs_compute_the_same_event_with_the_same_key():
    before, made = [], minute("bbb")
    results = [transitions(suite(), before, made, START + 30_000 + delay, refusing=frozenset()) for delay in (0, 4000)]
    assert results[0] == results[1]
    assert len(results[0][1]) == 1


def test_a_key_belongs_to_one_transition_only():
    run = Run(suite())
    run.play("bbb g g bbb g g")
    keys = [e.key for e in run.events]
    assert len(set(keys)) == 4
    event = run.events[0]
    assert event.key == event_key("shop-api", "catalogue", "failure", event.episode, "firing")
    assert run.events[0].episode == run.events[1].episode != run.events[2].episode
    assert len({event_key(*parts) for parts in itertools.permutations("abcde")}) == 120


def test_a_clock_that_was_set_back_does_not_deafen_us():
    run = Run(suite())
    future = START + 400 * 86_400_000
    run.tick([outcome("b", future)], now_ms=future)
    assert run.tick(minute("b"), now_ms=START) == [("TICKET", "catalogue")]


# --- locations -----------------------------------------------------------------------------------------------------


def test_good_answers_elsewhere_do_not_hide_a_failure():
    run = Run(suite())
    heard = []
    for number in range(4):
        heard += run.tick(minute("b" if number < 2 else "g", number, location="eu"))
        heard += run.tick(minute("g", number, location="us"))
    assert heard == [("TICKET", "catalogue"), ("RESOLVED", "catalogue")]


def test_one_lone_failure_each_in_two_locations_is_no_row():
    run = Run(suite())
    assert run.tick(minute("b", location="eu") + minute("b", location="us")) == []


def test_an_episode_ends_when_every_location_is_well():
    run = Run(suite())
    run.tick(minute("bbb", location="eu") + minute("bbb", location="us"))
    assert [e.data["locations"] for e in run.events] == [["eu", "us"]]
    assert run.tick(minute("g", 1, location="eu") + minute("b", 1, location="us")) == []
    assert run.tick(minute("g", 2, location="eu") + minute("b", 2, location="us")) == []
    assert run.tick(minute("g", 3, location="us")) == []
    assert run.tick(minute("g", 4, location="us")) == [("RESOLVED", "catalogue")]


def test_a_location_that_is_silent_for_a_day_holds_nothing_open():
    run = Run(suite())
    run.tick(minute("bbb", location="old"))
    assert run.tick(minute("g", 1, location="new") + minute("g", 2, location="new")) == []
    late = 25 * 60
    assert run.tick(minute("b", late, location="new")) == []
    assert run.tick(minute("g", late + 1, location="new") + minute("g", late + 2, location="new")) == [("RESOLVED", "catalogue")]


# --- maintenance, suites that change -------------------------------------------------------------------------------


def test_maintenance_holds_the_state():
    work = Maintenance(checks=("cat*",), start_ms=START + MINUTE, end_ms=START + 4 * MINUTE, reason="upgrade")
    run = Run(suite(maintenance=(work,)))
    assert run.play("g bbb bbb b g g") == ""  # the half-open end: minute 4 counts again
    run = Run(suite(maintenance=(work,)))
    assert run.play("bbb g g g g g") == "TICKET@0 RESOLVED@5"
    other = replace(work, checks=("orders",))
    assert Run(suite(maintenance=(other,))).play("g bbb") == "TICKET@1"


@pytest.mark.parametrize(("after", "reason"), [
    (suite(check("orders")), "is no longer declared"),
    (suite(check(is_enabled=False)), "is disabled"),
])
def test_a_check_that_is_asked_no_more_ends_its_episode_once(after, reason):
    run = Run(suite())
    run.tick(minute("bbb", 0)[:1] + minute("bbb", 0)[1:] + [outcome("g", START + MINUTE, warn=["tls.cert.expiring"])])
    run.suite = after
    assert sorted(run.tick([], now_ms=START + 9 * MINUTE)) == [("RESOLVED", "catalogue"), ("RESOLVED", "catalogue")]
    assert {e.data["reason"] for e in run.events[-2:]} == {reason}
    assert run.tick([], now_ms=START + 10 * MINUTE) == []


def test_a_pending_check_that_is_gone_is_forgotten_silently():
    run = Run(suite())
    run.play("b")
    run.suite = suite(check("orders"))
    assert run.tick([], now_ms=START + MINUTE) == []
    assert run.state() == "inactive"


def test_alerts_of_other_rules_are_left_alone():
    burn = Alert(subject="availability", rule="burn", state=AlertState.FIRING, severity="page", episode="01J")
    assert transitions(suite(), [burn], minute("g"), START, refusing=frozenset()) == ([], [])


def test_what_a_later_version_remembers_is_no_obstacle():
    kept = Alert(subject="catalogue", rule="failure", state=AlertState.PENDING, since_ms=START, data={
        "places": {"local": {"seen_ms": START, "since_ms": START, "begin": "01J", "bad": 1, "mood": "grey"}}, "new": [1],
    })
    _, events = transitions(suite(), [kept], minute("b", 1), START + MINUTE, refusing=frozenset())
    assert [e.episode for e in events] == ["01J"]


# --- warnings ------------------------------------------------------------------------------------------------------


def warnings(run, *minutes):
    heard = []
    for number, (verdict, *warn) in enumerate(minutes):
        heard += [f"{word}@{number}" for word, _ in run.tick([outcome(verdict, START + number * MINUTE, warn=warn)])]
    return " ".join(heard)


@pytest.mark.parametrize(("minutes", "heard"), [
    (["g", "g"], ""),
    (["gC", "gC", "gC"], "WARN@0"),
    (["gC", "g", "g"], "WARN@0 RESOLVED@1"),
    (["gC", "b", "gC"], "WARN@0"),  # a failure may end before the warning could be seen
    (["gC", "u", "gC"], "WARN@0"),
    (["gC", "u", "g"], "WARN@0 RESOLVED@2"),
    (["gCD", "gD", "g"], "WARN@0 WARN@0 RESOLVED@1 RESOLVED@2"),
    (["gC", "g", "gC"], "WARN@0 RESOLVED@1"),  # told once in 24 hours
    (["uC", "g"], ""),
])
def test_a_warning_is_told_when_it_comes_and_when_it_is_gone(minutes, heard):
    run = Run(suite())
    assert warnings(run, *minutes) == heard
    assert all(e.on == ("warn" if e.word == "WARN" else "resolve") for e in run.events)
    assert all(e.data["of"] == "warn" for e in run.events if e.word == "RESOLVED")


def test_warnings_of_one_outcome_are_episodes_of_their_own():
    """Messages of one episode wait for each other; these must not."""
    run = Run(suite(), frozenset({"catalogue"}))
    run.tick([outcome("b", warn=["C", "D"])])
    assert [e.word for e in run.events] == ["TICKET", "WARN", "WARN"]
    assert len({e.episode for e in run.events}) == 3


def test_a_warning_of_a_re_probe_or_by_hand_is_not_told():
    run = Run(suite())
    assert run.tick([outcome("g", role=Role.MANUAL, warn=["C"]), outcome("g", START + 1, role=Role.CONFIRM, warn=["C"])]) == []


def test_a_warning_seen_from_two_places_is_gone_when_both_see_it_no_more():
    run = Run(suite())
    assert run.tick([outcome("g", warn=["C"], location="eu"), outcome("g", warn=["C"], location="us")]) == [("WARN", "catalogue")]
    assert run.tick([outcome("g", START + MINUTE, location="eu")]) == []
    assert run.tick([outcome("g", START + 2 * MINUTE, location="us")]) == [("RESOLVED", "catalogue")]


def test_an_old_good_outcome_does_not_end_a_newer_warning():
    run = Run(suite())
    run.tick([outcome("g", START + MINUTE, warn=["C"])])
    assert run.tick([outcome("g", START)]) == []
    assert run.tick([outcome("g", START + 2 * MINUTE)]) == [("RESOLVED", "catalogue")]
    assert run.tick([outcome("g", START + MINUTE, warn=["C"])]) == []  # nor an old warning begin a new one


# --- dependencies --------------------------------------------------------------------------------------------------

SHOP = (check("gateway"), check("catalogue", depends_on=("gateway",)), check("checkout", depends_on=("catalogue",)))


def at(number, **verdicts):
    return [o for name, text in verdicts.items() for o in minute(text, number, name)]


def test_dependents_are_a_line_in_their_parents_message():
    for order in itertools.permutations(SHOP):  # the order of the file does not matter
        run = Run(suite(*order))
        assert run.tick(at(0, checkout="bbb", catalogue="bbb", gateway="bbb")) == [("TICKET", "gateway")]
        told = sorted(d["name"] for d in run.events[0].data["dependents"])
        assert told == ["catalogue", "checkout"]
        assert [run.state(n) for n in ("gateway", "catalogue", "checkout")] == ["firing"] * 3
        assert [is_told(run.alerts[n, FAILURE]) for n in ("gateway", "catalogue", "checkout")] == [True, False, False]
        assert run.alerts["checkout", FAILURE].data["roof"] == "gateway"


def test_a_dependent_that_follows_later_is_silent_too_and_resolves_silently():
    run = Run(suite(*SHOP))
    run.tick(at(0, gateway="bbb", catalogue="g"))
    assert run.tick(at(1, gateway="b", catalogue="bbb")) == []
    assert run.tick(at(2, gateway="g", catalogue="g")) == []
    assert run.tick(at(3, gateway="g", catalogue="g")) == [("RESOLVED", "gateway")]
    assert run.state("catalogue") == "inactive"
    assert len(run.events) == 2


def test_a_dependent_that_recovers_after_its_parent_is_not_told_at_all():
    run = Run(suite(*SHOP))
    run.tick(at(0, gateway="bbb", catalogue="bbb"))
    run.tick(at(1, gateway="g"))
    run.tick(at(2, gateway="g"))
    for number, verdict in ((3, "g"), (4, "u"), (5, "g")):
        assert run.tick(at(number, catalogue=verdict)) == []
    assert run.state("catalogue") == "inactive"


def test_a_dependent_that_stays_bad_without_its_parent_is_told_then():
    run = Run(suite(*SHOP))
    run.tick(at(0, gateway="bbb", catalogue="bbb"))
    run.tick(at(1, gateway="g", catalogue="b"))
    assert run.tick(at(2, gateway="g", catalogue="b")) == [("RESOLVED", "gateway"), ("TICKET", "catalogue")]
    assert [d["name"] for d in run.events[-2].data["dependents"]] == ["catalogue"]  # the parent's end names who is still bad
    assert run.events[-1].data["since_ms"] == START
    assert run.tick(at(3, catalogue="b")) == []
    run.tick(at(4, catalogue="g"))
    assert run.tick(at(5, catalogue="g")) == [("RESOLVED", "catalogue")]


def test_a_dependent_that_was_told_first_has_an_end_of_its_own():
    run = Run(suite(*SHOP))
    assert run.tick(at(0, catalogue="bbb", gateway="g")) == [("TICKET", "catalogue")]
    assert run.tick(at(1, catalogue="b", gateway="bbb")) == [("TICKET", "gateway")]
    run.tick(at(2, catalogue="g", gateway="b"))
    assert run.tick(at(3, catalogue="g", gateway="b")) == [("RESOLVED", "catalogue")]


def test_a_circle_of_dependencies_does_not_hang():
    run = Run(suite(check("a", depends_on=("b",)), check("b", depends_on=("a", "gone"))))
    assert len(run.tick(at(0, a="bbb", b="bbb"))) == 1
