"""Durations, sizes, instants and percentages: text to exact values and back.

What is accepted is small on purpose: `30 sec` or `1:30` are refused, because two readers of one file must agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?(B|KB|MB|GB)?$"
PERCENT_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*%$"

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT_BYTES = {"": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_LONGEST = 40  # characters: what is longer is no figure, and Python refuses to read its digits


def parse_duration(value: Any) -> timedelta:
    """`250ms 30s 5m 2h 14d 4w`; whole milliseconds. A timedelta passes. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if _is_number(value):
        raise ValueError(f"{value} has no unit; write {value}s or {value}ms")
    match = _match(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)", value)
    if match is None:
        raise ValueError(f"{told(value)} is not a duration; write 250ms, 30s, 5m, 2h, 14d or 4w")
    exact = (int(match[1]) if match[1].isdigit() else Fraction(match[1])) * _UNIT_MS[match[2]]
    if exact.denominator != 1 or exact <= 0:
        raise ValueError(f"{value} is not a duration of at least one whole millisecond")
    try:
        return timedelta(milliseconds=int(exact))
    except OverflowError:
        raise ValueError(f"{value} is too long for a duration") from None


def parse_size(value: Any) -> int:
    """`64KB 1MB` (powers of 1000) or a number of bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return int(value)
    match = _match(r"([0-9]+(?:\.[0-9]+)?)(B|KB|MB|GB)?", value)
    if match is None:
        raise ValueError(f"{told(value)} is not a size; write 64KB or 1MB")
    exact = Fraction(match[1]) * _UNIT_BYTES[match[2] or ""]
    if exact.denominator != 1:
        raise ValueError(f"{value} is not a whole number of bytes")
    return int(exact)


def parse_text(value: Any) -> str:
    """A YAML scalar where text is wanted: numbers keep the digits that were typed. Raises ValueError."""
    if value is None:
        raise ValueError("is empty; write text")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        cure = f'; write "{told(value)}" in quotes' if isinstance(value, bool) else ""
        raise ValueError(f"{told(value)} is not text{cure}")  # noqa: TRY004 - pydantic collects ValueError only
    return str(value)


def parse_percent(value: Any) -> Fraction:
    """`99.9%` as an exact share of one: Fraction(999, 1000). Raises ValueError for anything but a percentage in text."""
    match = _match(r"([0-9]+(?:\.[0-9]+)?)\s*%", value)
    if match is not None:
        return Fraction(match[1]) / 100
    if _is_number(value) or _match(r"[0-9]+(?:\.[0-9]+)?", value) is not None:
        raise ValueError(f"{value} is a number; write a percentage as text: 99.9%")
    raise ValueError(f"{told(value)} is not a percentage; write 99.9%")


def told(value: Any) -> str:
    """The value as an error names it: scalars as they are written in YAML, the rest by what it is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = str(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _match(pattern: str, value: Any) -> re.Match[str] | None:
    return re.fullmatch(pattern, value) if isinstance(value, str) and len(value) <= _LONGEST else None


def parse_instant(value: Any) -> int:
    """RFC 3339 with a zone, seconds optional (`2026-12-01T02:00Z`) -> milliseconds since 1970 UTC. Raises ValueError."""
    text = told(value).strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not a time; write 2026-12-01T02:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("has no zone; write 2026-12-01T02:00Z")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def instant(ms: int) -> datetime:
    """Milliseconds since 1970 UTC -> aware datetime in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def rfc3339(ms: int) -> str:
    """`2026-11-22T10:00:00.012Z`: UTC, always three decimals."""
    moment = instant(ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def duration_text(value: timedelta) -> str:
    """The shortest form that `parse_duration` reads back: 90 s -> `90s`, 3600 s -> `1h`, 14 d -> `14d` (weeks stay days)."""
    ms = value // timedelta(milliseconds=1)
    for unit in ("d", "h", "m", "s"):
        if ms >= _UNIT_MS[unit] and ms % _UNIT_MS[unit] == 0:
            return f"{ms // _UNIT_MS[unit]}{unit}"
    return f"{ms}ms"


def decimal_text(value: Fraction, places: int = 2) -> str:
    """The number as a decimal, exact where it has one, else cut off (never rounded up) after `places`: 14.4, 10, 14.28."""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    while denominator == 1 and (value * 10**places).denominator != 1:
        places += 1
    scaled = abs(value.numerator) * 10**places // value.denominator
    whole, rest = divmod(scaled, 10**places)
    digits = f"{rest:0{places}d}".rstrip("0") if places else ""
    return ("-" if value < 0 else "") + str(whole) + (f".{digits}" if digits else "")


def floored(value: Fraction, digits: int) -> str:
    """Towards minus infinity: -28.3 -> "-29"."""
    return _decimal(math.floor(value * 10**digits), digits)


def raised(value: Fraction, digits: int) -> str:
    """Towards plus infinity."""
    return _decimal(math.ceil(value * 10**digits), digits)


def _decimal(scaled: int, digits: int) -> str:
    sign, number = "-" if scaled < 0 else "", str(abs(scaled)).rjust(digits + 1, "0")
    return f"{sign}{number[:-digits]}.{number[-digits:]}" if digits else sign + number
