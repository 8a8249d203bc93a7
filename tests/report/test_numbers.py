"""The printing rules: what is reached or left goes down, what is spent goes up, what is not known is no number."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from slocheck.report import numbers
from tests.report import figures as made


@pytest.mark.parametrize(("good", "goal", "shown"), [
    (Fraction("0.994996"), "99.5", "99.49 %"),  # missed by a hair: never prints as the objective
    (Fraction("0.99499999999"), "99.5", "99.49 %"),
    (Fraction("0.995"), "99.5", "99.50 %"),
    (Fraction("0.9999999"), "99.9", "99.99 %"),  # and never as all
    (Fraction(1), "99.9", "100.00 %"),
    (Fraction("0.99949999"), "99.95", "99.94 %"),
    (Fraction("0.99989999"), "99.99", "99.98 %"),
    (Fraction("0.99998999"), "99.999", "99.998 %"),
    (Fraction(0), "99", "0.00 %"),
    (None, "99", "no data"),
])
def test_an_sli_is_rounded_down_with_at_least_the_objectives_decimals(good, goal, shown):
    status = made.status(text=goal, sli=good)
    assert numbers.sli(status) == shown
    if good is not None and good < status.objective.target:
        assert Fraction(numbers.sli(status).removesuffix(" %")) < Fraction(goal)


@pytest.mark.parametrize(("share", "down", "up"), [
    (Fraction(0), "0 %", "0 %"), (Fraction(1), "100 %", "100 %"), (Fraction("0.1001"), "10 %", "11 %"), (Fraction("0.999"), "99 %", "100 %"),
    (Fraction("0.0001"), "0 %", "1 %"), (Fraction("-0.001"), "-1 %", "0 %"), (Fraction("-0.283"), "-29 %", "-28 %"), (Fraction("1.2925"), "129 %", "130 %"),
    (None, "no data", "no data"),
])
def test_what_is_left_is_rounded_down_and_what_is_spent_is_rounded_up(share, down, up):
    assert numbers.reached(share, 0) == down
    assert numbers.spent(share, 0) == up


@pytest.mark.parametrize(("bad_s", "left", "spent"), [
    (Fraction(0), "43.2 of 43.2 min (100 %)", "0.0 of 43.2 min (0 %)"),
    (Fraction(1), "43.1 of 43.2 min (99 %)", "0.1 of 43.2 min (1 %)"),
    (Fraction(2591), "0.0 of 43.2 min (0 %)", "43.2 of 43.2 min (100 %)"),
    (Fraction(2592), "0.0 of 43.2 min (0 %)", "43.2 of 43.2 min (100 %)"),
    (Fraction(2593), "-0.1 of 43.2 min (-1 %)", "43.3 of 43.2 min (101 %)"),
])
def test_a_budget_is_minutes_first_then_percent_and_overspent_is_negative(bad_s, left, spent):
    status = made.status(text="99.9", bad_s=bad_s)
    assert numbers.budget_left(status) == left
    assert numbers.budget_spent(status) == spent


def test_a_small_budget_has_hundredths_of_a_minute():
    status = made.status(text="99.99", bad_s=Fraction(30))
    assert numbers.budget_left(status) == "3.82 of 4.32 min (88 %)"


def test_a_budget_of_which_nothing_is_known_is_no_data_and_not_full():
    assert numbers.budget_left(made.no_data()) == "no data"


def test_a_window_that_is_excluded_whole_has_a_budget_of_nothing():
    zero = Fraction(0)
    status = made.status(budget_total_s=zero, budget_consumed_s=zero, budget_remaining_s=zero, budget_remaining_ratio=None)
    assert numbers.budget_left(status) == "0.00 of 0.00 min"


@pytest.mark.parametrize(("rate", "shown"), [
    (Fraction(0), "0.0x"), (Fraction("14.4"), "14.4x"), (Fraction("14.4001"), "14.5x"), (Fraction(1, 3), "0.4x"), (Fraction(1000), "1000.0x"), (None, "no data"),
])
def test_a_burn_rate_is_rounded_up(rate, shown):
    assert numbers.burn(rate) == shown


@pytest.mark.parametrize(("seconds", "down", "up"), [
    (Fraction(0), "0 s", "0 s"), (Fraction("0.4"), "0 s", "1 s"), (Fraction(59), "59 s", "59 s"), (Fraction(60), "1 min", "1 min"), (Fraction("60.2"), "1 min", "1 min 1 s"),
    (Fraction(192), "3 min 12 s", "3 min 12 s"), (Fraction(3599), "59 min 59 s", "59 min 59 s"), (Fraction(3600), "1 h", "1 h"),
    (Fraction(3659), "1 h", "1 h 1 min"), (Fraction(22_320), "6 h 12 min", "6 h 12 min"), (Fraction(86_399), "23 h 59 min", "24 h"),
    (Fraction(154_800), "1 d 19 h", "1 d 19 h"), (Fraction(30 * 86_400), "30 d", "30 d"),
])
def test_a_span_has_its_two_largest_units(seconds, down, up):
    assert numbers.span(seconds) == down
    assert numbers.span(seconds, is_spent=True) == up


@pytest.mark.parametrize(("us", "shown"), [
    (None, "no data"), (math.inf, "failed"), (0, "0.00 ms"), (120, "0.12 ms"), (4_030, "4.03 ms"), (9_994, "9.99 ms"), (9_996, "10.0 ms"),
    (38_200, "38.2 ms"), (99_949, "99.9 ms"), (99_951, "100 ms"), (182_400, "182 ms"), (999_499, "999 ms"), (999_500, "1 s"),
    (1_240_000, "1.24 s"), (99_949_000, "99.9 s"), (120_000_000, "120 s"),
])
def test_a_latency_has_three_digits_that_mean_something(us, shown):
    assert numbers.latency(us) == shown


def test_a_percentile_with_too_few_values_says_how_few():
    few = made.percentiles(p95=None, p99=None, n=12)
    assert numbers.quantile(few, "p50") == "38.2 ms"
    assert numbers.quantile(few, "p95") == "12 of 20"
    assert numbers.quantile(few, "p99") == "12 of 100"


def test_a_percentile_among_the_failed_is_no_number():
    assert numbers.quantile(made.percentiles(p99=math.inf), "p99") == "failed"


def test_a_percentile_of_nothing_is_no_data():
    assert numbers.quantile(made.percentiles(p50=None, n=0), "p50") == "no data"


@pytest.mark.parametrize(("names", "shown"), [
    (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
])
def test_a_list_of_names_is_short(names, shown):
    assert numbers.listed(names) == shown


@pytest.mark.parametrize(("n", "total", "shown"), [
    (1, 1, "the check"), (2, 2, "both checks"), (3, 3, "all 3 checks"), (1, 3, "1 of 3 checks"), (2, 3, "2 of 3 checks"), (0, 1, "0 of 1 check"),
])
def test_a_share_of_things_reads_as_language(n, total, shown):
    assert numbers.share(n, total, "check") == shown


def test_moments_are_utc_and_days_are_written_out():
    assert numbers.moment(made.NOW) == "22 Nov 2026 10:00 UTC"
    assert numbers.day(made.NOW) == "22 Nov 2026"
