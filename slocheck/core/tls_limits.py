"""How long certificates may last, when their end is near, and which roots browsers no longer trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.units import parse_duration, parse_percent, told

DAY_S = 86_400


@frozen
class Margin:
    """How near an end is too near: of a duration and a share of the lifetime the one that leaves less time counts."""

    durations: tuple[timedelta, ...] = ()
    shares: tuple[Fraction, ...] = ()

    def seconds(self, lifetime_s: int) -> float:
        """For a certificate of that lifetime; 0 where nothing is given. Whole numbers of seconds are exact."""
        given = [d / timedelta(seconds=1) for d in self.durations]
        return min([*given, *(share.numerator * lifetime_s / share.denominator for share in self.shares)], default=0.0)


def parse_margin(value: Any) -> Margin:
    """`21d`, `25%` or a list of such. Raises ValueError."""
    if isinstance(value, Margin):
        return value
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError("is empty; write for example [21d, 25%]")
    durations, shares = [], []
    for item in items:
        if isinstance(item, str) and item.strip().endswith("%"):
            shares.append(_share(item))
        else:
            durations.append(_duration(item))
    return Margin(durations=tuple(durations), shares=tuple(shares))


def _share(item: str) -> Fraction:
    share = parse_percent(item.strip())
    if not 0 < share < 1:
        raise ValueError(f"{item} is not between 0% and 100% of the lifetime")
    return share


def _duration(item: Any) -> timedelta:
    try:
        return parse_duration(item)
    except ValueError:
        raise ValueError(f"{told(item)} is neither a duration nor a share of the lifetime; write 21d, 25% or [21d, 25%]") from None


def _utc_ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


_LIFETIMES = (
    (_utc_ms(2029, 3, 15), 47), (_utc_ms(2027, 3, 15), 100), (_utc_ms(2026, 3, 15), 200), (_utc_ms(2020, 9, 1), 398),
)
"""From which notBefore on how many days (CA/Browser Forum, ballots SC-31 and SC-081v3)."""

PRIVATE_DAYS = 825
"""The longest that Apple's systems take from any CA (support.apple.com/103769); before September 2020 public ones too."""


def most_days(not_before_ms: int) -> int:
    """The longest lifetime of a public leaf that was issued then."""
    return next((days for since_ms, days in _LIFETIMES if not_before_ms >= since_ms), PRIVATE_DAYS)


_ENTRUST = (_utc_ms(2024, 11, 12), "Chrome since 131, certificates after 11 November 2024")
_CHUNGHWA_NETLOCK = (_utc_ms(2025, 8, 1), "Chrome since 139, certificates after 31 July 2025")

DISTRUSTED: Mapping[str, tuple[int, str]] = {
    "HqPF5D7WbC2imDpCpKebHpBnhs6fG1hiFBmgBGOofTg=": _ENTRUST,  # Entrust.net Certification Authority (2048)
    "bb+uANN7nNc/j7R95lkXrwDg3d9C286sIMF8AnXuIJU=": _ENTRUST,  # Entrust Root Certification Authority
    "/qK31kX7pz11PB7Jp4cMQOH3sMVh6Se5hb9xGGbjbyI=": _ENTRUST,  # Entrust Root Certification Authority - EC1
    "du6FkDdMcVQ3u8prumAo6t3i3G27uMP2EOhR8R0at/U=": _ENTRUST,  # Entrust Root Certification Authority - G2
    "NtfHnz0Img/3mXLZCSPepcp2tMy698J1HLFS6UlPUtA=": _ENTRUST,  # Entrust Root Certification Authority - G4
    "bEZLmlsjOl6HTadlwm8EUBDS3c/0V5TwtMfkqvpQFJU=": _ENTRUST,  # AffirmTrust Commercial
    "lAcq0/WPcPkwmOWl9sBMlscQvYSdgxhJGa6Q64kK5AA=": _ENTRUST,  # AffirmTrust Networking
    "x/Q7TPW3FWgpT4IrU3YmBfbd0Vyt7Oc56eLDy6YenWc=": _ENTRUST,  # AffirmTrust Premium
    "MhmwkRT/SVo+tusAwu/qs0ACrl8KVsdnnqCHo/oDfk8=": _ENTRUST,  # AffirmTrust Premium ECC
    "YlVMFwBVQ7I3IV8EJo3NL9HEcCQK08hmDiWuLFljD1U=": _CHUNGHWA_NETLOCK,  # ePKI Root Certification Authority
    "ecqvU0fm5KlMjniphJb8dAIPgJ7eE/Ig+rYQTI3tMp8=": _CHUNGHWA_NETLOCK,  # HiPKI Root CA - G1
    "9Iut199qBmkNCuMTc7EoVfje2xRRfzYqMTEBzJjMazU=": _CHUNGHWA_NETLOCK,  # NetLock Arany (Class Gold)
}
"""SPKI of the root to (certificates issued from this instant on are refused, by whom). Trust stores without such dates, as
certifi is one, go on accepting them. Source: Chrome Root Program announcements of 2024-06-27 (with its update of September)
and 2025-05-30. Mozilla's dates for the same roots are the same or later."""


def refused_by(anchor_spki: str | None, not_before_ms: int) -> str:
    """Who refuses a certificate of that root and date; empty if nobody does."""
    since_ms, who = DISTRUSTED.get(anchor_spki or "", (None, ""))
    return who if since_ms is not None and not_before_ms >= since_ms else ""


def scts_wanted(lifetime_s: int) -> int:
    """Embedded SCTs that Chrome and Apple want (their CT policies): 3 above 180 days, else 2."""
    return 3 if lifetime_s > 180 * DAY_S else 2


def in_words(seconds: float) -> str:
    """`12.3 days`, `5.2 hours`, `40 minutes`; without a sign."""
    seconds = abs(seconds)
    for unit, size in (("day", DAY_S), ("hour", 3600), ("minute", 60)):
        if seconds >= (2 if unit == "day" else 1) * size:
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number} {unit}{'' if number == '1' else 's'}"
    return f"{seconds:.0f} s"


def listed(items: Sequence[str], most: int = 5) -> str:
    """The first few of them, and how many more there are."""
    more = len(items) - most
    return ", ".join(item[:100] for item in items[:most]) + (f" and {more} more" if more > 0 else "")
