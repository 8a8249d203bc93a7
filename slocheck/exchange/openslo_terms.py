"""The words of OpenSLO v1 (https://github.com/OpenSLO/OpenSLO) and what they are here: durations, names, annotations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction

API_VERSION = "openslo/v1"
SOURCE = "slocheck"
"""`metricSource.type` of our indicators, and the name of the one notification target."""

PREFIX = "slocheck.dev/"
"""What the format has no place for stands in annotations under this prefix; `openslo.com/` is reserved for the format itself."""

CALENDAR = {"1d": "day", "1w": "week", "1M": "month", "1Q": "quarter", "1Y": "year"}
DURATIONS = {unit: duration for duration, unit in CALENDAR.items()}
PERIOD_START = "2024-01-01 00:00:00"
"""The local begin of a year, a quarter, a month and, being a Monday, of a week."""

METHODS = {"Occurrences": "occurrences", "Timeslices": "timeslices", "RatioTimeslices": "time_weighted"}
BUDGETING = {method: word for word, method in METHODS.items()}

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
NOMINAL = {"M": timedelta(days=30), "Q": timedelta(days=90), "Y": timedelta(days=365)}
"""Lengths of what has none; a rolling window of a month is one of 30 days."""

_LONGEST_NAME = 63
_SIGNIFICANT = 12
_MINUTE = timedelta(minutes=1)


def parse_duration(text: str) -> tuple[int, str]:
    """`30d` -> (30, "d"). The units are m(inutes) h d w M(onths) Q Y, and case matters. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,6})([mhdwMQY])", text)
    if found is None or not int(found[1]):
        raise ValueError(f"{text[:40]} is not a duration of OpenSLO; write 5m, 1h, 30d or 4w, or M, Q and Y for months, quarters and years")
    return int(found[1]), found[2]


def length(number: int, unit: str) -> timedelta:
    return number * (_UNITS.get(unit) or NOMINAL[unit])


def shorthand(value: timedelta) -> tuple[str, bool]:
    """(`30d`, `6h` or `90m`, whether that is exact): the format knows no seconds, so they are rounded up to a minute."""
    minutes = -(-value // _MINUTE)
    whole = next((f"{minutes // size}{unit}" for unit, size in (("d", 1440), ("h", 60)) if minutes % size == 0), f"{minutes}m")
    return whole, minutes * _MINUTE == value


def number_text(value: Fraction) -> tuple[str, bool]:
    """(the number in at most twelve significant digits, whether that is exact)."""
    from decimal import ROUND_HALF_EVEN, Context, Decimal

    context = Context(prec=_SIGNIFICANT, rounding=ROUND_HALF_EVEN)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text, Fraction(text) == value


def named(text: str, taken: Iterable[str] = (), suffix: str = "") -> str:
    """A name by RFC 1123: at most 63 of a-z, 0-9 and -, none at its ends; the first of name, name-2, … that is not taken."""
    used = set(taken)
    base = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
    for number in range(1, len(used) + 2):
        tail = suffix + (f"-{number}" if number > 1 else "")
        made = base[: _LONGEST_NAME - len(tail)].rstrip("-") + tail
        if made not in used:
            return made
    raise AssertionError("one of n + 1 names is free of n")
