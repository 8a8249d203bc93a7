"""Which pairs of windows watch an SLO: derived from its own window, never copied from a table for thirty days.

A pair fires when both windows burn above its threshold B. B = f * P / long, where f is the share of the budget that
may be gone in the long window and P the SLO's nominal length (SRE Workbook, chapter 5). The short window ends an
alert soon after the trouble; at least three probes must fit into it, or one failure would be the whole of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from slocheck.core.model import AlertRule, Method, Slo
from slocheck.core.units import duration_text

PAGE, TICKET = "page", "ticket"
SEVERITIES = (TICKET, PAGE)

HOUR_MS = 3_600_000
_SHARES = ((PAGE, Fraction(2, 100), HOUR_MS), (PAGE, Fraction(5, 100), 6 * HOUR_MS), (TICKET, Fraction(1, 10), 24 * HOUR_MS),
           (TICKET, Fraction(1, 10), 72 * HOUR_MS))
_NOMINAL_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}
_LEAST_PAGE = 2  # a page at a lower burn would wake somebody for a budget that lasts half a window
_LEAST = Fraction(9, 10)
_SHORT_PROBES = 3
_SHORT_SLICES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two windows (t - W, t] and the burn rate above which both must be."""

    long_ms: int
    short_ms: int
    burn: Fraction
    severity: str

    @property
    def label(self) -> str:
        """`1h/5m`."""
        return f"{window_text(self.long_ms)}/{window_text(self.short_ms)}"

    def limit(self, allowed: Fraction) -> Fraction:
        """The share of bad units above which a window is exceeded: B * b."""
        return _limit(self.burn, allowed)


@lru_cache(maxsize=1024)
def _limit(burn: Fraction, allowed: Fraction) -> Fraction:
    return burn * allowed  # a replay of a year asks a million times


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A pair that cannot serve this SLO, and why, in words."""

    long_ms: int
    burn: Fraction
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What watches one check of an SLO. `allowed` is the budget's share b = 1 - objective."""

    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]
    allowed: Fraction


def nominal_ms(slo: Slo) -> int:
    """P: the length of the SLO's window as thresholds use it (a month is 30 d, a quarter 90 d, a year 365 d)."""
    if slo.window.duration is not None:
        return slo.window.duration // timedelta(milliseconds=1)
    return _NOMINAL_DAYS[slo.window.calendar] * 24 * HOUR_MS


def classic(slo: Slo) -> Policy:
    """All four pairs as derived from P, short = long / 12, none moved or left out: for comparison."""
    length = nominal_ms(slo)
    pairs = tuple(
        Pair(long_ms=long, short_ms=long // 12, burn=share * length / long, severity=severity) for severity, share, long in _SHARES
    )
    return Policy(pairs=pairs, left_out=(), allowed=1 - slo.objectives[0].target)


def derive(slo: Slo, every_ms: int) -> Policy:
    """The pairs for a check that comes every `every_ms`. Rules written by hand pass the same gates."""
    length, allowed = nominal_ms(slo), 1 - slo.objectives[0].target
    kept, left_out = [], []
    for severity, burn, long_ms, short_ms in _wanted(slo, length):
        short = max(short_ms or 0, long_ms // 12 if short_ms is None else 0, _SHORT_PROBES * every_ms, _SHORT_SLICES * slice_ms(slo))
        why = _why_not(burn, long_ms, short, length, allowed)
        if why:
            left_out.append(LeftOut(long_ms=long_ms, burn=burn, why=why))
        else:
            kept.append(Pair(long_ms=long_ms, short_ms=short, burn=burn, severity=TICKET if burn < _LEAST_PAGE else severity))
    return Policy(pairs=tuple(kept), left_out=tuple(left_out), allowed=allowed)


def slice_ms(slo: Slo) -> int:
    """The length of a slice, 0 for the other methods."""
    return slo.slice // timedelta(milliseconds=1) if slo.method is Method.TIMESLICES and slo.slice else 0


def _wanted(slo: Slo, length: int) -> Sequence[tuple[str, Fraction, int, int | None]]:
    if slo.alerts is None:
        return [(severity, share * length / long, long, None) for severity, share, long in _SHARES]
    return [_by_hand(rule) for rule in slo.alerts]


def _by_hand(rule: AlertRule) -> tuple[str, Fraction, int, int | None]:
    millisecond = timedelta(milliseconds=1)
    return rule.severity, rule.burn, rule.long // millisecond, rule.short // millisecond if rule.short else None


def _why_not(burn: Fraction, long_ms: int, short_ms: int, length: int, allowed: Fraction) -> str:
    if long_ms > length:
        return f"{window_text(long_ms)} is longer than the window of {window_text(length)}"
    if burn < _LEAST:
        return f"a burn rate of {float(burn):.3g} spends less than the budget"
    if burn * allowed >= 1:
        return f"a burn rate of {float(burn):.3g} can never be reached: the highest is {float(1 / allowed):.3g}"
    if short_ms >= long_ms:
        return f"{_SHORT_PROBES} probes take {window_text(short_ms)}, as long as the long window"
    return ""


def window_text(ms: int) -> str:
    """`5m`, `24h`, `3d`: up to a day in hours, as burn-rate windows are named."""
    if ms % HOUR_MS == 0 and ms <= 24 * HOUR_MS:
        return f"{ms // HOUR_MS}h"
    return duration_text(timedelta(milliseconds=ms))
