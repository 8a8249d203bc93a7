from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.stats import (
    INFINITE,
    beta_quantile,
    beta_share,
    binomial_cdf,
    binomial_sf,
    clopper_pearson,
    confidence_verdict,
    enough,
    jeffreys,
    nearest_rank,
    wilson,
)
from tests.core.series import some


@pytest.mark.parametrize(("n", "percent", "is_enough"), [
    (1, 50, False), (2, 50, True), (19, 95, False), (20, 95, True), (99, 99, False), (100, 99, True), (10, 90, True),
    (0, 100, False), (1, 100, True),
])
def test_a_quantile_needs_one_value_beyond_it(n, percent, is_enough):
    assert enough(n, Fraction(percent, 100)) is is_enough


@some
@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 5), st.fractions(0, 1, max_denominator=100))
def test_the_nearest_rank_is_the_least_value_that_covers_the_share(values, failed, q):
    found = nearest_rank(values, failed, q)
    everything = [*values, *[INFINITE] * failed]
    if not everything:
        assert found is None
        return
    assert found in everything
    assert sum(v <= found for v in everything) >= q * len(everything)
    assert all(sum(v <= lower for v in everything) < max(1, q * len(everything)) for lower in everything if lower < found)


def test_time_outs_do_not_make_a_percentile_better():
    assert nearest_rank([10] * 95, 5, Fraction(95, 100)) == 10
    assert nearest_rank([10] * 94, 6, Fraction(95, 100)) == math.inf


def exact_cdf(k: int, n: int, p: Fraction) -> Fraction:
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("p", [Fraction(1, 1000), Fraction(1, 3), Fraction(99, 100)])
def test_binomial_tails_are_those_of_exact_sums(n, p):
    for k in range(-1, n + 2):
        below = exact_cdf(min(k, n), n, p) if k >= 0 else 0
        assert binomial_cdf(k, n, float(p)) == pytest.approx(float(below), abs=1e-12)
        upto = exact_cdf(min(k, n + 1) - 1, n, p) if k >= 1 else 0
        assert binomial_sf(k, n, float(p)) == pytest.approx(float(1 - upto), abs=1e-12)


@pytest.mark.parametrize(("bad", "n"), [(0, 10), (10, 10), (3, 8640), (500, 216_000), (215_999, 216_000), (1, 10**7)])
def test_the_bounds_leave_five_percent_in_each_tail(bad, n):
    low, high = clopper_pearson(bad, n)
    assert 0 <= low < high <= 1
    if bad < n:
        assert binomial_cdf(bad, n, 1 - low) == pytest.approx(0.05, abs=1e-6)
    if bad:
        assert binomial_sf(bad, n, 1 - high) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("bounds", [clopper_pearson, jeffreys, wilson])
def test_nothing_is_proven_by_nothing(bounds):
    assert bounds(0, 0) is None
    assert bounds(0, 5)[1] == 1
    assert bounds(5, 5)[0] == 0


def test_no_data_is_inconclusive():
    assert confidence_verdict(0, 0, Fraction(999, 1000)) == "inconclusive"


@some
@given(st.integers(1, 400), st.data(), st.sampled_from([Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000)]))
def test_the_verdict_is_where_the_bounds_stand(n, data, target):
    bad = data.draw(st.integers(0, n))
    low, high = clopper_pearson(bad, n)
    expected = "confirmed" if low >= target else "refuted" if high < target else "inconclusive"
    assert confidence_verdict(bad, n, target) == expected


@pytest.mark.parametrize("bad", [0, 1, 5, 299])
def test_everything_failed_or_nothing_did(bad):
    assert confidence_verdict(bad, bad, Fraction(1, 2)) == ("inconclusive" if bad < 5 else "refuted")
    assert confidence_verdict(0, bad, Fraction(99, 100)) == ("confirmed" if bad == 299 else "inconclusive")


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 0.5), (5, 2), (1, 43_200), (8633, 8.5)])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.95])
def test_a_quantile_of_a_beta_distribution_has_its_share_below_it(a, b, share):
    assert beta_share(beta_quantile(share, a, b), a, b) == pytest.approx(share, abs=1e-9)


def test_shares_of_a_beta_distribution_end_at_its_edges():
    assert (beta_share(0, 2, 3), beta_share(1, 2, 3), beta_share(-1, 2, 3)) == (0, 1, 0)
    assert beta_share(0.25, 1, 1) == pytest.approx(0.25)
