"""Which stretch of time is meant: rolling windows, calendar windows in a time zone, and the periods that people ask for.

Only calendar windows know a zone. A day lasts from local midnight to local midnight, so it has 23, 24 or 25 hours where
clocks are set; where midnight is skipped it begins with the first instant after, where it comes twice with the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from slocheck.core.errors import UserError
from slocheck.core.frozen import frozen
from slocheck.core.model import Window
from slocheck.core.units import instant, parse_duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo  # read where a zone is named: rolling windows need none, and most suites are rolling

UNITS = ("day", "week", "month", "quarter", "year")
FORMS = "30d, 2026-10, 2026-W47, 2026-11-22, 2026-Q4, 2026, today, yesterday, this-week, last-month, last-quarter"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Bounds(NamedTuple):
    """What belongs to a window: time from `start_ms` to `end_ms`, outcomes with first_ms <= at < until_ms."""

    start_ms: int
    end_ms: int
    first_ms: int
    until_ms: int


@frozen
class Frame:
    """A window as of an instant. Rolling ones are (start, end]; calendar periods are [start, end).

    `end_ms` is what has passed of it, `length_ms` its whole length: a month that is not over is longer than what passed.
    """

    start_ms: int
    end_ms: int
    length_ms: int
    is_rolling: bool
    is_over: bool

    @property
    def bounds(self) -> Bounds:
        if self.is_rolling:
            return Bounds(self.start_ms, self.end_ms, self.start_ms + 1, self.end_ms + 1)
        return Bounds(self.start_ms, self.end_ms, self.start_ms, self.end_ms if self.is_over else self.end_ms + 1)

    @property
    def close_ms(self) -> int:
        """Where it ends, perhaps in the future."""
        return self.start_ms + self.length_ms


class Period(NamedTuple):
    """[start_ms, end_ms), perhaps not over yet."""

    start_ms: int
    end_ms: int


class Trailing(Period):
    """(start_ms, end_ms] that ends now: a rolling window."""

    __slots__ = ()


def rolling(duration: timedelta, now_ms: int) -> Frame:
    """The window of that exact length which ends now."""
    length_ms = duration // _MS
    return Frame(start_ms=now_ms - length_ms, end_ms=now_ms, length_ms=length_ms, is_rolling=True, is_over=True)


def framed(period: tuple[int, int], now_ms: int) -> Frame:
    """A period as of now; a `Trailing` one stays a rolling window."""
    start_ms, end_ms = period
    return Frame(
        start_ms=start_ms, end_ms=max(start_ms, min(end_ms, now_ms)), length_ms=end_ms - start_ms,
        is_rolling=isinstance(period, Trailing), is_over=end_ms <= now_ms,
    )


def frame(window: Window, now_ms: int) -> Frame:
    """An SLO's window as of now: the rolling one, or the calendar period that holds now. Raises UserError (no such zone)."""
    if window.duration is not None:
        return rolling(window.duration, now_ms)
    return framed(calendar(window.calendar, window.timezone, now_ms), now_ms)


def calendar(unit: str, timezone: str, now_ms: int, back: int = 0) -> Period:
    """The day, week (from Monday), month, quarter or year that holds `now_ms`, or the one that lies `back` of them before."""
    zone = find_zone(timezone)
    first = _first(unit, instant(now_ms).astimezone(zone).date())
    for _ in range(back):
        first = _first(unit, first - timedelta(days=1))
    return _period(unit, first, zone)


def find_zone(name: str) -> ZoneInfo:
    """The IANA time zone. Raises UserError with the nearest name."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name is a folder, as "Europe" is
        hint = _nearest(name, available_timezones()) or "write an IANA name, for example Europe/Berlin"
        raise UserError(f"timezone: {name} is not a time zone", hint=hint) from None


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local day."""
    local = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the wall clock, to be placed in the zone
    early, late = (_ms(local.replace(tzinfo=zone, fold=fold)) for fold in (1, 0))
    if late <= early:  # usual, or midnight comes twice: the first counts
        return late
    while late - early > 1:  # skipped: `early` is still the day before, `late` is not
        middle = (early + late) // 2
        is_before = instant(middle).astimezone(zone).replace(tzinfo=None) < local
        early, late = (middle, late) if is_before else (early, middle)
    return late


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


def _first(unit: str, day: date) -> date:
    """The first day of the unit that holds `day`."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


_DAYS_INTO_NEXT = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def _period(unit: str, first: date, zone: ZoneInfo) -> Period:
    following = _first(unit, first + timedelta(days=_DAYS_INTO_NEXT[unit]))
    return Period(midnight_ms(first, zone), midnight_ms(following, zone))


# --- what people ask for -------------------------------------------------------------------------------------------

_WRITTEN: tuple[tuple[str, str, Callable[[re.Match[str]], date]], ...] = (
    (r"(\d{4})", "year", lambda m: date(int(m[1]), 1, 1)),
    (r"(\d{4})-Q([1-4])", "quarter", lambda m: date(int(m[1]), 3 * int(m[2]) - 2, 1)),
    (r"(\d{4})-(\d{2})", "month", lambda m: date(int(m[1]), int(m[2]), 1)),
    (r"(\d{4})-W(\d{2})", "week", lambda m: date.fromisocalendar(int(m[1]), int(m[2]), 1)),
    (r"(\d{4})-(\d{2})-(\d{2})", "day", lambda m: date(int(m[1]), int(m[2]), int(m[3]))),
)
_NAMED = {"today": ("day", 0), "yesterday": ("day", 1)} | {
    f"{word}-{unit}": (unit, back) for unit in UNITS[1:] for word, back in (("this", 0), ("last", 1))
}


def parse_period(text: str, now_ms: int, timezone: str = "UTC") -> Period:
    """`30d`, `2026-10`, `last-week` … as (start_ms, end_ms); calendar ones in `timezone`. A duration is `Trailing`.

    A period that is not over ends in the future. Raises UserError for what is no period, or has not begun.
    """
    period = _parsed(text.strip(), now_ms, timezone)
    if period.start_ms > now_ms:
        raise UserError(f"period {text}: it has not begun", hint="ask for one that lies at least partly in the past")
    return period


def _parsed(text: str, now_ms: int, timezone: str) -> Period:
    if text in _NAMED:
        unit, back = _NAMED[text]
        return calendar(unit, timezone, now_ms, back)
    zone = find_zone(timezone)
    try:
        for pattern, unit, read in _WRITTEN:
            if match := re.fullmatch(pattern, text, re.ASCII):
                return _period(unit, read(match), zone)
        start_ms = now_ms - parse_duration(text) // _MS
        instant(start_ms)
        return Trailing(start_ms, now_ms)
    except (ValueError, OverflowError):
        raise UserError(f"period {text}: no such period", hint=_nearest(text, _NAMED) or f"write one of {FORMS}") from None


def _nearest(text: str, names: Iterable[str]) -> str:
    """`did you mean …?`; empty where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(text, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""
