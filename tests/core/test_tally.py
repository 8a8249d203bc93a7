from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.model import Method
from slocheck.core.owned import Span
from slocheck.core.periods import Bounds
from slocheck.core.tally import Tally, Timeline, aligned, excluded_s, lead_ms, tally_of, text_of, total
from tests.core.series import HOME, at, points, series, slo, some, trailing, within

SLICED = {"method": Method.TIMESLICES, "slice": timedelta(milliseconds=7)}
METHODS = [{}, SLICED, {"method": Method.OCCURRENCES}]
PAIRS = [("a", "eu"), ("a", "us"), ("b", "eu")]
SERIES = st.fixed_dictionaries({key: points() for key in PAIRS})
HOLES = st.fixed_dictionaries({name: st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=2) for name in "ab"})


def tally(declared, of, bounds, as_of_ms, excluded=None):
    bounds = aligned(declared, bounds)
    return Timeline(declared, of, min(bounds.start_ms, bounds.first_ms), max(bounds.end_ms, bounds.until_ms), as_of_ms, excluded).tally(bounds)


@some
@given(SERIES, st.lists(st.integers(0, 90), min_size=3, max_size=3), st.sampled_from(METHODS), HOLES)
def test_splitting_a_window_never_changes_a_sum(of, cuts, method, holes):
    start, middle, end = sorted(cuts)
    declared = slo("a", "b", **method)
    parts = [tally(declared, of, within(*edges), 95, holes) for edges in ((start, middle), (middle, end))]
    assert total(parts) == tally(declared, of, within(start, end), 95, holes)


@some
@given(SERIES, st.integers(0, 90), st.integers(1, 90), st.sampled_from(METHODS), HOLES)
def test_a_timeline_of_the_whole_gives_what_one_of_the_part_gives(of, start, length, method, holes):
    declared = slo("a", "b", **method)
    bounds = aligned(declared, within(start, start + length))
    whole = Timeline(declared, of, 0, 210, 95, holes).tally(bounds)
    assert whole == Timeline(declared, of, bounds.start_ms, bounds.end_ms, 95, holes).tally(bounds)


@some
@given(SERIES, st.sampled_from(METHODS), HOLES, st.integers(0, 90))
def test_a_tally_comes_back_from_its_text(of, method, holes, start):
    found = tally(slo("a", "b", **method), of, within(start, start + 30), 95, holes)
    assert tally_of(text_of(found, start), start) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1,2,3]", '["1/0",0,0,0,0,[]]', "[0,0,0,0,0,[[1]]]", '["x",0,0,0,0,[]]', "null"])
def test_a_text_that_is_no_tally_is_refused(text):
    with pytest.raises(ValueError, match="no tally"):
        tally_of(text, 0)


def test_quiet_hours_have_one_text():
    texts = {
        text_of(tally(slo(), {HOME: series("g" * 240)}, within(h, h + 3_600_000), 99_000_000), h)
        for h in (3_600_000, 7_200_000)
    }
    assert texts == {"[7200000,0,7200000,60,0,[]]"}


@pytest.mark.parametrize("method", [{}, {"method": Method.OCCURRENCES}])
def test_unknown_outcomes_are_not_counted(method):
    found = tally(slo(**method), {HOME: series("gubu")}, within(0, 240_000), 180_000)
    assert (found.n, found.failed) == (2, 1)


# --- the edges ---


@pytest.mark.parametrize(("offset_ms", "n"), [(-1, 6), (0, 5), (1, 5)])
def test_a_rolling_window_holds_what_lies_at_its_end_and_not_what_lies_at_its_start(offset_ms, n):
    start_ms = 300_000 + offset_ms
    assert tally(slo(), {HOME: series("g" * 20)}, Bounds(start_ms, 600_000, start_ms + 1, 600_001), 10**7).n == n
    assert tally(slo(), {HOME: series("g" * 20)}, trailing(300, 600 + offset_ms / 1000).bounds, 10**7).n == 5


@pytest.mark.parametrize(("start_ms", "end_ms", "n"), [
    (300_000, 600_000, 5), (300_001, 600_000, 4), (300_000, 600_001, 6), (299_999, 600_000, 5), (300_000, 599_999, 5),
])
def test_a_calendar_period_holds_what_lies_at_its_start_and_not_what_lies_at_its_end(start_ms, end_ms, n):
    assert tally(slo(), {HOME: series("g" * 20)}, within(start_ms, end_ms), 10**7).n == n


@some
@given(SERIES, st.integers(0, 60), st.integers(1, 40), HOLES)
def test_time_since_birth_is_good_bad_unknown_or_excluded(of, start, length, holes):
    of = {("a", "eu"): of["a", "eu"]}
    seen = of["a", "eu"]
    found = tally(slo("a"), of, within(start, start + length), 95, holes)
    newest = seen[-1] if seen else None
    end = 95 if newest and 95 - newest.at_ms >= 2 * newest.every_ms else newest.at_ms if newest else 0
    low, high = max(start, seen[0].at_ms) if seen else 0, min(start + length, end)
    lived_s = Fraction(max(0, high - low), 1000)
    out_s = excluded_s(holes, ["a"], low, high) if low < high else 0
    assert found.good_s + found.bad_s + found.unknown_s + out_s == lived_s


@some
@given(points(), st.integers(1, 60), st.integers(1, 9))
def test_an_unknown_outcome_between_others_never_raises_what_is_good_or_bad(seen, when, every):
    # before the first one it would be a new birth, behind the newest one it would close the open end
    if not seen or not seen[0].at_ms < when < seen[-1].at_ms:
        return
    added = sorted([*seen, *at("u", [when / 1000], every_s=every / 1000)], key=lambda p: p.at_ms)
    bounds = within(0, seen[-1].at_ms)
    before, after = (tally(slo(), {HOME: some}, bounds, seen[-1].at_ms) for some in (seen, added))
    assert after.good <= before.good
    assert after.bad <= before.bad
    assert after.elapsed == before.elapsed


@some
@given(points())
def test_asking_twice_at_once_changes_no_time(seen):
    twice = [p for point in seen for p in (point, point)]
    once = tally(slo(), {HOME: seen}, within(0, 90), 95)
    again = tally(slo(), {HOME: twice}, within(0, 90), 95)
    if len({p.at_ms for p in seen}) == len(seen):
        assert (again.good, again.bad, again.elapsed) == (once.good, once.bad, once.elapsed)


# --- several checks and locations ---


def test_checks_that_fail_at_different_times_add_up():
    rows = ["ggggbggggg", "ggggggggbg", "ggbbgggggg"]
    of = {(f"c{i}", "local"): series(row + "g", start_s=-30) for i, row in enumerate(rows)}
    found = tally(slo("c0", "c1", "c2"), of, within(0, 540_000), 10**6)
    assert found.bad_s == 4 * 60
    assert found.good_s + found.bad_s == 540


def test_one_of_three_locations_down_is_a_third_of_the_time():
    of = {("a", where): series(row) for where, row in (("eu", "gbg"), ("us", "ggg"), ("ap", "ggg"))}
    found = tally(slo("a"), of, within(0, 120_000), 10**6)
    assert (found.bad_s, found.n, found.failed) == (Fraction(60, 3), 6, 1)


def test_a_location_that_is_silent_does_not_dilute_the_others():
    of = {("a", "eu"): series("gb" + "b" * 8), ("a", "us"): series("g")}
    found = tally(slo("a"), of, within(180_000, 480_000), 540_000)
    assert found.bad_s == 300


# --- exclusions ---


def test_what_is_excluded_is_neither_good_nor_bad_nor_unknown():
    of = {("a", "local"): series("gggbbbggg")}
    found = tally(slo("a"), of, within(0, 480_000), 480_000, {"a": [(150_000, 330_000)]})
    assert (found.good_s, found.bad_s, found.unknown_s, found.n, found.failed) == (300, 0, 0, 5, 0)


def test_an_excluded_check_steps_aside_and_the_others_go_on():
    of = {("a", "local"): series("bbbbb"), ("b", "local"): series("ggggg")}
    found = tally(slo("a", "b"), of, within(0, 240_000), 240_000, {"a": [(0, 240_001)]})
    assert (found.good_s, found.bad_s, found.n, found.failed) == (240, 0, 4, 0)
    assert excluded_s({"a": [(0, 240_000)]}, ["a", "b"], 0, 240_000) == 0
    assert excluded_s({"a": [(0, 240_000)], "b": [(60_000, 90_000)]}, ["a", "b"], 0, 240_000) == 30


def test_an_exclusion_holds_what_lies_at_its_start_and_not_what_lies_at_its_end():
    of = {("a", "local"): series("ggggg")}
    assert tally(slo("a"), of, within(0, 300_000), 240_000, {"a": [(60_000, 120_000)]}).n == 4


# --- slices ---

FIVE = {"method": Method.TIMESLICES, "slice": timedelta(minutes=5)}


def sliced(text, as_of_s=10**6, until_s=3600, excluded=None, **more):
    declared = slo(**{**FIVE, **more})
    return tally(declared, {HOME: series(text)}, within(0, until_s * 1000), as_of_s * 1000, excluded)


def test_one_bad_outcome_spoils_a_slice():
    found = sliced("ggggg" "gbggg" "ggggg" "uuuuu" "ggggg", until_s=1500)
    assert (found.good_s, found.bad_s, found.unknown_s, found.n, found.failed) == (900, 300, 300, 4, 1)


def test_a_slice_is_good_where_its_share_reaches_the_target_exactly():
    assert sliced("gbggg", until_s=300, slice_target=Fraction(4, 5)).failed == 0
    assert sliced("gbggg", until_s=300, slice_target=Fraction(81, 100)).failed == 1


def test_a_slice_belongs_to_the_window_that_holds_its_start():
    frame = trailing(600, 900)
    found = tally(slo(**FIVE), {HOME: series("b" * 5 + "g" * 15)}, frame.bounds, 10**9)
    assert (found.n, found.failed) == (2, 0), "(300, 900] holds the starts 600 and 900"
    earlier = tally(slo(**FIVE), {HOME: series("b" * 5 + "g" * 15)}, Bounds(-1, 300_000, 0, 300_001), 10**9)
    assert (earlier.n, earlier.failed) == (2, 1)


def test_an_open_slice_counts_only_once_it_cannot_be_saved():
    assert sliced("gg", as_of_s=100, until_s=300).n == 0
    assert (sliced("gb", as_of_s=100, until_s=300).n, sliced("gb", as_of_s=100, until_s=300).failed) == (1, 1)
    half = {"slice_target": Fraction(1, 2)}
    assert sliced("bb", as_of_s=119, until_s=300, **half).n == 0, "three good ones may still come"
    assert sliced("bbb", as_of_s=120, until_s=300, **half).failed == 1, "two good ones are too few"
    assert sliced("bbggg", as_of_s=300, until_s=300, **half).failed == 0


def test_slices_before_birth_are_nobodys():
    found = tally(slo(**FIVE), {HOME: series("g" * 10, start_s=700)}, within(0, 1_200_000), 10**9)
    assert (found.good_s, found.unknown_s) == (600, 0)


def test_a_slice_wholly_excluded_is_not_there_and_one_partly_is_judged_by_the_rest():
    found = sliced("ggggg" "bbbbb" "bbggg", until_s=900, excluded={"home": [(300_000, 720_000)]})
    assert (found.good_s, found.bad_s, found.unknown_s) == (600, 0, 0)


def test_a_slice_is_bad_if_it_is_bad_for_any_check_and_counts_once():
    of = {("a", "local"): series("ggggg" "ggggg"), ("b", "local"): series("ggggg" "bgggg")}
    found = tally(slo("a", "b", **FIVE), of, within(0, 600_000), 10**9)
    assert (found.good_s, found.bad_s, found.n, found.failed) == (300, 300, 2, 1)


def test_slices_longer_than_an_hour_are_read_from_before_it():
    declared = slo(method=Method.TIMESLICES, slice=timedelta(hours=6))
    assert lead_ms(declared) == 6 * 3_600_000
    of = {HOME: series("b" + "g" * 400)}
    hour = within(5 * 3_600_000, 6 * 3_600_000)  # the slice's last hour
    assert Timeline(declared, of, *hour[:2], 10**9).tally(hour).failed == 1


# --- occurrences ---

COUNTED = {"method": Method.OCCURRENCES}


def test_occurrences_are_worth_their_interval_wherever_they_lie():
    of = {HOME: at("ggbg", [0, 10, 20, 200], every_s=60)}
    found = tally(slo(**COUNTED), of, within(0, 200_001), 200_000)
    assert (found.good_s, found.bad_s, found.n, found.failed) == (180, 60, 4, 1)


def test_pooled_occurrences_share_the_time():
    of = {("a", "local"): series("ggggb"), ("b", "local"): series("ggggg")}
    found = tally(slo("a", "b", **COUNTED), of, within(0, 300_000), 10**6)
    assert (found.good_s, found.bad_s) == (270, 30)
    assert Fraction(found.failed, found.n) == Fraction(found.bad) / (found.good + found.bad)


def test_neighbouring_bad_stretches_become_one():
    first, second = (Tally(bad=4, stretches=(Span(*edges, 1),)) for edges in ((0, 4), (4, 8)))
    assert total([first, second]).stretches == (Span(0, 8, 1),)
    assert total([first, Tally(stretches=(Span(4, 8, Fraction(1, 2)),))]).stretches == (Span(0, 4, 1), Span(4, 8, Fraction(1, 2)))
