from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.model import Check
from slocheck.core.schedule import due, due_instant, next_instant, offset_ms, shard
from tests.core.series import some

NAMES = st.text("abcdef-", min_size=1, max_size=8)
EVERY = st.integers(1, 10**8)
NOW = st.integers(0, 4 * 10**12)


def check(name: str, every_ms: int = 60_000) -> Check:
    return Check(name=name, kind="endpoint", every=timedelta(milliseconds=every_ms), timeout=timedelta(seconds=1), options=None)


@some
@given(NAMES, EVERY, NOW)
def test_the_grid_never_drifts(name, every_ms, now_ms):
    instant = due_instant(name, every_ms, now_ms)
    assert instant <= now_ms < next_instant(name, every_ms, now_ms) == instant + every_ms
    assert (instant - offset_ms(name, every_ms)) % every_ms == 0
    assert due_instant(name, every_ms, instant) == instant


@some
@given(NAMES, EVERY)
def test_the_offset_is_at_most_a_tenth_of_the_interval(name, every_ms):
    assert 0 <= offset_ms(name, every_ms) <= every_ms // 10


def test_checks_of_one_interval_do_not_all_start_at_once():
    offsets = {offset_ms(f"check-{i}", 60_000) for i in range(100)}
    assert len(offsets) > 90


@some
@given(NAMES, EVERY, NOW)
def test_a_check_is_due_once_per_beat(name, every_ms, now_ms):
    one = check(name, every_ms)
    instant = due_instant(name, every_ms, now_ms)
    assert due([one], {}, now_ms) == {name: instant}
    assert due([one], {name: instant - every_ms}, now_ms) == {name: instant}
    assert due([one], {name: instant}, now_ms) == {}
    assert due([one], {name: instant}, instant + every_ms - 1) == {}
    assert due([one], {name: instant}, instant + every_ms) == {name: instant + every_ms}


def test_beats_that_were_missed_are_dropped_and_not_made_up_for():
    one, now_ms = check("home"), 10**12
    instant = due_instant("home", 60_000, now_ms)
    assert due([one], {"home": instant - 50 * 60_000}, now_ms) == {"home": instant}


def test_a_run_between_two_beats_takes_the_place_of_the_one_before():
    one, now_ms = check("home"), 10**12
    instant = due_instant("home", 60_000, now_ms)
    assert due([one], {"home": instant + 7}, instant + 8) == {}
    assert due([one], {"home": instant + 7}, instant + 60_000) == {"home": instant + 60_000}


@pytest.mark.parametrize(("ahead_ms", "is_due"), [(59_999, False), (60_000, False), (60_001, True), (10**10, True)])
def test_a_clock_that_was_set_back_does_not_silence_a_check(ahead_ms, is_due):
    now_ms = due_instant("home", 60_000, 10**12)
    assert ("home" in due([check("home")], {"home": now_ms + ahead_ms}, now_ms)) is is_due


def test_a_changed_interval_is_due_on_its_own_grid():
    before = due_instant("home", 60_000, 10**12)
    later = next_instant("home", 300_000, before)
    assert due([check("home", 300_000)], {"home": before}, later - 1) == {}
    assert due([check("home", 300_000)], {"home": before}, later) == {"home": later}


# --- shares of a suite ---

SUITE = [f"check-{i}" for i in range(600)]


def test_every_check_is_in_one_share_whatever_else_is_in_the_suite():
    assert [shard(name, 3) for name in SUITE[:50]] == [shard(name, 3) for name in SUITE][:50]
    assert {shard(name, 1) for name in SUITE} == {0}


@pytest.mark.parametrize("shards", [2, 3, 5])
def test_shares_are_about_equal(shards):
    sizes = Counter(shard(name, shards) for name in SUITE)
    assert set(sizes) == set(range(shards))
    assert min(sizes.values()) > 0.8 * len(SUITE) / shards


@pytest.mark.parametrize("shards", [2, 3, 5])
def test_one_more_share_moves_only_what_goes_to_it(shards):
    moved = [name for name in SUITE if shard(name, shards) != shard(name, shards + 1)]
    assert all(shard(name, shards + 1) == shards for name in moved)
    assert 0.5 < len(moved) * (shards + 1) / len(SUITE) < 1.5


def test_shares_and_offsets_are_the_same_on_every_machine():
    assert (shard("catalogue", 5), offset_ms("catalogue", 60_000)) == (3, 4119)
