"""What a suite sends and what it can prove: the published tables, and that they agree with the engine itself."""

from __future__ import annotations

import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core import plan, stats
from slocheck.core.model import Check, Method, Objective, Slo, Window
from slocheck.core.policy import derive
from tests.core.series import some

MINUTE = 60_000
DAYS_30 = 43_200


def check(name="home", every="60s", **more):
    seconds = {"30s": 30, "60s": 60, "5m": 300, "15m": 900, "1h": 3600, "10s": 10}[every]
    return Check(name=name, kind="endpoint", every=timedelta(seconds=seconds), timeout=timedelta(seconds=5), options=None, **more)


def slo(percent="99.9", checks=("home",), **more):
    return Slo(name="s", checks=tuple(checks), objectives=(objective(percent),), **more)


def objective(percent):
    return Objective(target=Fraction(percent) / 100, text=percent)


# --- the tables ----------------------------------------------------------------------------------------------------

# objective -> failures of 1h / 6h / 24h / 3d at 60 s, 5 min, 15 min; and what one failed probe costs, in percent
FIRING = {
    "99": ("9 22 44 44", "2 5 9 9", "1 2 3 3", "0.23 1.2 3.5"),
    "99.5": ("5 11 22 22", "1 3 5 5", "1 1 2 2", "0.46 2.3 6.9"),
    "99.9": ("1 3 5 5", "1 1 1 1", "1 1 1 1", "2.3 11.6 34.7"),
    "99.95": ("1 2 3 3", "1 1 1 1", "1 1 1 1", "4.6 23.1 69.4"),
}


@pytest.mark.parametrize("percent", FIRING)
@pytest.mark.parametrize(("column", "every"), list(enumerate(["60s", "5m", "15m"])))
def test_so_many_failures_fire_each_pair_of_the_default_policy(percent, column, every):
    (found,) = plan.alertable(slo(percent), [check(every=every)])
    assert [seen.failures for seen in found.seen] == [int(k) for k in FIRING[percent][column].split()]
    assert [seen.pair.long_ms // (60 * MINUTE) for seen in found.seen] == [1, 6, 24, 72]
    assert [seen.gated for seen in found.seen] == [max(s.failures, 1 if s.pair.severity == "page" else 3) for s in found.seen]


@pytest.mark.parametrize("percent", FIRING)
@pytest.mark.parametrize(("column", "every"), list(enumerate(["60s", "5m", "15m"])))
def test_one_failed_probe_costs_so_much_of_the_budget(percent, column, every):
    told = FIRING[percent][3].split()[column]
    digits = len(told.partition(".")[2])
    assert f"{float(plan.cost(slo(percent), objective(percent), [check(every=every)]) * 100):.{digits}f}" == told


# probes in 30 days -> failures that still confirm / that refute, for each objective
PROVING = {
    DAYS_30: "397/467 191/241 32/55 13/31 0/9", DAYS_30 // 5: "70/103 32/55 3/15 0/9 never/4",
    DAYS_30 // 15: "19/39 7/22 never/7 never/5 never/2", DAYS_30 // 30: "7/22 2/13 never/5 never/3 never/2",
}
NEEDED = {"99": 299, "99.5": 598, "99.9": 2_995, "99.95": 5_990, "99.99": 29_956}


@pytest.mark.parametrize("n", PROVING)
@pytest.mark.parametrize(("column", "percent"), list(enumerate(NEEDED)))
def test_so_many_failures_still_confirm_and_so_many_refute(n, column, percent):
    confirm, refute = PROVING[n].split()[column].split("/")
    target = Fraction(percent) / 100
    assert plan.most_that_confirm(n, target) == (None if confirm == "never" else int(confirm))
    assert plan.least_that_refute(n, target) == int(refute)


@pytest.mark.parametrize(("percent", "needed"), NEEDED.items())
def test_so_many_probes_without_a_failure_are_needed(percent, needed):
    target = Fraction(percent) / 100
    assert plan.needed_probes(target) == needed
    assert plan.most_that_confirm(needed, target) == 0
    assert plan.most_that_confirm(needed - 1, target) is None
    assert target**needed <= Fraction(5, 100) < target ** (needed - 1)


@some
@given(st.integers(1, 400), st.fractions(Fraction(1, 2), Fraction(999, 1000), max_denominator=1000))
def test_the_bounds_are_those_of_the_verdict_itself(n, target):
    verdicts = [stats.confidence_verdict(bad, n, target) for bad in range(n + 1)]
    confirm, refute = plan.most_that_confirm(n, target), plan.least_that_refute(n, target)
    assert verdicts.count("confirmed") == (0 if confirm is None else confirm + 1)
    assert verdicts.count("refuted") == (0 if refute is None else n + 1 - refute)
    assert "confirmed" not in verdicts[0 if confirm is None else confirm + 1 :]


@some
@given(st.integers(1, 5000), st.integers(1, 300), st.fractions(0, 1, max_denominator=500), st.integers(1, 3))
def test_the_failures_that_fire_are_the_fewest_that_are_strictly_above(minutes, every, limit, locations):
    k = plan.failures_to_fire(minutes * MINUTE, every * MINUTE, limit, locations)
    n = minutes // every * locations
    assert k > n * limit >= k - 1


# --- one objective -------------------------------------------------------------------------------------------------


def test_what_is_counted_is_what_the_verdict_counts():
    """Outcomes of all checks and locations; slices by themselves."""
    both = [check(), check("orders", "5m")]
    assert plan.probes(slo(), [check()]) == 43_200
    assert plan.probes(slo(), both) == 43_200 + 8_640
    assert plan.probes(slo(), both, 3) == 3 * (43_200 + 8_640)
    assert plan.probes(slo(method=Method.TIMESLICES, slice=timedelta(minutes=5)), both, 2) == 2 * 8_640
    assert plan.probes(slo(window=Window(duration=None, calendar="quarter")), [check(every="1h")]) == 90 * 24


def test_the_cost_is_that_of_the_rarest_check_and_shared_among_what_is_pooled():
    both = [check(), check("orders", "5m")]
    one = Fraction(300, 2_592_000) * 1000
    assert plan.cost(slo(), objective("99.9"), both) == one
    assert plan.cost(slo(), objective("99.9"), both, 3) == one / 3
    assert plan.cost(slo(method=Method.OCCURRENCES), objective("99.9"), both, 3) == one / 6
    assert plan.cost(slo(method=Method.TIMESLICES, slice=timedelta(hours=1)), objective("99.9"), both) == 12 * one


@pytest.mark.parametrize(("percent", "locations", "longest"), [
    ("99", 1, timedelta(hours=2)), ("99.9", 1, timedelta(minutes=10)), ("99.99", 1, timedelta(minutes=1)), ("99.99", 4, timedelta(minutes=5)),
    ("99.9999", 1, None),
])
def test_the_longest_interval_that_could_confirm_really_does_and_the_next_does_not(percent, locations, longest):
    found = plan.provable(slo(percent), objective(percent), [check(every="1h")], locations)
    assert found.interval == longest
    if longest is not None:
        n = timedelta(days=30) // longest * locations
        assert n >= found.needed
        assert plan.most_that_confirm(n, objective(percent).target) is not None


def test_an_objective_that_cannot_be_confirmed_can_still_be_refuted():
    found = plan.provable(slo("99.99"), objective("99.99"), [check(every="5m")])
    assert (found.n, found.needed, found.confirm, found.refute) == (8_640, 29_956, None, 4)


def test_several_checks_together_are_the_product_if_they_fail_by_themselves():
    joint, each = plan.together(Fraction(9, 10), 2)
    assert joint == Fraction(81, 100)
    assert each**2 == pytest.approx(0.9)


# --- alerts --------------------------------------------------------------------------------------------------------


def test_pairs_and_what_is_left_out_are_those_of_the_engine_for_each_interval():
    declared = slo("99", window=Window(duration=timedelta(days=14)))
    found = plan.alertable(declared, [check("rare", "1h"), check(), check("often")])
    assert [(a.every_ms, a.checks) for a in found] == [(MINUTE, ("home", "often")), (60 * MINUTE, ("rare",))]
    for each in found:
        policy = derive(declared, each.every_ms)
        assert tuple(s.pair for s in each.seen) == policy.pairs
        assert each.left_out == policy.left_out
    assert len(found[1].left_out) > len(found[0].left_out)


def test_of_slices_are_counted_and_locations_add_up():
    declared = slo("99", method=Method.TIMESLICES, slice=timedelta(minutes=15))
    assert [s.failures for s in plan.alertable(declared, [check()])[0].seen] == [1, 2, 3, 3]
    (three,) = plan.alertable(slo("99"), [check()], 3)
    assert three.seen[0].failures == math.floor(180 * Fraction(144, 1000)) + 1 == 26
    assert three.seen[0].last_ms == 8 * MINUTE  # the 26th failure of three locations comes with the ninth round


@pytest.mark.parametrize(("made", "refusing", "first"), [
    (check(), frozenset(), 1), (check(confirm=0), frozenset(), 3), (check(), frozenset({"home"}), 3), (check(every="30s"), frozenset(), 3),
])
def test_where_nothing_asks_again_a_page_waits_for_three_failures(made, refusing, first):
    (found,) = plan.alertable(slo("99.95"), [made], refusing=refusing)
    assert found.seen[0].gated == max(first, found.seen[0].failures)
    assert found.seen[0].last_ms == (found.seen[0].gated - 1) * made.every_ms


# --- load and CI ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "is_refused", "most"), [
    (check(), False, 576), (check(every="15m"), False, 64), (check(every="30s"), False, 0), (check(confirm=0), False, 0),
    (check(), True, 0), (check(confirm=5, every="1h"), False, 40),
])
def test_bursts_of_a_check_that_fails_all_day(made, is_refused, most):
    assert plan.re_probes_per_day(made, is_refused=is_refused) == most


@pytest.mark.parametrize(("every", "minutes"), [(5, 8_640), (30, 1_440), (22, 1_963), (15, 2_880)])
def test_a_private_repository_pays_for_each_job_a_whole_minute(every, minutes):
    assert plan.ci_minutes(every) == minutes


def test_with_the_free_minutes_a_job_every_22_minutes_is_the_most():
    assert plan.least_ci_interval() == 22
    assert plan.ci_minutes(22) <= plan.CI_FREE_MINUTES < plan.ci_minutes(21)
