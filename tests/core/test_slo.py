from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core import slo as engine
from slocheck.core.model import Objective
from slocheck.core.owned import Span
from slocheck.core.slo import burn, burn_bounds, confidence, countdown, coverage, evaluate_series, sli, status
from slocheck.core.tally import Tally
from tests.core.series import HOME, at, objective, period, points, series, slo, some, trailing

DAY_S = 86_400


def evaluate(of, frame, *, target="99", now_s=None, **more):
    declared = slo(target=target, **more.pop("declared", {}))
    as_of_ms = frame.end_ms if now_s is None else round(now_s * 1000)
    return evaluate_series(declared, declared.objectives[0], {HOME: of}, frame, as_of_ms=as_of_ms, **more)


# --- the figures ---


def test_the_sli_divides_owned_time_and_coverage_stands_beside_it():
    found = evaluate(at("ggbgg", [0, 300, 600, 1500, 1800], every_s=300), trailing(1800, 1800))
    assert found.sli == Fraction(7, 10)
    assert found.coverage == Fraction(5, 6)
    assert (found.good_s, found.bad_s, found.unknown_s) == (1050, 450, 300)
    assert (found.n, found.bad) == (4, 1), "the outcome at the window's start is out"


def test_time_without_data_is_none_and_never_a_number():
    found = evaluate([], trailing(3600, 3600))
    assert (found.sli, found.coverage, found.status) == (None, None, "no_data")
    assert set(found.burn_rates.values()) == {None}
    assert (found.pace_s, found.countdown_s) == (None, None)
    assert found.confidence == {"level": 0.95, "low": None, "high": None, "n": 0, "bad": 0, "verdict": "inconclusive"}
    assert found.budget_remaining_ratio == 1


def test_the_budget_is_that_of_the_whole_window_from_its_first_second():
    month = period(0, 30 * DAY_S, 3 * 3600)
    found = evaluate(series("g" * 181), month)
    assert (found.budget_total_s, found.budget_remaining_ratio) == (Fraction(30 * DAY_S, 100), 1)


def test_what_is_left_is_signed():
    found = evaluate(series("b" * 61), trailing(3600, 3600), target="90")
    assert (found.budget_total_s, found.budget_consumed_s, found.budget_remaining_s) == (360, 3600, -3240)
    assert found.budget_remaining_ratio == -9


def test_the_budget_is_exact_where_floats_are_not():
    found = evaluate(series("g" * 61), trailing(3600, 3600), target="99.9")
    assert found.budget_total_s == Fraction(36, 10)


def test_each_objective_has_its_own_row():
    strict, loose = (replace(objective(target), name=name) for name, target in (("slo", "99.5"), ("sla", "99")))
    declared = replace(slo(), objectives=(strict, loose))
    rows = [evaluate_series(declared, o, {HOME: series("g" * 61)}, trailing(3600, 3600), as_of_ms=3_600_000) for o in (strict, loose)]
    assert [r.name for r in rows] == ["availability/slo", "availability/sla"]


# --- burn ---


def test_burn_counts_outcomes_and_not_time():
    found = evaluate(series("b" + "g" * 59 + "bgg"), trailing(2 * 3600, 61 * 60), target="99")
    assert found.burn_rates["5m"] == Fraction(1, 5) * 100
    assert found.burn_rates["1h"] == Fraction(1, 60) * 100, "(t-1h, t]: the bad one at its start is out"


@pytest.mark.parametrize(("now_ms", "n"), [(299_999, 5), (300_000, 5), (300_001, 5), (359_999, 5), (360_000, 5)])
def test_probes_a_minute_apart_put_five_outcomes_into_five_minutes(now_ms, n):
    frame = trailing(3600, now_ms / 1000)
    seen = [p for p in series("g" * 12) if frame.end_ms - 300_000 < p.at_ms <= frame.end_ms]
    assert len(seen) == n
    assert evaluate(series("g" + "b" * 11), frame).burn_rates["5m"] == Fraction(sum(p.at_ms > 0 for p in seen), n) * 100


def test_the_highest_burn_is_that_of_nothing_but_failures():
    assert burn(Tally(n=7, failed=7), Fraction(9, 10)) == 10


def test_burn_windows_longer_than_the_objectives_own_are_left_out():
    assert list(burn_bounds(trailing(6 * 3600, DAY_S))) == ["5m", "30m", "1h", "6h"]
    assert list(burn_bounds(trailing(30 * DAY_S, 0))) == ["5m", "30m", "1h", "6h", "24h", "3d"]


def test_burn_looks_back_beyond_the_begin_of_a_calendar_period():
    month = period(DAY_S, 31 * DAY_S, DAY_S + 60)
    found = evaluate(series("b" * 10 + "gg", start_s=DAY_S - 600), month, target="99")
    assert found.burn_rates["1h"] == Fraction(10, 12) * 100


@some
@given(points(), st.integers(0, 60), st.integers(0, 99), st.integers(0, 99))
def test_a_higher_objective_never_lowers_a_burn_rate(seen, now, one, other):
    low, high = sorted((one, other))
    rates = [evaluate(seen, trailing(300, now / 1000), target=str(t)).burn_rates["5m"] for t in (low, high)]
    assert rates[0] is rates[1] is None or rates[0] <= rates[1]


def test_a_burn_equal_to_a_threshold_is_not_above_it():
    assert burn(Tally(n=1800, failed=18), Fraction(99, 100)) == 1


# --- status ---

HOUR = 3600


def sums(good_s, bad_s=0, unknown_s=0):
    return Tally(good=2000 * good_s, bad=2000 * bad_s, elapsed=2000 * (good_s + bad_s + unknown_s))


@pytest.mark.parametrize(("tally", "total_s", "is_complete", "is_firing", "word"), [
    (sums(990, 10), 10, True, False, "at_risk"),  # SLI = objective exactly is met, but nothing is left
    (sums(9900, 99), 1000, True, False, "met"),
    (sums(989, 11), 100, True, False, "breached"),  # a complete window below its objective
    (sums(989, 11), 100, False, False, "met"),  # the same, young
    (sums(0, 101), 100, False, False, "breached"),  # more bad time than the whole window allows
    (sums(0, 101, 9999), 100, False, False, "breached"),  # whatever the coverage
    (sums(0, 0, 100), 10, True, False, "no_data"),
    (sums(0), 10, True, False, "no_data"),
    (sums(899, 0, 101), 10, True, False, "no_data"),
    (sums(900, 0, 100), 10, True, False, "met"),  # coverage equal to the least that is wanted
    (sums(899, 0, 101), 10, True, True, "no_data"),
    (sums(9000, 75), 100, False, False, "met"),  # a quarter is left exactly
    (sums(9000, 76), 100, False, False, "at_risk"),
    (sums(9000), 100, True, True, "at_risk"),
])
def test_the_word_for_an_objective(tally, total_s, is_complete, is_firing, word):
    found = status(
        tally, Fraction(total_s), Fraction(99, 100), Fraction(9, 10), is_complete=is_complete, is_firing=is_firing,
    )
    assert found == word


def test_a_young_rolling_window_below_its_objective_is_not_breached_while_its_budget_lasts():
    of = series("g" * 50 + "bb" + "g" * 9)
    assert evaluate(of, trailing(30 * DAY_S, HOUR), target="99").status == "met"
    assert evaluate(of, trailing(HOUR, HOUR), target="99").status == "breached"


def test_birth_at_the_very_start_makes_a_window_complete_and_a_millisecond_later_does_not():
    of = series("b" + "g" * 999, every_s=3.6)
    assert evaluate(of, trailing(3596.4, 3596.4), target="99.99").status == "breached"
    late = at("g", [0.001], every_s=3.6) + series("g" * 499 + "b" + "g" * 499, every_s=3.6, start_s=3.6)
    frame = trailing(HOUR, HOUR)
    assert evaluate(late, frame, target="99.95").status == "breached", "3.6 s of 1.8 s"
    assert evaluate(late, frame, target="99.89").sli < Fraction(9990, 10000)
    assert not engine.is_complete(frame, 1)
    assert engine.is_complete(frame, 0)


def test_a_calendar_period_below_its_objective_is_breached_once_it_is_over():
    of = series("b" + "g" * 30)  # 30 s of the 32.4 s that are allowed, but half an hour is unknown
    assert evaluate(of, period(0, HOUR, HOUR - 1), target="99.1").status == "no_data"
    assert evaluate(of, period(0, HOUR, HOUR), target="99.1").status == "breached"


# --- exclusions ---


def test_an_exclusion_shrinks_the_budget_and_leaves_both_sides():
    day = 1440
    of = series("g" * (3 * day) + "b" * day + "g" * 600 + "b" * 60 + "g" * (3 * day - 660 + 1))
    week = trailing(7 * DAY_S, 7 * DAY_S)
    hole = {"home": [(3 * DAY_S * 1000 - 30_000, 4 * DAY_S * 1000 - 30_000)]}
    found = evaluate(of, week, target="99", excluded=hole)
    assert found.excluded_s == DAY_S
    assert found.budget_total_s == Fraction(6 * DAY_S, 100)
    assert 1 - found.sli == Fraction(60, 6 * 1440)
    assert 1 - found.sli_with_excluded == Fraction(1500, 7 * 1440)
    assert found.coverage == 1


def test_without_exclusions_there_is_one_sli():
    assert evaluate(series("ggg"), trailing(HOUR, HOUR)).sli_with_excluded is None


def test_an_exclusion_that_is_to_come_shrinks_the_budget_of_its_month_already():
    month = period(0, 30 * DAY_S, DAY_S)
    found = evaluate(series("g" * 1441), month, excluded={"home": [(20 * DAY_S * 1000, 21 * DAY_S * 1000)]})
    assert found.budget_total_s == Fraction(29 * DAY_S, 100)


def test_a_window_that_is_all_excluded_has_no_figures():
    found = evaluate(series("b" * 61), trailing(HOUR, HOUR), excluded={"home": [(0, HOUR * 1000 + 1)]})
    assert (found.sli, found.budget_total_s, found.budget_remaining_ratio, found.countdown_s) == (None, 0, None, None)
    assert found.status == "no_data"


# --- forecast ---

MONTH = trailing(30 * DAY_S, 30 * DAY_S)


def spent(from_day, to_day, share=1):
    span = Span(int(from_day * DAY_S * 2000), int(to_day * DAY_S * 2000), share)
    return Tally(bad=(span.end - span.start) * share, stretches=(span,))


def test_ninety_percent_spent_yesterday_at_half_the_pace_is_gone_in_six_days():
    total_s = Fraction(3, 10) * DAY_S  # 1 % of 30 days
    window = spent(29 - Fraction(27, 100), 29)
    assert window.bad_s == Fraction(9, 10) * total_s
    assert countdown(MONTH, window, total_s, Fraction(1, 2) * Fraction(1, 100)) == 6 * DAY_S


def test_old_failures_that_leave_the_window_keep_the_budget_alive():
    total_s = Fraction(3, 10) * DAY_S
    assert countdown(MONTH, spent(0, Fraction(27, 100)), total_s, Fraction(1, 200)) is None


def test_a_tenth_spent_and_half_the_pace_never_ends_it():
    assert countdown(MONTH, spent(29, 29 + Fraction(3, 100)), Fraction(3, 10) * DAY_S, Fraction(1, 200)) is None


def test_a_budget_that_is_spent_is_gone_now():
    assert countdown(MONTH, spent(29, 29.5), Fraction(DAY_S, 2), Fraction(0)) == 0
    assert countdown(MONTH, spent(29, 29.5), Fraction(DAY_S, 3), Fraction(1)) == 0


def test_nothing_burns_nothing_ends():
    assert countdown(MONTH, Tally(), Fraction(100), Fraction(0)) is None


@pytest.mark.parametrize(("rate", "gone_s"), [(Fraction(1, 100), 10 * DAY_S), (Fraction(1, 200), 20 * DAY_S), (Fraction(1, 201), None)])
def test_a_calendar_period_ends_first_or_its_budget_does(rate, gone_s):
    month = period(0, 30 * DAY_S, 10 * DAY_S)
    assert countdown(month, Tally(), Fraction(DAY_S, 10), rate) == gone_s


@some
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.sampled_from([1, Fraction(1, 2)])), max_size=5),
    st.integers(1, 40), st.fractions(0, 2, max_denominator=5),
)
def test_the_countdown_is_the_first_instant_at_which_the_budget_would_be_passed(rows, total, rate):
    frame = trailing(0.040, 0.040)
    line = [None] * 80  # half milliseconds
    for start, length, share in rows:
        for half in range(2 * start, min(80, 2 * (start + length))):
            line[half] = line[half] or share
    spans = tuple(Span(half, half + 1, share) for half, share in enumerate(line) if share)
    window = Tally(bad=sum(s.bad for s in spans), stretches=spans)
    total_s = Fraction(total, 2000)
    found = countdown(frame, window, total_s, rate)

    def level(half):  # bad half milliseconds in the window that long from now
        return window.bad - sum(s.bad for s in spans if s.start < half) + rate * half

    corners = [level(half) for half in range(81)]
    if window.bad >= total:
        assert found == 0
    elif found is None:
        assert max(corners) <= total
    else:
        # at the instant itself the level is the total; before it nothing was above
        whole = int(found * 2000)
        assert all(value <= total for value in corners[: whole + 1])
        fraction = found * 2000 - whole
        assert corners[whole] + fraction * (corners[min(80, whole + 1)] - corners[whole]) == total


def test_the_pace_is_how_long_a_full_budget_would_last():
    found = evaluate(series("gggb" * 360 + "g"), trailing(30 * DAY_S, DAY_S), target="50")
    assert found.burn_rates["24h"] == Fraction(1, 2)
    assert found.pace_s == 60 * DAY_S


def test_a_short_window_is_forecast_by_its_own_burn():
    found = evaluate(series("gb" * 30 + "g"), trailing(HOUR, HOUR), target="50")
    assert "24h" not in found.burn_rates
    assert found.pace_s == HOUR


# --- properties ---


@some
@given(points(most=20), st.integers(1, 30))
def test_what_is_left_of_a_calendar_period_never_rises(seen, start):
    left = [
        evaluate(seen, period(start / 1000, 0.070, now / 1000), target="50").budget_remaining_s for now in range(start, 71)
    ]
    assert left == sorted(left, reverse=True)


@some
@given(points(), st.integers(0, 90), st.integers(1, 90))
def test_coverage_and_sli_are_shares(seen, now, length):
    found = evaluate(seen, trailing(length / 1000, now / 1000))
    assert found.coverage is None or 0 <= found.coverage <= 1
    assert found.sli is None or 0 <= found.sli <= 1
    assert (found.sli is None) == (found.good_s + found.bad_s == 0)


def test_the_parts_of_the_figures_stand_alone():
    assert sli(sums(0)) is coverage(sums(0)) is None
    assert sli(sums(3, 1)) == Fraction(3, 4)
    assert coverage(sums(3, 0, 1)) == Fraction(3, 4)


def test_confidence_names_what_it_rests_on():
    found = confidence(8640, 3, Fraction(999, 1000))
    assert (found["level"], found["n"], found["bad"], found["verdict"]) == (0.95, 8640, 3, "confirmed")
    assert 0.999 <= found["low"] < found["high"] < 1


def test_a_verdict_never_changes_a_status():
    of = series("g" * 61)
    found = evaluate(of, trailing(HOUR, HOUR), target="99.9")
    assert (found.status, found.confidence["verdict"]) == ("met", "inconclusive")


def test_the_objective_is_compared_as_a_fraction():
    target = Objective(target=Fraction(2, 3), text="66.666")
    declared = replace(slo(), objectives=(target,))
    of = {HOME: series("ggbggbg", start_s=-30)}
    found = evaluate_series(declared, target, of, trailing(360, 330), as_of_ms=330_000)
    assert found.sli == Fraction(2, 3)
    assert found.status != "breached"
