from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck import figures
from slocheck.core import periods
from slocheck.core.errors import CannotWorkError
from slocheck.core.model import (
    Alert,
    AlertState,
    Check,
    Event,
    Finding,
    Maintenance,
    Method,
    Outcome,
    Percentiles,
    Phases,
    Point,
    Role,
    Severity,
    Sli,
    Slo,
    SloStatus,
    Suite,
    Verdict,
    Window,
)
from slocheck.core.periods import Period, parse_period
from slocheck.core.sli import sli_verdict
from slocheck.core.slo import evaluate_series
from slocheck.core.units import parse_instant
from slocheck.store.sqlite import open_store
from tests.core.series import VERDICTS, objective

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = parse_instant("2026-11-24T22:15:30Z")


def check(name: str, every_ms: int = MINUTE, **more) -> Check:
    return Check(name=name, kind="endpoint", every=timedelta(milliseconds=every_ms), timeout=timedelta(seconds=1), options=None, **more)


def outcome(at_ms: int, letter: str = "g", *, name: str = "home", every_ms: int = MINUTE, **more) -> Outcome:
    verdict = VERDICTS[letter]
    failed = Finding(id="http.status", severity=Severity.FAIL, message="GET / answers 503, expected 200")
    values = {
        "suite": "shop", "check": name, "kind": "endpoint", "location": "local", "role": Role.SCHEDULED, "due_ms": at_ms,
        "at_ms": at_ms, "verdict": verdict, "every_ms": every_ms, "run": f"r{at_ms}",
        "latency_us": 40_000 if verdict is Verdict.GOOD else None, "findings": (failed,) if verdict is Verdict.BAD else (),
    }
    return Outcome(**(values | more))


def row(text: str, end_ms: int, *, step_ms: int = MINUTE, **more) -> list[Outcome]:
    """One outcome a step, `_` for none; the last at `end_ms`."""
    start = end_ms - (len(text) - 1) * step_ms
    return [outcome(start + i * step_ms, c, every_ms=step_ms, **more) for i, c in enumerate(text) if c != "_"]


def slo_of(*checks: str, hours: float = 24, target: str = "99", name: str = "availability", **more) -> Slo:
    more.setdefault("window", Window(duration=timedelta(hours=hours)))
    return Slo(name=name, checks=checks or ("home",), objectives=(objective(target),), **more)


def suite_of(*slos: Slo, checks: tuple[Check, ...] = (check("home"),), **more) -> Suite:
    return Suite(name="shop", checks=checks, slos=slos, **more)


def stored(*outcomes: Outcome):
    store = open_store(":memory:")
    store.record(list(outcomes))
    return store


# --- what every run asks -------------------------------------------------------------------------------------------

TIMES = st.integers(0, 9 * 4)
"""Quarters of an hour, over nine hours, each off by its own milliseconds."""

ROWS = st.lists(
    st.tuples(TIMES, st.integers(-1, 1), st.sampled_from("gggbu"), st.sampled_from(["a", "b"]), st.sampled_from(["eu", "us"]),
              st.sampled_from([5, 15, 40])),
    max_size=24, unique_by=lambda r: (r[0], r[1], r[3], r[4]),
)
HOLES = st.lists(st.tuples(st.sampled_from(["a", "b", "*"]), TIMES, st.integers(1, 8)), max_size=2)
SLOS = st.sampled_from([
    {"hours": 4}, {"hours": 1}, {"sli": Sli(name="latency", threshold=timedelta(milliseconds=40))},
    {"method": Method.OCCURRENCES, "hours": 5}, {"method": Method.TIMESLICES, "slice": timedelta(minutes=30), "hours": 5},
    {"method": Method.TIMESLICES, "slice": timedelta(hours=3), "hours": 7},
    {"window": Window(duration=None, calendar="day", timezone="Asia/Kathmandu")},
])
START = NOW // DAY * DAY


def moment(quarter: int, off: int) -> int:
    return START + quarter * HOUR // 4 + off


def reference(suite: Suite, declared: Slo, outcomes: list[Outcome], now_ms: int):
    """From all the outcomes, without a store."""
    series: dict[tuple[str, str], list[Point]] = {}
    for o in sorted(outcomes, key=lambda o: o.at_ms):
        if o.check in declared.checks and o.role is Role.SCHEDULED and o.at_ms <= now_ms:
            verdict = sli_verdict(declared.sli, o.verdict, o.latency_us, o.facts)
            series.setdefault((o.check, o.location), []).append(Point(at_ms=o.at_ms, verdict=verdict, every_ms=o.every_ms))
    holes = {
        name: [(m.start_ms, m.end_ms) for m in suite.maintenance if m.checks in ((name,), ("*",))] for name in declared.checks
    }
    frame = periods.frame(declared.window, now_ms)
    return evaluate_series(declared, declared.objectives[0], series, frame, as_of_ms=now_ms, excluded=holes)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), HOLES, SLOS, st.lists(st.tuples(TIMES, st.integers(-1, 1)), min_size=1, max_size=3))
def test_the_figures_are_those_of_the_raw_outcomes_at_every_instant_and_in_whatever_order_they_came(batches, holes, more, nows):
    maintenance = tuple(
        Maintenance(checks=(name,), start_ms=moment(start, 0), end_ms=moment(start + length, 7), reason="upgrade")
        for name, start, length in holes
    )
    declared = slo_of("a", "b", **more)
    plain, held = (suite_of(declared, checks=(check("a"), check("b")), maintenance=m) for m in ((), maintenance))
    store, recorded = open_store(":memory:"), []
    for batch in batches:
        seen = {(o.check, o.location, o.at_ms) for o in recorded}
        made = [
            outcome(moment(quarter, off), letter, name=name, location=where, every_ms=every * MINUTE)
            for quarter, off, letter, name, where, every in batch
        ]
        fresh = [o for o in made if (o.check, o.location, o.at_ms) not in seen]
        store.merge(fresh)
        recorded += fresh
        for quarter, off in nows:
            for suite in (plain, held, plain):
                now_ms = moment(quarter, off)
                assert figures.statuses(suite, store, now_ms) == [reference(suite, declared, recorded, now_ms)]


class Counting:
    """A store that counts the points that were read."""

    def __init__(self, store) -> None:
        self._store = store
        self.read = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def points(self, *args, **more):
        found = self._store.points(*args, **more)
        self.read += len(found)
        return found


def test_a_month_is_not_read_again_each_minute():
    store = Counting(stored(*row("g" * 2000, NOW, step_ms=5 * MINUTE)))
    suite = suite_of(slo_of(hours=24 * 30))
    first = figures.statuses(suite, store, NOW)
    cold, store.read = store.read, 0
    assert figures.statuses(suite, store, NOW) == first
    assert cold > 2000
    assert store.read < 150, "the hours that the edges of windows cut, and the open end"


def test_a_new_outcome_costs_no_more_than_the_open_end():
    store = Counting(stored(*row("g" * 2000, NOW, step_ms=5 * MINUTE)))
    suite = suite_of(slo_of(hours=24 * 30))
    figures.statuses(suite, store, NOW)
    store.record([outcome(NOW + 5 * MINUTE, "b", every_ms=5 * MINUTE)])
    store.read = 0
    assert figures.statuses(suite, store, NOW + 5 * MINUTE)[0].bad == 1
    assert store.read < 200


def test_an_outcome_that_comes_late_is_counted():
    store = stored(*row("g" * 20 + "_" * 5 + "g" * 400, NOW))
    suite = suite_of(slo_of(hours=7))
    before = figures.statuses(suite, store, NOW)[0]
    store.merge([outcome(NOW - 402 * MINUTE, "b")])
    after = figures.statuses(suite, store, NOW)[0]
    assert (before.bad_s, after.bad_s, after.n - before.n) == (0, 120, 1)


def test_reading_outcomes_twice_changes_nothing():
    history = row("ggbu" * 40, NOW)
    store, suite = open_store(":memory:"), suite_of(slo_of(hours=2))
    store.merge(history[::2])
    store.merge(reversed(history))
    once = figures.statuses(suite, store, NOW)
    store.merge(history)
    assert figures.statuses(suite, store, NOW) == once == figures.statuses(suite, stored(*history), NOW)


def limit(ms: int) -> Sli:
    return Sli(name="latency", threshold=timedelta(milliseconds=ms))


def sliced(minutes: int, target: Fraction = Fraction(1)) -> dict:
    return {"method": Method.TIMESLICES, "slice": timedelta(minutes=minutes), "slice_target": target}


@pytest.mark.parametrize(("one", "other"), [
    ({"sli": limit(100)}, {"sli": limit(200)}), ({"sli": limit(100)}, {}), ({}, {"method": Method.OCCURRENCES}),
    (sliced(20), sliced(40)), (sliced(20), sliced(20, Fraction(1, 2))), ({}, {"checks": ("home", "shop")}),
    ({"sli": Sli(part="read")}, {"sli": Sli(part="write")}),
], ids=["threshold", "sli", "method", "slice", "slice_target", "checks", "part"])
def test_a_changed_definition_reads_history_again(one, other):
    facts = {"read": {"ok": True}, "write": {"class": "failed"}}
    history = [outcome(NOW - i * MINUTE, "b" if i % 7 == 0 else "g", latency_us=i * 1000, facts=facts) for i in range(300)]
    history += row("ggggb" * 60, NOW - 5000, name="shop")

    def asked(store, more) -> SloStatus:
        return figures.statuses(suite_of(replace(slo_of(), **more)), store, NOW)[0]

    store = stored(*history)
    for definition in (one, other, one):
        assert asked(store, definition) == asked(stored(*history), definition)
    assert asked(store, one).bad_s != asked(store, other).bad_s


SLOW = 15 * MINUTE


def test_silence_is_seen_although_an_hour_was_asked_for_before():
    midnight = NOW // DAY * DAY
    store = stored(*row("gggb", midnight + 50 * MINUTE, step_ms=SLOW))
    suite = suite_of(slo_of(hours=2))
    assert figures.statuses(suite, store, midnight + 70 * MINUTE)[0].bad_s == 7.5 * 60
    late = figures.statuses(suite, store, midnight + 80 * MINUTE)[0]
    assert (late.bad_s, late.unknown_s) == (22.5 * 60, 15 * 60)


def test_what_was_known_later_is_not_known_earlier():
    midnight = NOW // DAY * DAY
    store = stored(outcome(midnight, every_ms=SLOW), outcome(midnight + 10 * HOUR, every_ms=3 * HOUR))
    suite = suite_of(slo_of(hours=12))
    assert figures.statuses(suite, store, midnight + 12 * HOUR)[0].good_s == 3 * 3600 + 900
    assert figures.statuses(suite, store, midnight + 9 * HOUR)[0].good_s == 900


def test_an_open_slice_is_judged_by_all_of_it():
    six = NOW // DAY * DAY + 6 * HOUR
    store = stored(*row("bggggggggg", six + 100 * MINUTE, step_ms=10 * MINUTE))
    status = figures.statuses(suite_of(slo_of(hours=9, **sliced(180))), store, six + 105 * MINUTE)[0]
    assert (status.n, status.bad) == (1, 1), "lost at ten past six, an hour and more before the open end"


def test_a_long_slice_that_an_exclusion_cuts_is_judged_by_the_rest_of_it():
    six = NOW // DAY * DAY + 6 * HOUR
    store = stored(*row("bbb" + "g" * 24, six + 260 * MINUTE, step_ms=10 * MINUTE))
    hole = Maintenance(checks=("home",), start_ms=six, end_ms=six + 30 * MINUTE, reason="upgrade")
    held = suite_of(slo_of(hours=9, **sliced(180)), maintenance=(hole,))
    bare = replace(held, maintenance=())
    assert [figures.statuses(s, store, six + 260 * MINUTE)[0].bad for s in (bare, held, bare)] == [1, 0, 1]


def test_two_outcomes_of_one_instant_are_two_also_on_the_hour():
    midnight = NOW // DAY * DAY
    store = stored(*row("ggg", midnight + 2 * MINUTE), outcome(midnight, "b", run="another"))
    assert figures.statuses(suite_of(slo_of()), store, midnight + 5 * HOUR)[0].n == 4


def test_a_location_that_is_not_born_yet_takes_no_share():
    store = stored(*row("ggbg", NOW), *row("gggg", NOW + HOUR, location="us"))
    declared = slo_of(hours=12, method=Method.OCCURRENCES)
    assert figures.statuses(suite_of(declared), store, NOW)[0].bad_s == 60


def test_a_declared_exclusion_counts_from_the_moment_it_is_declared_and_no_longer():
    store = stored(*row("g" * 600 + "b" * 60 + "g" * 120, NOW))
    bare = suite_of(slo_of(hours=12))
    hole = Maintenance(checks=("ho*",), start_ms=NOW - 200 * MINUTE, end_ms=NOW - 100 * MINUTE, reason="upgrade")
    held = replace(bare, maintenance=(hole,))
    bad_s = [figures.statuses(suite, store, NOW)[0].bad_s for suite in (bare, held, bare)]
    assert bad_s == [3600, 0, 3600]
    status = figures.statuses(held, store, NOW)[0]
    assert (status.excluded_s, status.sli) == (6000, 1)
    assert (status.sli_with_excluded, status.bad_with_excluded_s) == (Fraction(11, 12), 3600)
    assert figures.statuses(bare, store, NOW)[0].sli_with_excluded is None


def test_a_store_that_may_only_be_read_is_enough():
    class ReadOnly(Counting):
        def keep_slo_hours(self, *_args, **_more):
            raise CannotWorkError("the store is read-only")

    store = ReadOnly(stored(*row("gggb" * 100, NOW)))
    assert figures.statuses(suite_of(slo_of()), store, NOW)[0].bad == 100


def test_a_kept_text_that_nobody_can_read_is_made_again():
    store = stored(*row("gggb" * 100, NOW))
    suite = suite_of(slo_of())
    before = figures.statuses(suite, store, NOW)
    store._db.connection.execute("UPDATE slo_hour SET text = '[broken'")
    assert figures.statuses(suite, store, NOW) == before
    texts = [text for (text,) in store._db.connection.execute("SELECT text FROM slo_hour")]
    assert all(json.loads(text) for text in texts)


@pytest.mark.parametrize("role", [Role.CONFIRM, Role.MANUAL])
def test_asking_again_and_asking_by_hand_change_no_figure(role):
    store = stored(*row("ggbg" * 10, NOW))
    suite = suite_of(slo_of(hours=1))
    before = figures.statuses(suite, store, NOW)
    store.record([outcome(NOW - i * 20_000 - 5, "b", role=role) for i in range(60)])
    assert figures.statuses(suite, store, NOW) == before


def test_hours_that_were_pruned_stay_known_and_such_that_never_were_are_unknown():
    store = stored(*row("gggb" * 3 * 24 * 15, NOW, step_ms=5 * MINUTE))
    suite = suite_of(slo_of(hours=24 * 14))
    before = figures.statuses(suite, store, NOW)[0]
    store.prune(before_ms=NOW - 7 * DAY)
    after = figures.statuses(suite, store, NOW)[0]
    cut_s = 44 * 60 + 30  # the first hour, of which the window holds a part: as a whole it is no use
    assert (before.unknown_s, after.unknown_s, before.n - after.n) == (0, cut_s, 8)
    stranger = slo_of(hours=24 * 14, sli=Sli(name="latency", threshold=timedelta(seconds=1)))
    found = figures.statuses(suite_of(stranger), store, NOW)[0]
    assert found.unknown_s == (NOW - 7 * DAY) // DAY * 86_400 - Fraction(NOW - 14 * DAY, 1000)


# --- alerts ---


def alert(subject: str, state: AlertState = AlertState.FIRING, since_ms: int = NOW - 1, severity: str = "ticket") -> Alert:
    return Alert(subject=subject, rule="state", state=state, severity=severity, episode="e1", since_ms=since_ms)


@pytest.mark.parametrize(("said", "word"), [
    (alert("availability"), "at_risk"), (alert("home"), "at_risk"), (alert("other"), "met"),
    (alert("home", AlertState.PENDING), "met"), (alert("home", AlertState.FROZEN), "met"), (alert("home", since_ms=NOW + 1), "met"),
    (alert("home", severity="warn"), "met"),
])
def test_an_alert_that_fires_puts_its_objective_at_risk(said, word):
    store = stored(*row("g" * 61, NOW))
    store.commit([said], [], now_ms=NOW)
    assert figures.statuses(suite_of(slo_of(hours=1)), store, NOW)[0].status == word


def test_alerts_belong_to_the_first_objective():
    store = stored(*row("g" * 61, NOW))
    store.commit([alert("availability")], [], now_ms=NOW)
    both = tuple(replace(objective(target), name=name) for name, target in (("slo", "99"), ("sla", "95")))
    found = figures.statuses(suite_of(replace(slo_of(hours=1), objectives=both)), store, NOW)
    assert [(s.name, s.status) for s in found] == [("availability/slo", "at_risk"), ("availability/sla", "met")]


def test_a_suite_without_objectives_has_no_statuses():
    assert figures.statuses(suite_of(), stored(), NOW) == []


def test_an_objective_over_checks_that_were_never_asked_has_no_data():
    status = figures.statuses(suite_of(slo_of()), stored(), NOW)[0]
    assert (status.sli, status.coverage, status.status, status.n) == (None, None, "no_data", 0)


def test_windows_longer_than_history_and_calendars_older_than_it_cost_nothing():
    store = Counting(stored(*row("g" * 10, NOW)))
    window = Window(duration=timedelta(days=365 * 300))
    assert figures.statuses(suite_of(slo_of(window=window)), store, NOW)[0].n == 10
    assert store.read < 200


# --- what is printed -----------------------------------------------------------------------------------------------


def test_an_empty_store_has_no_data_anywhere_and_no_zero_for_what_is_not_known():
    found = figures.collect(suite_of(slo_of()), stored(), NOW)
    assert (found.incidents, found.alerts, found.undelivered) == ((), (), ())
    assert found.checks[0].coverage is found.checks[0].last is None
    assert found.checks[0].latency == Percentiles()
    assert found.burndown["availability"][-1] == (NOW, None)
    assert len(found.days["availability"]) == 90
    assert {(d.good_s, d.bad_s, d.unknown_s) for d in found.days["availability"]} == {(0, 0, 0)}


def test_the_figures_carry_what_the_statuses_are():
    store = stored(*row("gggb" * 100, NOW))
    suite = suite_of(slo_of(), slo_of(name="short", hours=1))
    found = figures.collect(suite, store, NOW)
    assert list(found.statuses) == figures.statuses(suite, store, NOW)
    assert (found.suite, found.generated_ms, found.period) == (suite, NOW, None)


def test_a_check_is_counted_over_the_longest_window():
    store = stored(*row("ggbu" * 25, NOW), outcome(NOW - 30 * HOUR))
    found = figures.collect(suite_of(slo_of(hours=24), slo_of(hours=1, name="short")), store, NOW).checks[0]
    assert (found.n, found.failed, found.unknown) == (75, 25, 25)
    assert found.last.at_ms == NOW
    assert found.coverage == Fraction(75 * 60 + 30, 86_400), "the first after a gap owns a whole interval before it"


def test_percentiles_are_exact_and_failures_rank_above_them():
    good = [outcome(NOW - i * MINUTE, latency_us=1000 * (i + 1)) for i in range(97)]
    bad = [outcome(NOW - (97 + i) * MINUTE, "b") for i in range(3)]
    found = figures.collect(suite_of(slo_of()), stored(*good, *bad), NOW).checks[0].latency
    assert found == Percentiles(p50=50_000, p90=90_000, p95=95_000, p99=math.inf, max=math.inf, n=100, bound=0.0)


@pytest.mark.parametrize("exact_up_to", [10_000, 10], ids=["exact", "from sketches"])
def test_an_outage_that_answers_at_once_makes_no_percentile_better(monkeypatch, exact_up_to):
    """30 of 100 are 500s after one millisecond: the slowest 30 %, whatever the wire says. What was only slow keeps its time."""
    monkeypatch.setattr(figures, "EXACT_UP_TO", exact_up_to)
    slow = Finding(id="http.slow", severity=Severity.FAIL, message="latency: expected within 300 ms, got 400 ms")
    some = [
        *(outcome(NOW - i * MINUTE) for i in range(60)),
        *(outcome(NOW - i * MINUTE, "b", latency_us=400_000, findings=(slow,)) for i in range(60, 70)),
        *(outcome(NOW - i * MINUTE, "b", latency_us=1_000) for i in range(70, 100)),
    ]
    found = figures.collect(suite_of(slo_of()), stored(*some), NOW).checks[0].latency
    assert (found.p50, found.n) == (pytest.approx(40_000, rel=0.01), 100)
    assert found.p90 == found.p95 == math.inf


def test_a_percentile_needs_values_enough_to_carry_it():
    found = figures.collect(suite_of(slo_of()), stored(*row("g" * 19, NOW)), NOW).checks[0].latency
    assert (found.p50, found.p90, found.p95, found.p99, found.max, found.n) == (40_000, 40_000, None, None, 40_000, 19)


def test_percentiles_of_many_outcomes_come_from_sketches_and_say_so(monkeypatch):
    monkeypatch.setattr(figures, "EXACT_UP_TO", 99)
    good = [outcome(NOW - i * MINUTE, latency_us=1000 * (i + 1)) for i in range(97)]
    found = figures.collect(suite_of(slo_of()), stored(*good, *row("bbb", NOW - 200 * MINUTE)), NOW).checks[0].latency
    assert (found.n, found.bound, found.p99) == (100, 0.01, math.inf)
    assert found.p95 == pytest.approx(95_000, rel=0.01)
    assert found.p95 != 95_000


def test_phases_have_their_own_percentiles():
    timed = [outcome(NOW - i * MINUTE, phases=Phases(connect=100, wait=1000 * (i + 1), receive=5)) for i in range(20)]
    found = figures.collect(suite_of(slo_of()), stored(*timed, *row("b", NOW - HOUR)), NOW).checks[0].phases
    assert set(found) == {"connect", "wait", "receive"}
    assert (found["wait"].p50, found["wait"].p95, found["wait"].n) == (10_000, 19_000, 20)


# --- incidents ---


def incidents(text: str, *, now_ms: int = NOW, end_ms: int = NOW, slos=None, **more):
    suite = suite_of(*(slos or [slo_of()]), **more)
    return figures.collect(suite, stored(*row(text, end_ms)), now_ms).incidents


def test_a_bad_stretch_is_an_incident_with_its_reason_and_its_share_of_the_budget():
    (found,) = incidents("g" * 30 + "bbb" + "g" * 30)
    assert (found.check, found.start_ms, found.end_ms) == ("home", NOW - 32 * MINUTE - 30_000, NOW - 29 * MINUTE - 30_000)
    assert (found.bad_s, found.reason) == (180, "GET / answers 503, expected 200")
    assert found.budget_share == Fraction(180, 864)


@pytest.mark.parametrize(("text", "count"), [("gbgbg", 1), ("gbggbg", 1), ("gbgggbg", 2), ("gbugbg", 1), ("gggg", 0)])
def test_gaps_of_up_to_two_intervals_do_not_end_an_incident(text, count):
    found = incidents(text + "gg")
    assert len(found) == count
    assert all(i.bad_s == text.count("b") * 60 / count for i in found)


def test_an_incident_goes_on_while_the_newest_outcome_is_bad():
    (found,) = incidents("g" * 10 + "bb")
    assert (found.end_ms, found.bad_s) == (None, 90)
    (silent,) = incidents("g" * 10 + "bb", now_ms=NOW + HOUR)
    assert (silent.end_ms, silent.bad_s) == (None, 150), "nobody saw it end"


def test_a_check_that_is_down_from_its_first_outcome_on_is_an_incident_at_once():
    (found,) = incidents("b")
    assert (found.start_ms, found.end_ms, found.bad_s, found.reason) == (NOW, None, 0, "GET / answers 503, expected 200")


def test_incidents_of_maintenance_are_none():
    hole = Maintenance(checks=("home",), start_ms=NOW - 10 * MINUTE, end_ms=NOW + 1, reason="upgrade")
    assert [i for i in incidents("g" * 20 + "bbb" + "gg", maintenance=(hole,)) if i.bad_s] == []


def test_a_check_in_no_objective_has_incidents_without_a_share():
    (found,) = incidents("ggbgg", slos=[slo_of("other")])
    assert found.budget_share is None


# --- days and burn-down ---


def test_a_bar_is_a_day_and_the_bars_add_up_to_the_whole():
    store = stored(*row("gggb" * 24 * 3 * 3, NOW, step_ms=5 * MINUTE))
    found = figures.collect(suite_of(slo_of(hours=24 * 30)), store, NOW)
    days = found.days["availability"]
    assert [days[0].start_ms % DAY, days[-1].start_ms, days[-1].end_ms] == [0, NOW // DAY * DAY, NOW]
    assert all(a.end_ms == b.start_ms for a, b in pairwise(days))
    for part in ("good_s", "bad_s", "unknown_s"):
        assert sum(getattr(d, part) for d in days) == getattr(found.statuses[0], part)


@pytest.mark.parametrize("hours", [1, 6, 24, 24 * 30])
def test_the_burn_down_falls_from_the_whole_budget_to_what_is_left(hours):
    store = stored(*row("g" * 12 + "gggb" * 24 * 3 * 2 + "g", NOW, step_ms=5 * MINUTE))
    found = figures.collect(suite_of(slo_of(hours=hours, target="50")), store, NOW)
    points = found.burndown["availability"]
    assert len(points) <= 121
    assert points[0][0] == found.statuses[0].start_ms
    assert points[-1] == (NOW, found.statuses[0].budget_remaining_ratio)
    assert [at for at, _left in points] == sorted({at for at, _left in points})
    known = [left for _at, left in points if left is not None]
    assert known == sorted(known, reverse=True)
    assert (points[0][1] is None) == (hours == 24 * 30), "there was nothing known before birth"


# --- a period ---


def test_with_a_period_every_figure_is_over_it():
    store = stored(*row("g" * 24 * 12 * 3, NOW, step_ms=5 * MINUTE), *row("bbb", NOW - DAY - MINUTE))
    day = parse_period("yesterday", NOW)
    found = figures.collect(suite_of(slo_of(hours=24 * 30)), store, NOW, period=day)
    status, one = found.statuses[0], found.checks[0]
    assert found.period == day == (status.start_ms, status.end_ms)
    assert status.budget_total_s == 864
    assert (status.n, status.bad) == (one.n, one.failed) == (24 * 12 + 3, 3)
    assert one.last.at_ms < day[1]
    assert [(d.start_ms, d.end_ms) for d in found.days["availability"]] == [day]
    assert found.burndown["availability"][-1] == (day[1], status.budget_remaining_ratio)


def test_an_outcome_at_midnight_belongs_to_the_day_that_begins():
    midnight = NOW // DAY * DAY
    store = stored(*(outcome(midnight + i * HOUR, every_ms=HOUR) for i in range(-24, 2)))
    yesterday = figures.collect(suite_of(slo_of()), store, NOW, period=Period(midnight - DAY, midnight))
    assert (yesterday.statuses[0].n, yesterday.checks[0].n, yesterday.checks[0].latency.n) == (24, 24, 24)
    assert yesterday.checks[0].last.at_ms == midnight - HOUR


def test_a_period_that_is_not_over_has_its_whole_budget():
    store = stored(*row("g" * 100, NOW))
    status = figures.collect(suite_of(slo_of()), store, NOW, period=parse_period("this-month", NOW)).statuses[0]
    assert (status.budget_total_s, status.end_ms) == (Fraction(30 * 86_400, 100), NOW)


def test_a_trailing_period_is_a_rolling_window():
    store = stored(*row("g" * 100 + "b", NOW))
    suite = suite_of(slo_of(hours=1))
    found = figures.collect(suite, store, NOW, period=parse_period("1h", NOW))
    assert list(found.statuses) == figures.statuses(suite, store, NOW)
    assert found.checks[0].n == 60


def test_an_incident_at_the_end_of_a_period_that_is_over_does_not_go_on():
    midnight = NOW // DAY * DAY
    store = stored(*row("gggbb", midnight - MINUTE), *row("b" + "g" * 9, midnight + 9 * MINUTE))
    (found,) = figures.collect(suite_of(slo_of()), store, NOW, period=Period(midnight - DAY, midnight)).incidents
    assert found.end_ms == midnight


def test_messages_that_wait_or_are_dead_are_told():
    store = stored(*row("g", NOW))
    event = Event(key="k", suite="shop", subject="home", rule="state", episode="e", transition="fire", word="TICKET", on="ticket", at_ms=NOW)
    store.commit([alert("home")], [(event, ("team",))], now_ms=NOW)
    found = figures.collect(suite_of(), store, NOW)
    assert [m.destination for m in found.undelivered] == ["team"]
    assert [a.subject for a in found.alerts] == ["home"]
