"""Warnings about things that checks share: who hears what, as timelines. A step is an hour unless it says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck import pipeline
from slocheck.core.alerting import transitions
from slocheck.core.model import Alert, AlertState, Destination, FindingKind, Outcome, Severity, Thing
from slocheck.core.units import parse_instant
from slocheck.core.warn_alerts import Manner, finding_id
from slocheck.core.wording import word
from tests.core.test_alerting import Run, check, outcome, suite

START = parse_instant("2026-11-22T10:42:00Z")
HOUR = 3_600_000
KINDS = {
    "soon": FindingKind(severity=Severity.WARN, means="", told="ticket"),
    "critical": FindingKind(severity=Severity.WARN, means="", told="page", stricter_than="soon"),
    "changed": FindingKind(severity=Severity.WARN, means="", told="ticket", is_event=True),
    "old": FindingKind(severity=Severity.WARN, means=""),
}


def about(made: Outcome):
    """The facts say it outright: {finding: "A B"}; of `old` the thing is only the place."""
    return {
        name: tuple(Thing(name="certificate *.example.com", key=key, moves=name == "old") for key in keys.split())
        for name, keys in made.facts.items()
    }


MANNERS = {"endpoint": Manner(findings=KINDS, about=about)}


class Shared(Run):
    """`see` is one outcome: `soon:A` is a finding about A, `plain` one about the check; `!` a bad outcome, `?` an unknown one."""

    def __init__(self, *names, **fields):
        super().__init__(suite(*(check(n) for n in names or ("c",)), **fields))

    def see(self, hours, *findings, name="c", location="local"):
        return self.run(hours, [self.seen(hours, *findings, name=name, location=location)])

    def run(self, hours, outcomes):
        alerts, events = transitions(
            self.suite, list(self.alerts.values()), outcomes, START + int(hours * HOUR) + 5000, refusing=frozenset(), manners=MANNERS,
        )
        for alert in alerts:
            if alert == Alert(subject=alert.subject, rule=alert.rule):
                self.alerts.pop((alert.subject, alert.rule), None)  # as the store does
            else:
                self.alerts[alert.subject, alert.rule] = alert
        self.events += events
        return " ".join(f"{e.word}:{e.rule.removeprefix('warn:').replace(' ', '/')}" for e in events)

    def seen(self, hours, *findings, name="c", location="local"):
        verdict = next((v for v in ("!", "?") if v in findings), "")
        things = {f.partition(":")[0]: f.partition(":")[2].replace(",", " ") for f in findings if ":" in f}
        named = [f.partition(":")[0] for f in findings if f not in ("!", "?")]
        return outcome(
            {"!": "b", "?": "u", "": "g"}[verdict], START + int(hours * HOUR), name, location=location, warn=named, facts=things,
        )

    def open(self):
        return sorted(a.rule.removeprefix("warn:") for a in self.alerts.values() if a.state is AlertState.FIRING and a.rule != "failure")


@pytest.mark.parametrize(("steps", "heard"), [
    # one thing
    (["soon:A", "soon:A", ""], ["TICKET:soon/A", "", "RESOLVED:soon/A"]),
    (["soon:A", "!", "?", ""], ["TICKET:soon/A", "", "", "RESOLVED:soon/A"]),  # only a good outcome ends it
    (["old:A", ""], ["WARN:old/A", "RESOLVED:old/A"]),
    (["plain", ""], ["WARN:plain", "RESOLVED:plain"]),  # what no kind speaks of is about the check
    # whatever alternates
    (["soon:A", "", "soon:A", "", "soon:A"], ["TICKET:soon/A", "RESOLVED:soon/A", "", "", ""]),
    (["soon:A", "soon:B", "soon:A", "soon:B"], ["TICKET:soon/A", "TICKET:soon/B RESOLVED:soon/A", "RESOLVED:soon/B", ""]),
    (["soon:A,B", "soon:B", ""], ["TICKET:soon/A TICKET:soon/B", "RESOLVED:soon/A", "RESOLVED:soon/B"]),
    # the server's own trouble goes on under another certificate
    (["old:A", "old:B", "old:A", "old:B", ""], ["WARN:old/A", "", "", "", "RESOLVED:old/B"]),
    (["old:A", "!", "old:B", ""], ["WARN:old/A", "", "", "RESOLVED:old/B"]),
    # stricter
    (["soon:A", "critical:A", "critical:A", ""], ["TICKET:soon/A", "PAGE:critical/A", "", "RESOLVED:critical/A"]),
    (["soon:A", "critical:A", "soon:B"], ["TICKET:soon/A", "PAGE:critical/A", "TICKET:soon/B RESOLVED:critical/A"]),
    (["critical:A", ""], ["PAGE:critical/A", "RESOLVED:critical/A"]),
    # events
    (["changed:A", "", "changed:B", "changed:A", ""], ["TICKET:changed/A", "", "TICKET:changed/B", "", ""]),
    (["changed:A", "changed:A"], ["TICKET:changed/A", ""]),
])
def test_a_warning_has_its_class_is_told_once_a_day_and_ends_once(steps, heard):
    run = Shared()
    assert [run.see(hours, *step.split()) for hours, step in enumerate(steps)] == heard


@pytest.mark.parametrize(("steps", "heard"), [
    ([(0, "soon:A"), (1, ""), (2, "soon:A"), (23.9, "soon:A"), (24, "soon:A"), (25, "soon:A"), (26, "")],
     ["TICKET:soon/A", "RESOLVED:soon/A", "", "", "TICKET:soon/A", "", "RESOLVED:soon/A"]),  # silently open, then told
    ([(0, "soon:A"), (1, ""), (24, "soon:A"), (25, "")], ["TICKET:soon/A", "RESOLVED:soon/A", "TICKET:soon/A", "RESOLVED:soon/A"]),
    ([(0, "soon:A"), (48, "soon:A"), (72, "soon:A")], ["TICKET:soon/A", "", ""]),  # nothing is told twice because it lasts
    ([(0, "changed:A"), (23.9, "changed:A"), (24, "changed:A")], ["TICKET:changed/A", "", "TICKET:changed/A"]),
    ([(0, "soon:A"), (1, ""), (60, ""), (61, "soon:A")], ["TICKET:soon/A", "RESOLVED:soon/A", "", "TICKET:soon/A"]),  # long forgotten
])
def test_what_comes_back_within_a_day_is_silent_and_is_told_when_the_day_is_over(steps, heard):
    run = Shared()
    assert [run.see(hours, *step.split()) for hours, step in steps] == heard
    keys = [e.key for e in run.events]
    assert len(set(keys)) == len(keys)


FIFTY = tuple(f"web-{n:02}" for n in range(50))


def fifty(run, hours, *findings):
    return run.run(hours, [run.seen(hours + n / 7200, *findings, name=name) for n, name in enumerate(FIFTY)])


def test_fifty_hosts_with_one_certificate_are_one_message_that_names_them_and_one_end():
    run = Shared(*FIFTY)
    assert fifty(run, 0, "soon:A") == "TICKET:soon/A"
    assert run.events[0].subject == "certificate *.example.com"
    assert run.events[0].data["checks"] == list(FIFTY)
    told = word(run.events[0])
    assert told.title == "TICKET certificate *.example.com (shop-api): soon is near; nothing is down, no budget is spent"
    assert all(name in told.body for name in FIFTY)
    assert fifty(run, 1, "soon:A") == ""
    assert len(run.alerts) == 1
    half = [run.seen(2 + n / 7200, *([] if n < 25 else ["soon:A"]), name=name) for n, name in enumerate(FIFTY)]
    assert run.run(2, half) == ""  # it ends when nobody sees it any more
    assert fifty(run, 3) == "RESOLVED:soon/A"
    assert run.open() == []
    assert fifty(run, 4) == ""


def test_who_sees_it_later_joins_silently_and_is_waited_for():
    run = Shared("a", "b")
    assert run.see(0, "soon:A", name="a") == "TICKET:soon/A"
    assert word(run.events[0]).title.startswith("TICKET a (shop-api): ")  # one check only: it has a name that people know
    assert run.see(1, "soon:A", name="b") == ""
    (alert,) = run.alerts.values()
    assert alert.data["checks"] == ["a", "b"]
    assert run.see(2, name="a") == ""
    assert run.see(3, name="b") == "RESOLVED:soon/A"
    assert word(run.events[-1]).title.startswith("RESOLVED a (shop-api): gone after 3 h")
    assert "on 2 checks: a, b" in word(run.events[-1]).body


def test_runs_side_by_side_that_meet_it_at_different_checks_tell_it_once():
    keys = set()
    for name in ("a", "b"):
        run = Shared("a", "b")
        run.see(0.01 if name == "b" else 0, "soon:A", name=name)
        keys.add(run.events[0].key)
    assert len(keys) == 1


def test_an_event_at_fifty_hosts_is_one_message():
    run = Shared(*FIFTY)
    assert fifty(run, 0, "changed:A") == "TICKET:changed/A"
    assert run.events[0].data["checks"] == list(FIFTY)
    assert "next: nothing: this was a single event" in word(run.events[0]).body
    assert run.open() == []
    assert fifty(run, 1, "changed:A") == ""


def test_hosts_that_move_to_a_new_certificate_one_by_one_take_the_trouble_along():
    run = Shared("a", "b")
    run.run(0, [run.seen(0, "old:A", name=n) for n in "ab"])
    assert run.see(1, "old:B", name="a") == ""
    assert run.open() == ["old A", "old B"]
    assert run.see(2, name="a") == ""  # b still has it
    assert run.see(3, name="b") == "RESOLVED:old/A"


def test_trouble_that_returns_to_the_old_certificate_at_another_host_has_one_end():
    run = Shared("a", "b")
    assert run.see(0, "old:A", name="b") == "WARN:old/A"
    assert run.see(1, "old:B", name="b") == ""
    assert run.see(2, "old:A", name="a") == ""
    assert run.see(3, name="b") == ""
    assert run.see(4, name="a") == "RESOLVED:old/A"


def test_trouble_that_was_told_by_itself_has_an_end_of_its_own():
    run = Shared("a", "b")
    run.see(0, "old:A", name="a")
    run.see(0, "old:B", name="b")
    assert run.see(1, "old:B", name="a") == "RESOLVED:old/A"
    run.see(2, name="a")
    assert run.see(2, name="b") == "RESOLVED:old/B"


def test_a_stricter_episode_waits_for_all_who_saw_the_milder_one():
    run = Shared("a", "b")
    run.run(0, [run.seen(0, "soon:A", name=n) for n in "ab"])
    assert run.see(1, "critical:A", name="a") == "PAGE:critical/A"
    assert run.see(1, "soon:A", name="b") == ""  # other margins, the same certificate
    assert run.open() == ["critical A"]
    assert run.see(2, name="a") == ""
    assert run.see(3, name="b") == "RESOLVED:critical/A"


@pytest.mark.parametrize(("on", "heard"), [
    (("page", "resolve"), ["PAGE", "RESOLVED"]),
    (("ticket", "resolve"), ["TICKET", "RESOLVED"]),
    (("page", "ticket", "resolve"), ["TICKET", "PAGE", "RESOLVED"]),
    (("warn", "resolve"), []),
    (("page",), ["PAGE"]),
])
def test_who_heard_one_of_its_messages_hears_its_end(on, heard):
    run = Shared()
    for hours, step in enumerate(("soon:A", "critical:A", "")):
        run.see(hours, *step.split())
    routed = pipeline.route(run.events, [Destination(name="team", url="json://h/", on=on)])
    assert [event.word for event, to in routed if to] == heard


def test_a_check_that_is_asked_no_more_leaves_and_the_last_one_ends_it():
    run = Shared("a", "b")
    run.run(0, [run.seen(0, "soon:A", name=n) for n in "ab"])
    run.suite = suite(check("a"))
    assert run.run(1, []) == ""
    run.suite = suite(check("a", is_enabled=False))
    assert run.run(2, []) == "RESOLVED:soon/A"
    assert run.events[-1].data["reason"] == "is disabled"
    assert run.run(3, []) == ""


def test_a_place_that_is_silent_for_a_day_holds_nothing_open():
    run = Shared("a", "b")
    run.run(0, [run.seen(0, "soon:A", name=n) for n in "ab"])
    assert run.see(30, name="a") == "RESOLVED:soon/A"


def test_what_is_over_for_a_day_is_forgotten():
    run = Shared()
    run.see(0, "soon:A")
    run.see(1)
    run.see(1.5, "changed:A")
    assert len(run.alerts) == 2
    run.run(26, [])
    assert run.alerts == {}


def test_a_second_thing_does_not_borrow_the_numbers_of_the_first():
    run = Shared()
    run.see(0, "soon:A")
    run.see(1, "soon:A,B")
    assert [len(e.data["findings"]) for e in run.events] == [1, 0]


def test_an_episode_of_an_earlier_version_goes_on_and_ends():
    kept = Alert(
        subject="c", rule="warn:plain", state=AlertState.FIRING, severity="warn", episode="01A", since_ms=START - HOUR,
        data={"what": "w", "told": True, "seen": {"local": START - HOUR}},
    )
    run = Shared()
    run.alerts["c", "warn:plain"] = kept
    assert run.see(0, "plain") == ""
    assert run.see(2) == "RESOLVED:plain"


def test_the_finding_of_a_rule():
    assert [finding_id(rule) for rule in ("warn:tls.cert.x", "warn:tls.cert.x 9f2c", "warn:x ::1")] == ["tls.cert.x", "tls.cert.x", "x"]


STEP = st.tuples(st.sampled_from("ab"), st.sampled_from(["", "!", "?", "soon:A", "soon:B", "soon:A,B", "critical:A", "old:A", "old:B", "changed:A"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whatever_happens_nothing_storms_and_every_beginning_has_its_end(steps):
    run = Shared("a", "b")
    for hours, (name, step) in enumerate(steps):
        run.see(hours * 1.5, *step.split(), name=name)
    told = {}
    for event in run.events:
        if event.transition == "firing" and event.rule.startswith("warn:"):
            last = told.get((event.subject, event.rule))
            assert last is None or event.at_ms - last >= 24 * HOUR
            told[event.subject, event.rule] = event.at_ms
    for hours in (0, 1, 2):
        run.run(len(steps) * 1.5 + hours, [run.seen(len(steps) * 1.5 + hours, name=n) for n in "ab"])
    assert run.open() == []
    begun = {e.episode for e in run.events if e.transition == "firing" and not e.rule.startswith(("warn:changed", "failure"))}
    ended = {e.episode for e in run.events if e.transition == "resolved" and e.rule != "failure"}
    taken_over = {e.episode for e in run.events if e.rule == "warn:soon A"}
    assert begun - taken_over <= ended <= begun
    keys = [e.key for e in run.events]
    assert len(set(keys)) == len(keys)
