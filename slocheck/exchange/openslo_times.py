"""The window of an SLO: rolling, or a calendar's period, and where that starts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from slocheck.core.errors import UserError
from slocheck.core.periods import find_zone
from slocheck.core.units import duration_text, parse_duration, told
from slocheck.exchange.openslo_fields import Field, optional, refined
from slocheck.exchange.openslo_terms import CALENDAR, NOMINAL, length
from slocheck.exchange.openslo_terms import parse_duration as parse_shorthand

Own = Mapping[str, Field]
"""An object's own annotations by their names without the prefix."""

_LEAST_PROBES = 10
_USUAL_WINDOW = "30d"
_USUAL_EVERY = timedelta(minutes=1)
_FIRST_MONTHS = {"quarter": (1, 4, 7, 10), "year": (1,)}


def read(spec: Field, own: Own, every: timedelta | None) -> Any:
    """The one `timeWindow` of an SLO's spec as a suite writes it: `30d`, or {calendar, timezone}.

    `own` are its annotations, `every` how often its checks come, where that is known.
    """
    windows = optional(spec, "timeWindow")
    entries = windows.items() if windows is not None else []
    if len(entries) == 1:
        return _one_window(entries[0], own, every)
    if entries:
        (windows or spec).refuse(f"holds {len(entries)} windows; an SLO has one")
    else:
        (windows or spec).note(f"no timeWindow: {_USUAL_WINDOW} is written")
    return _USUAL_WINDOW


def _one_window(found: Field, own: Own, every: timedelta | None) -> Any:
    calendar, duration, rolling = optional(found, "calendar"), found.get("duration"), found.get("isRolling")
    is_rolling = calendar is None if rolling is None else rolling.take() is True
    if rolling is not None and not isinstance(rolling.value, bool):
        rolling.refuse(f"{told(rolling.value)} is not true or false")
    try:
        number, unit = parse_shorthand(text := duration.text() if duration is not None else "")
    except ValueError as error:
        (duration or found).refuse(str(error) if duration is not None else f"duration is missing; write {_USUAL_WINDOW}")
        return _USUAL_WINDOW
    assert duration is not None, "an absent one is no duration"
    if not is_rolling:
        return _calendar(duration, text, calendar)
    if calendar is not None:
        calendar.ignore("the window is rolling")
    return _rolling(duration, number, unit, own.get("window"), _LEAST_PROBES * (every or _USUAL_EVERY))


def _rolling(duration: Field, number: int, unit: str, annotation: Field | None, least: timedelta) -> str:
    whole = length(number, unit)
    text = refined(annotation, whole) or f"{number}{unit}"
    if unit in NOMINAL:
        text = duration_text(whole)
        duration.note(f"a rolling window has a length: {number}{unit} is read as {text}")
    elif parse_duration(text) < least:
        duration.refuse(_too_short(number, unit, f"{_LEAST_PROBES} probes need {duration_text(least)}"))
    return text


def _calendar(duration: Field, text: str, calendar: Field | None) -> dict[str, str]:
    unit = CALENDAR.get(text)
    if unit is None:
        number, letter = parse_shorthand(text)
        cure = f"calendar windows are {' '.join(CALENDAR)}"
        duration.refuse(_too_short(number, letter, cure) if letter == "m" else f"{text} is no calendar window; {cure}")
    start = calendar.get("startTime") if calendar is not None else None
    zone = calendar.get("timeZone") if calendar is not None else None
    if start is not None and unit is not None:
        _start(start, unit)
    if zone is None:
        (calendar or duration).note("no timeZone: UTC is written")
    return {"calendar": unit or "month", "timezone": _zone(zone) if zone is not None else "UTC"}


def _too_short(number: int, unit: str, cure: str) -> str:
    word = {"m": "minute", "h": "hour", "d": "day", "w": "week"}[unit]
    meant = f"; did you mean {number}M?" if unit == "m" else ""
    count = "one" if number == 1 else str(number)
    return f"{number}{unit} is {count} {word}{'' if number == 1 else 's'}{meant or '; ' + cure}"


def _start(found: Field, unit: str) -> None:
    """Takes a start that is the begin of a period, as every period's is; another one is listed."""
    problem = start_problem(found.take(), unit)
    if problem:
        found.book.taken.discard(found.key)
        found.ignore(problem)


def _zone(found: Field) -> str:
    name = found.text()
    try:
        find_zone(name)
    except UserError as error:
        found.refuse(f"{error}" + (f"; {error.hint}" if error.hint else ""))
    return name


def start_problem(value: Any, unit: str) -> str:
    """Why a `startTime` cannot be followed; "" where it is the local begin of a day, week, month, quarter or year."""
    try:
        start = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return "is not a time such as 2024-01-01 00:00:00; periods start at local midnight"
    if start.tzinfo is not None:
        return "has a zone, which belongs into timeZone; periods start at local midnight"
    if start.hour or start.minute or start.second or start.microsecond:
        return f"is not midnight; every {unit} starts at local midnight"
    if unit == "week" and start.weekday():
        return "is not a Monday; weeks start on Monday"
    if unit in ("month", "quarter", "year") and (start.day != 1 or start.month not in _FIRST_MONTHS.get(unit, range(1, 13))):
        return f"is not the first day of a {unit}; every {unit} starts on its first day"
    return ""
