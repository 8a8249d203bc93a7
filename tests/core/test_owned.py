from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core import owned
from slocheck.core.model import Point, Verdict
from slocheck.core.owned import Span, any_bad, common, cut, is_in, join, merged, outside, own, share_of
from tests.core.series import at, points, series, some


def state_at(spans: list[Span], half: int) -> object:
    """The share in the half millisecond that begins at `half`; "none" where there is no span."""
    found = [s.bad for s in spans if s.start <= half < s.end]
    assert len(found) <= 1, "spans overlap"
    return found[0] if found else "none"


def owner_at(seen: list[Point], half: int, as_of_ms: int) -> object:
    """The rule, read off one instant: the middle of the half millisecond that begins at `half`, in quarter milliseconds."""
    moment = Fraction(2 * half + 1, 4)
    before = [p for p in seen if p.at_ms < moment]
    after = [p for p in seen if p.at_ms > moment]
    if not before or moment > as_of_ms:
        return "none"
    newest = before[-1]
    if not after:
        if as_of_ms - newest.at_ms < 2 * newest.every_ms:
            return "none"
        return owned.SHARES[newest.verdict] if moment - newest.at_ms <= newest.every_ms else None
    nearest = newest if moment - newest.at_ms < after[0].at_ms - moment else after[0]
    return owned.SHARES[nearest.verdict] if abs(nearest.at_ms - moment) <= nearest.every_ms else None


@some
@given(points(), st.integers(0, 90))
def test_each_instant_belongs_to_the_nearest_outcome_within_an_interval_of_it(seen, as_of_ms):
    spans = own(seen, as_of_ms)
    known = [p for p in seen if p.at_ms <= as_of_ms]
    for half in range(-4, 200):
        assert state_at(spans, half) == owner_at(known, half, as_of_ms), half


@pytest.mark.parametrize(("index", "owned_s"), list(enumerate([150, 300, 450, 450, 150])))
def test_a_gap_counts_with_at_most_two_intervals(index, owned_s):
    marked = "".join("b" if i == index else "g" for i in range(5))
    spans = own(at(marked, [0, 300, 600, 1500, 1800], every_s=300), 1_800_000)
    assert sum(s.end - s.start for s in spans if s.bad == 1) == owned_s * 2000
    assert [(s.start, s.end) for s in spans if s.bad is None] == [(1_800_000, 2_400_000)]


def test_nothing_is_owned_before_birth_or_in_the_open_end():
    spans = own(series("gg", start_s=100), 219_999)
    assert spans == [Span(200_000, 320_000, 0)]


def test_a_missing_successor_becomes_unknown_after_two_intervals_exactly():
    seen = series("g", start_s=100)
    assert own(seen, 219_999) == []
    assert own(seen, 220_000) == [Span(200_000, 320_000, 0), Span(320_000, 440_000, None)]


def test_unknown_outcomes_own_their_time_as_unknown():
    assert own(series("gug"), 120_000) == [Span(0, 60_000, 0), Span(60_000, 180_000, None), Span(180_000, 240_000, 0)]


def test_the_interval_that_was_in_force_decides_how_far_an_outcome_reaches():
    sparse = [Point(at_ms=0, verdict=Verdict.GOOD, every_ms=300_000), Point(at_ms=300_000, verdict=Verdict.BAD, every_ms=60_000)]
    assert own(sparse, 300_000) == [Span(0, 300_000, 0), Span(300_000, 480_000, None), Span(480_000, 600_000, 1)]


def test_outcomes_after_the_instant_asked_for_are_not_seen():
    assert own(series("ggbb"), 60_000) == own(series("gg"), 60_000)


def test_a_quiet_month_is_one_span():
    assert len(own(series("g" * 1440), 86_400_000)) == 1


SPANS = points().map(lambda seen: own(seen, 80))


@some
@given(st.lists(SPANS, max_size=4), st.booleans())
def test_the_joint_state_follows_the_rule_at_each_instant(layers, is_any_bad):
    joined = join(layers, is_any_bad=is_any_bad)
    rule = any_bad if is_any_bad else share_of
    for half in range(170):
        present = [state for state in (state_at(layer, half) for layer in layers) if state != "none"]
        assert state_at(joined, half) == (rule(present) if present else "none")


@pytest.mark.parametrize(("shares", "joint"), [
    ([0, 0], 0), ([0, 1], 1), ([0, None], None), ([1, None], 1), ([None], None), ([0, Fraction(1, 3), None], Fraction(1, 3)),
])
def test_checks_together_are_bad_if_any_is_and_unknown_if_one_is(shares, joint):
    assert any_bad(shares) == joint


@pytest.mark.parametrize(("shares", "joint"), [
    ([0, 0], 0), ([0, 1], Fraction(1, 2)), ([0, None], 0), ([1, None], 1), ([None, None], None), ([1, 0, 0], Fraction(1, 3)), ([1, 1], 1),
])
def test_locations_together_are_bad_by_their_share(shares, joint):
    assert share_of(shares) == joint


RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


@some
@given(SPANS, st.integers(0, 60), st.integers(0, 80), RANGES)
def test_cutting_keeps_what_is_inside_and_in_no_hole(spans, start_ms, end_ms, holes):
    kept = cut(spans, start_ms, end_ms, holes)
    for half in range(200):
        is_kept = 2 * start_ms <= half < 2 * end_ms and not any(2 * low <= half < 2 * high for low, high in holes)
        assert state_at(kept, half) == (state_at(spans, half) if is_kept else "none")


@some
@given(RANGES)
def test_overlapping_exclusions_count_once(ranges):
    found = merged(ranges)
    assert [t for t in range(40) if is_in(t, found)] == [t for t in range(40) if is_in(t, ranges)]
    assert all(first[1] < second[0] for first, second in pairwise(found))


@some
@given(RANGES, st.integers(0, 20), st.integers(10, 35))
def test_what_is_outside_is_in_no_hole(holes, start, end):
    left = outside(holes, start, end)
    assert [t for t in range(40) if is_in(t, left)] == [t for t in range(start, end) if not is_in(t, holes)]


@some
@given(st.lists(RANGES, max_size=3))
def test_what_is_common_is_in_every_group(groups):
    found = common(groups, 2, 28)
    expected = [t for t in range(2, 28) if groups and all(is_in(t, group) for group in groups)]
    assert [t for t in range(40) if is_in(t, found)] == expected
