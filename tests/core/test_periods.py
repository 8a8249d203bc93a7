from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.errors import UserError
from slocheck.core.model import Window
from slocheck.core.periods import (
    UNITS,
    Bounds,
    Trailing,
    calendar,
    find_zone,
    frame,
    framed,
    midnight_ms,
    parse_period,
    rolling,
)
from slocheck.core.units import instant, parse_instant, rfc3339
from tests.core.series import some

NOW = parse_instant("2026-11-24T22:15:30Z")  # a Tuesday
HOUR = 3_600_000


def edges(period) -> tuple[str, str]:
    return tuple(rfc3339(ms).removesuffix(":00.000Z") for ms in period)


@pytest.mark.parametrize(("text", "start", "end"), [
    ("today", "2026-11-24T00:00", "2026-11-25T00:00"),
    ("yesterday", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("this-week", "2026-11-23T00:00", "2026-11-30T00:00"),
    ("last-week", "2026-11-16T00:00", "2026-11-23T00:00"),
    ("this-month", "2026-11-01T00:00", "2026-12-01T00:00"),
    ("last-month", "2026-10-01T00:00", "2026-11-01T00:00"),
    ("this-quarter", "2026-10-01T00:00", "2027-01-01T00:00"),
    ("last-quarter", "2026-07-01T00:00", "2026-10-01T00:00"),
    ("this-year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ("last-year", "2025-01-01T00:00", "2026-01-01T00:00"),
    ("2026-10", "2026-10-01T00:00", "2026-11-01T00:00"),
    ("2024-02", "2024-02-01T00:00", "2024-03-01T00:00"),
    ("2025-12", "2025-12-01T00:00", "2026-01-01T00:00"),
    ("2026-W47", "2026-11-16T00:00", "2026-11-23T00:00"),
    ("2026-W01", "2025-12-29T00:00", "2026-01-05T00:00"),
    ("2026-11-22", "2026-11-22T00:00", "2026-11-23T00:00"),
    ("2026-Q3", "2026-07-01T00:00", "2026-10-01T00:00"),
    ("2025", "2025-01-01T00:00", "2026-01-01T00:00"),
    (" 2025 ", "2025-01-01T00:00", "2026-01-01T00:00"),
])
def test_a_period_is_what_a_calendar_says(text, start, end):
    assert edges(parse_period(text, NOW)) == (start, end)
    assert not isinstance(parse_period(text, NOW), Trailing)


@pytest.mark.parametrize(("text", "hours"), [("30d", 720), ("6h", 6), ("1w", 168), ("90m", 1.5)])
def test_a_duration_ends_now(text, hours):
    period = parse_period(text, NOW)
    assert period == (NOW - hours * HOUR, NOW)
    assert isinstance(period, Trailing)


@pytest.mark.parametrize(("text", "zone", "start"), [
    ("today", "America/New_York", "2026-11-24T05:00"), ("today", "Asia/Tokyo", "2026-11-24T15:00"),
    ("2026-03", "America/Sao_Paulo", "2026-03-01T03:00"), ("this-week", "Pacific/Auckland", "2026-11-22T11:00"),
])
def test_periods_begin_at_local_midnight(text, zone, start):
    assert edges(parse_period(text, NOW, zone))[0] == start


@pytest.mark.parametrize(("text", "message", "hint"), [
    ("lastmonth", "period lastmonth: no such period", "did you mean last-month?"),
    ("2026-13", "period 2026-13: no such period", "write one of 30d, 2026-10"),
    ("2026-02-30", "period 2026-02-30: no such period", "write one of"),
    ("2026-W60", "period 2026-W60: no such period", "write one of"),
    ("2026-Q5", "period 2026-Q5: no such period", "write one of"),
    ("30", "period 30: no such period", "write one of"),
    ("", "period : no such period", "write one of"),
    ("0d", "period 0d: no such period", "write one of"),
    ("999999999999w", "period 999999999999w: no such period", "write one of"),
    ("9999", "period 9999: no such period", "write one of"),
    ("٢٠٢٦", "period ٢٠٢٦: no such period", "write one of"),
    ("2027-01", "period 2027-01: it has not begun", "at least partly in the past"),
])
def test_what_is_no_period_is_refused_with_the_cure(text, message, hint):
    with pytest.raises(UserError, match=message) as caught:
        parse_period(text, NOW)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("zone", "hint"), [
    ("Europe/Berln", "did you mean Europe/Berlin?"), ("Europe", "IANA"), ("", "IANA"), ("../etc/passwd", "IANA"), ("a\0b", "IANA"),
])
def test_a_zone_that_is_none_is_refused_with_the_cure(zone, hint):
    with pytest.raises(UserError, match="is not a time zone") as caught:
        parse_period("today", NOW, zone)
    assert hint in caught.value.hint or "did you mean" in caught.value.hint


# --- days on which clocks are set ---


@pytest.mark.parametrize(("zone", "day", "hours"), [
    ("America/New_York", "2026-03-08", 23), ("America/New_York", "2026-11-01", 25), ("Europe/Berlin", "2026-03-29", 23),
    ("America/New_York", "2026-07-01", 24), ("Asia/Kolkata", "2026-03-29", 24), ("Australia/Lord_Howe", "2026-04-05", 24.5),
])
def test_a_day_has_as_many_hours_as_it_has(zone, day, hours):
    start, end = calendar("day", zone, parse_instant(f"{day}T12:00Z"))
    assert end - start == hours * HOUR


@pytest.mark.parametrize(("zone", "day", "begin"), [
    ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00.000Z"),  # 00:00 became 01:00
    ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00:00.000Z"),
    ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00.000Z"),  # 23:30 became 00:30
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z"),  # the whole day was left out
])
def test_a_day_whose_midnight_is_skipped_begins_with_the_first_instant_after(zone, day, begin):
    assert rfc3339(midnight_ms(date.fromisoformat(day), find_zone(zone))) == begin


def test_a_day_whose_midnight_comes_twice_begins_with_the_first():
    start = midnight_ms(date(2025, 11, 2), find_zone("America/Havana"))
    assert rfc3339(start) == "2025-11-02T04:00:00.000Z"
    assert instant(start + HOUR).astimezone(find_zone("America/Havana")).hour == 0


@pytest.mark.parametrize(("zone", "month", "hours"), [
    ("America/New_York", "2026-03", 743), ("America/New_York", "2026-11", 721), ("Asia/Kolkata", "2026-03", 744),
    ("UTC", "2026-02", 672), ("UTC", "2024-02", 696),
])
def test_a_month_has_its_real_length(zone, month, hours):
    found = frame(Window(duration=None, calendar="month", timezone=zone), parse_instant(f"{month}-14T00:00Z"))
    assert found.length_ms == hours * HOUR


ZONES = st.sampled_from(["UTC", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu"])


@some
@given(st.integers(0, 2 * 10**12), st.sampled_from(UNITS), ZONES)
def test_every_instant_is_in_one_period_and_the_next_begins_where_it_ends(now_ms, unit, zone):
    start, end = calendar(unit, zone, now_ms)
    assert start <= now_ms < end
    assert calendar(unit, zone, end).start_ms == end
    assert calendar(unit, zone, end, back=1) == (start, end)


# --- windows as of an instant ---


def test_a_rolling_window_leaves_its_start_out_and_takes_its_end_in():
    found = rolling(timedelta(minutes=5), 1_000_000)
    assert found.bounds == Bounds(700_000, 1_000_000, 700_001, 1_000_001)
    assert found.close_ms == 1_000_000


def test_a_calendar_period_takes_its_start_in_and_leaves_its_end_out():
    assert framed((100, 200), 300).bounds == Bounds(100, 200, 100, 200)
    assert framed((100, 200), 200).bounds == Bounds(100, 200, 100, 200)


def test_a_period_that_is_not_over_holds_the_outcome_of_now():
    found = framed((100, 200), 150)
    assert found.bounds == Bounds(100, 150, 100, 151)
    assert (found.length_ms, found.close_ms, found.is_over) == (100, 200, False)


def test_a_trailing_period_stays_a_rolling_window():
    found = framed(parse_period("5m", NOW), NOW)
    assert found == rolling(timedelta(minutes=5), NOW)


def test_a_window_is_rolling_or_of_a_calendar():
    assert frame(Window(duration=timedelta(days=7)), NOW) == rolling(timedelta(days=7), NOW)
    month = frame(Window(duration=None, calendar="month", timezone="America/New_York"), NOW)
    assert edges((month.start_ms, month.close_ms)) == ("2026-11-01T04:00", "2026-12-01T05:00")
    assert (month.end_ms, month.is_rolling) == (NOW, False)
