from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.sketch import Sketch
from slocheck.core.stats import nearest_rank
from tests.core.series import some

VALUES = st.lists(
    st.one_of(
        st.integers(0, 50), st.integers(0, 60_000_000), st.integers(0, 10**18),
        st.sampled_from([0, 1, 10_000_000, 10_000_001, 30_000_000]),
    ),
    min_size=1, max_size=60,
)
SHARES = st.fractions(0, 1, max_denominator=1000)
ALPHAS = st.sampled_from([0.01, 0.02, 0.001, 0.3])


def sketch_of(values: list[int], alpha: float = 0.01) -> Sketch:
    sketch = Sketch(alpha)
    for value in values:
        sketch.add(value)
    return sketch


def is_within(found: float, true: float, alpha: float) -> bool:
    return found == true if true in (0, math.inf) else abs(Fraction(found) - Fraction(true)) <= Fraction(alpha) * Fraction(true)


@some
@given(VALUES, SHARES, ALPHAS)
def test_every_quantile_is_within_alpha_on_any_data(values, q, alpha):
    found = sketch_of(values, alpha).quantile(q)
    assert is_within(found, nearest_rank(values, 0, q), alpha)


@some
@given(VALUES, st.integers(0, 60), SHARES)
def test_failed_exchanges_rank_above_every_value(values, failed, q):
    assert is_within(sketch_of(values).quantile(q, failed), nearest_rank(values, failed, q), 0.01)


@pytest.mark.parametrize("exponent", range(40))
def test_values_on_the_edge_of_a_bucket_keep_the_bound(exponent):
    # the powers of gamma are where a rounded logarithm picks the wrong side
    for near in (-1, 0, 1):
        value = max(1, round((1.01 / 0.99) ** (exponent * 50)) + near)
        assert is_within(sketch_of([value]).quantile(Fraction(1, 2)), value, 0.01)


@pytest.mark.parametrize("values", [
    [48_000] * 1440,
    [20_000] * 700 + [10_000_000] * 740,
    [0] * 10 + [1] * 10,
], ids=["constant", "two values", "zeros"])
def test_plain_data_keep_the_bound(values):
    sketch = sketch_of(values)
    for q in (Fraction(0), Fraction(1, 2), Fraction(95, 100), Fraction(99, 100), Fraction(1)):
        assert is_within(sketch.quantile(q), nearest_rank(values, 0, q), 0.01)


def test_across_the_gap_between_the_body_and_the_time_outs_the_bound_holds():
    chance = Random(7)
    values = [int(chance.lognormvariate(11, 0.4)) for _ in range(9_700)] + [10_000_000] * 300
    sketch = sketch_of(values)
    for q in (Fraction(969, 1000), Fraction(970, 1000), Fraction(971, 1000)):
        assert is_within(sketch.quantile(q), nearest_rank(values, 0, q), 0.01)


def test_what_is_empty_has_no_quantile():
    assert Sketch().quantile(Fraction(1, 2)) is None
    assert Sketch().quantile(Fraction(1, 2), failed=1) == math.inf
    assert Sketch().n == 0


@some
@given(st.lists(VALUES, min_size=1, max_size=5), st.randoms())
def test_merging_in_any_order_is_exactly_the_sketch_of_all(parts, chance):
    whole = sketch_of([v for part in parts for v in part])
    shuffled = list(parts)
    chance.shuffle(shuffled)
    merged = Sketch()
    for part in shuffled:
        merged.merge(sketch_of(part))
    assert merged.to_bytes() == whole.to_bytes()
    assert merged.n == whole.n == sum(len(part) for part in parts)


@some
@given(VALUES, st.integers(1, 5))
def test_a_count_is_that_many_additions(values, count):
    at_once = Sketch()
    for value in values:
        at_once.add(value, count)
    assert at_once == sketch_of(values * count)


def test_merging_leaves_the_other_as_it_was():
    first, second = sketch_of([5, 50]), sketch_of([500])
    before = second.to_bytes()
    first.merge(second)
    assert second.to_bytes() == before


def test_different_errors_refuse_to_merge():
    with pytest.raises(ValueError, match="cannot be merged"):
        Sketch(0.01).merge(Sketch(0.02))


@some
@given(VALUES, ALPHAS)
def test_the_stored_form_gives_back_the_same_sketch(values, alpha):
    sketch = sketch_of(values, alpha)
    again = Sketch.from_bytes(sketch.to_bytes())
    assert again == sketch
    assert (again.alpha, again.n) == (alpha, len(values))
    assert again.quantile(Fraction(3, 4)) == sketch.quantile(Fraction(3, 4))


@pytest.mark.parametrize("data", [
    b"", b"\x01", b"\x02" + Sketch().to_bytes()[1:], b"nonsense!!!",
    sketch_of([5, 5000]).to_bytes()[:-1] + b"\x80", sketch_of([5]).to_bytes()[:-1], Sketch().to_bytes() + b"\x00",
], ids=["empty", "short", "newer version", "text", "cut in a number", "cut before a number", "empty bucket"])
def test_bytes_that_are_no_sketch_are_refused(data):
    with pytest.raises(ValueError, match=r"sketch|alpha"):
        Sketch.from_bytes(data)


@pytest.mark.parametrize("alpha", [0, 1, -0.5, math.nan])
def test_an_error_that_is_no_share_is_refused(alpha):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        Sketch(alpha)


def lognormal(chance: Random) -> int:
    return int(chance.lognormvariate(math.log(80_000), 0.5))


def heavy(chance: Random) -> int:
    return int(chance.lognormvariate(math.log(80_000), 0.5)) if chance.random() < 0.98 else int(chance.lognormvariate(14, 1))


@pytest.mark.parametrize("draw", [lognormal, heavy])
def test_a_day_of_1440_fits_into_400_bytes(draw):
    chance = Random(3)
    assert len(sketch_of([draw(chance) for _ in range(1440)]).to_bytes()) <= 400


def test_a_million_values_of_every_size_fit_into_a_kibibyte():
    # counts stand for the draws: 460 buckets between 1 ms and 10 s, each as full as in a million
    sketch = Sketch()
    for step in range(460):
        sketch.add(int(1000 * 1.0202 ** step), 2170)
    assert sketch.n >= 998_000
    assert len(sketch.to_bytes()) <= 1024


def test_what_changes_has_no_hash():
    with pytest.raises(TypeError):
        hash(Sketch())
