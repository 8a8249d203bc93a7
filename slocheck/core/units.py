"""Durations, sizes, instants and percentages: text to exact values and back.

What is accepted is small on purpose: `30 sec` or `1:30` are refused, because two readers of one file must agree.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

DURATION_PATTERN = r"^\d+(\.\d+)?(ms|s|m|h|d|w)$"
SIZE_PATTERN = r"^\d+(\.\d+)?(B|KB|MB|GB)?$"

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT_BYTES = {"": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}


def parse_duration(value: Any) -> timedelta:
    """`250ms 30s 5m 2h 14d 4w`; whole milliseconds. A timedelta passes. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value} is not a duration; write 250ms, 30s, 5m, 2h, 14d or 4w")
    exact = Fraction(match[1]) * _UNIT_MS[match[2]]
    if exact.denominator != 1 or exact <= 0:
        raise ValueError(f"{value} is not a duration of at least one whole millisecond")
    try:
        return timedelta(milliseconds=int(exact))
    except OverflowError:
        raise ValueError(f"{value} is too long for a duration") from None


def parse_size(value: Any) -> int:
    """`64KB 1MB` (powers of 1000) or a number of bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(B|KB|MB|GB)?", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value} is not a size; write 64KB or 1MB")
    exact = Fraction(match[1]) * _UNIT_BYTES[match[2] or ""]
    if exact.denominator != 1:
        raise ValueError(f"{value} is not a whole number of bytes")
    return int(exact)


def parse_text(value: Any) -> str:
    """A YAML scalar where text is wanted: numbers keep the digits that were typed. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{type(value).__name__} is not text")  # noqa: TRY004 - pydantic collects ValueError only
    return str(value)


def parse_percent(value: Any) -> Fraction:
    """`99.9%` as an exact share of one: Fraction(999, 1000). Raises ValueError for anything but a percentage in text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value} is a number; write a percentage as text: 99.9%")
    return Fraction(match[1]) / 100


def parse_instant(value: Any) -> int:
    """RFC 3339 with a zone, seconds optional (`2026-12-01T02:00Z`) -> milliseconds since 1970 UTC. Raises ValueError."""
    text = str(value).strip()
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
