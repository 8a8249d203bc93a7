"""What must be refused between entries, right at the edge, and what must not; and the warnings word for word."""

from __future__ import annotations

import pytest

from slocheck.config.advice import arrives_late
from slocheck.core.model import Check
from slocheck.core.units import parse_duration

CHECK = "checks:\n  - {{name: home, kind: zz_tiny, word: x, every: {every}, timeout: 1s{more}}}\n"


def slo(entry: str, *, every: str = "5m", more: str = "") -> str:
    return CHECK.format(every=every, more=more) + f"slos:\n  - {{name: s, checks: [home], {entry}}}\n"


@pytest.mark.parametrize("entry", [
    "objective: 99.99999%", "objective: 0.1%", "objective: 99 %", "objective: '99.5%'", "objective: 99%, window: 50m", "objective: 99%, window: 4w",
    "objective: 99%, window: {calendar: day}", "objective: 99%, window: {calendar: year, timezone: Asia/Kathmandu}",
    "objective: 99%, method: timeslices, slice: 5m", "objective: 99%, method: timeslices, slice: 1d", "objective: 99%, method: occurrences",
    "objective: 99%, alerts: []", "objective: 99%, alerts: default", "objective: 93%, alerts: [{long: 1h, short: 10m, burn: 14.2}]",
    "objective: 99%, alerts: [{long: 20m, burn: 2}]", "objective: 99%, alerts: [{long: 30d, short: 29d, burn: 1.5, severity: ticket}]",
    "objectives: {a: 99%, b: 99.9%}", "objective: 99%, sli: {latency: 1ms}", "objective: 99%, sli: {availability: read}",
])
def test_what_can_be_measured_is_not_refused(tiny, problems, entry):
    assert problems(slo(entry)) == []


@pytest.mark.parametrize(("entry", "said"), [
    ("objective: 99%, window: 49m", "slos[0].window: 49m holds 9 probes of home (every: 5m); at least 10 are needed: 50m"),
    ("objective: 99%, window: 5m", "slos[0].window: 5m holds 1 probe of home (every: 5m); at least 10 are needed: 50m"),
    ("objective: 93%, alerts: [{long: 1h, short: 10m, burn: 14.3}]", "slos[0].alerts[0]: burn: 14.3 can never be reached: at 93% the highest burn rate is 14.28"),
    ("objective: 90%, alerts: [{long: 1h, short: 10m, burn: 10}]", "slos[0].alerts[0]: burn: 10 can never be reached: at 90% the highest burn rate is 10"),
    ("objective: 99%, alerts: [{long: 1h, short: 9m, burn: 2}]", "slos[0].alerts[0]: short: 9m holds 1 probe of home (every: 5m); at least 2 are needed: 10m"),
    ("objective: 99%, alerts: [{long: 15m, burn: 2}]", "slos[0].alerts[0]: long: 15m holds 3 probes of home (every: 5m); at least 4 are needed: 20m"),
    ("objective: 99%, alerts: [{long: 31d, short: 1h, burn: 2}]", "slos[0].alerts[0]: long: 31d is longer than window: 30d"),
    ("objective: 99%, window: {calendar: day}, alerts: [{long: 25h, short: 1h, burn: 2}]", "slos[0].alerts[0]: long: 25h is longer than window: day"),
    ("objective: 99%, alerts: [{long: 1h, burn: 0}]", "slos[0].alerts[0]: burn: 0 is not above 0"),
    ("objective: 99%, alerts: [{long: 1h, burn: fast}]", "slos[0].alerts[0]: burn: fast is not a burn rate; write a number such as 14.4"),
    ("objective: 99%, alerts: [{long: 1h}]", "slos[0].alerts[0]: burn: is missing"),
    ("objective: 99%, alerts: none", "slos[0].alerts: none is not a list or one of default"),
    ("objective: 99%, slice_target: 50%", "slos[0].slice_target: only for method: timeslices"),
    ("objective: 99%, method: timeslices, slice: 25h", "slos[0].slice: 25h does not divide a day"),
    ("objective: 101%", "slos[0].objective: 101% is more than everything; write less than 100%, for example 99.9%"),
    ("objective: most", "slos[0].objective: most is not a percentage; write 99.9%"),
    ("objective: 99%, min_coverage: 0%", "slos[0].min_coverage: 0% is not more than 0% and at most 100%"),
    ("objectives: {a: 99%, b: 100%}", "slos[0].objectives.b: 100% leaves no error budget; write less, for example 99.9%"),
    ("objective: 99%, sli: {}", "slos[0].sli: is empty; write {latency: 300ms}"),
    ("objective: 99%, sli: uptime", "slos[0].sli: uptime is no SLI; write availability, durability, {availability: write}, {latency: 300ms} or {freshness: 2s}"),
    ("objective: 99%, sli: durability", "slos[0].sli: durability is not measured by kind zz_tiny (check home)"),
    ("objective: 99%, window: {calendar: fortnight}", "slos[0].window: calendar: fortnight is not one of day, week, month, quarter, year"),
    ("objective: 99%, window: {timezone: UTC}", "slos[0].window: calendar: is missing"),
])
def test_what_cannot_be_measured_is_refused_with_the_number_that_is_wrong(tiny, problems, entry, said):
    assert problems(slo(entry)) == [f"4: {said}"]


def test_several_checks_are_judged_by_the_one_that_is_asked_most_rarely(tiny, problems):
    text = """\
checks:
  - {name: often, kind: zz_tiny, word: x, every: 1m}
  - {name: rare, kind: zz_tiny, word: x, every: 1h, tags: [api]}
slos:
  - {name: s, checks: [often], tags: [api], objective: 90%, window: 5h}
"""
    assert problems(text) == ["5: slos[0].window: 5h holds 5 probes of rare (every: 1h); at least 10 are needed: 10h"]


def test_a_circle_is_told_once_and_those_who_wait_for_it_are_not_accused(tiny, problems):
    lines = [f"  - {{name: {n}, kind: zz_tiny, word: x, depends_on: [{d}]}}" for n, d in ("ab", "bc", "ca", "da", "ed")]
    assert problems("checks:\n" + "\n".join(lines) + "\n") == [
        "2: checks[0].depends_on: is a circle: a -> b -> c -> a; one of them must come first",
    ]


def test_a_long_chain_of_dependencies_is_no_circle(tiny, problems):
    lines = [f"  - {{name: c{n}, kind: zz_tiny, word: x, depends_on: [c{n + 1}]}}" for n in range(1500)]
    assert problems("checks:\n" + "\n".join(lines) + "\n  - {name: c1500, kind: zz_tiny, word: x}\n") == []


def test_the_same_message_at_two_places_is_two_problems(tiny, problems):
    text = "checks: [{name: a, kind: zz_tiny, word: x}]\nmaintenance:\n" + 2 * "  - {checks: [b], start: 2026-12-01T02:00Z, end: 2026-12-01T03:00Z, reason: r}\n"
    assert len(problems(text)) == 2


# --- warnings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("entry", "every", "more", "said"), [
    ("objective: 99.99%", "5m", "", [
        "4: slos[0].objective: 99.99% cannot be confirmed: 30d at every: 5m give 8640 probes, 29956 without a failure are needed",
        "4: slos[0].objective: one failed probe costs 115.8% of the budget",
    ]),
    ("objective: 99.9%", "5m", "", ["4: slos[0].objective: one failed probe costs 11.6% of the budget"]),
    ("objective: 99.5%", "5m", "", []),
    ("objective: 99.9%", "4m", "", []),
    ("objective: 99.5%", "5m", ", confirm: 0", ["2: checks[0]: confirm: 0: one failure exceeds both page windows and nothing re-asks"]),
    ("objective: 99%", "30s", ", confirm: 0", []),
    ("objective: 99.5%, alerts: []", "5m", ", confirm: 0", []),
    ("objective: 80%", "12h", "", ["2: checks[0]: every: 12h is too rare for burn-rate alerts; leave the check out of SLOs and it alerts by itself"]),
    ("objective: 80%, alerts: []", "12h", "", []),
    ("objective: 99%, alerts: [{long: 6h, burn: 0.5}]", "5m", "", ["4: slos[0].alerts: the pair of 6h never fires: a burn rate of 0.5 spends less than the budget"]),
    ("objective: 90%", "6h", "", []),
    ("objective: 99.99%, method: timeslices, slice: 10m", "5m", "", [
        "4: slos[0].objective: 99.99% cannot be confirmed: 30d at slice: 10m give 4320 slices, 29956 without a failure are needed",
        "4: slos[0].objective: one failed probe costs 231.5% of the budget",
    ]),
    ("objective: 99.9%, window: {calendar: month}", "5m", "", ["4: slos[0].objective: one failed probe costs 11.6% of the budget"]),
    ("objectives: {slo: 99.5%, sla: 99.9%}", "5m", "", ["4: slos[0].objectives.sla: one failed probe costs 11.6% of the budget"]),
])
def test_what_will_disappoint_is_told_and_is_no_error(tiny, problems, entry, every, more, said):
    text = slo(entry, every=every, more=more)
    assert problems(text) == []
    assert problems(text, is_warning=True) == said


def test_the_probes_of_several_checks_and_locations_prove_together(tiny, problems):
    checks = "checks:\n" + "".join(f"  - {{name: {n}, kind: zz_tiny, word: x, every: 5m}}\n" for n in "ab")
    slos = "slos: [{name: s, checks: [a, b], objective: 99.99%, window: 4w}]\n"
    said = problems(checks + slos, is_warning=True)
    assert "99.99% cannot be confirmed: 28d of 2 checks give 16128 probes, 29956 without a failure are needed" in said[0]
    two = problems("locations: [x, y]\n" + checks + slos, is_warning=True)
    assert [line.split(": ", 2)[2] for line in two if line.startswith("5: ")] == ["one failed probe costs 62.1% of the budget"]


def test_a_check_in_two_slos_is_warned_of_once(tiny, problems):
    text = slo("objective: 80%", every="12h") + "  - {name: t, checks: [home], objective: 70%}\n"
    assert len(problems(text, is_warning=True)) == 1


def test_a_short_value_is_not_masked_and_that_is_told(tiny, problems):
    text = "checks: [{name: a, kind: zz_tiny, word: '${PIN}', body: '${PINS}${EMPTY}'}]\n"
    assert problems(text, is_warning=True, PIN="123", PINS="1234", EMPTY="") == [
        "1: checks[0].word: PIN has under 4 characters: it is not masked in texts",
    ]


def test_a_check_that_arrives_late_is_told_what_to_declare():
    check = Check(name="home", kind="endpoint", every=parse_duration("5m"), timeout=parse_duration("10s"), options=None)
    assert arrives_late(check, parse_duration("15m")) == (
        "home is declared every: 5m but arrives every 15m (median of 7d): its alerts will be frozen; declare 15m"
    )
    assert arrives_late(check, parse_duration("892s")).endswith("declare 15m")
    assert arrives_late(check, parse_duration("9m")) == ""
