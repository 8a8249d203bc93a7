"""Which pairs of windows watch an SLO: derived from its own window, never copied from a table for thirty days.

A pair fires when both windows burn above its threshold B. B = f * P / long, where f is the share of the budget that
may be gone in the long window and P the SLO's nominal length (SRE Workbook, chapter 5). The short window ends an
alert soon after the trouble; at least three probes must fit into it, or one failure would be the whole of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import timedelta
from fractions import Fraction

from slocheck.core.frozen import frozen
from slocheck.core.model import AlertRule, Method, Slo
from slocheck.core.units import decimal_text, duration_text

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

FEW_PROBES = 10
"""Fewer probes than this in the longest window of the default policy cannot tell a burn from an accident."""


@frozen
class Pair:
    """Two windows (t - W, t] and the burn rate above which both must be. `limit` is that as a share of bad units: B * b.

    `label` names it: `1h/5m`.
    """

    long_ms: int
    short_ms: int
    burn: Fraction
    severity: str
    limit: Fraction
    label: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"{window_text(self.long_ms)}/{window_text(self.short_ms)}")


@frozen
class LeftOut:
    """A pair that cannot serve this SLO, and why, in words."""

    long_ms: int
    burn: Fraction
    why: str


@frozen
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
    length, allowed = nominal_ms(slo), 1 - slo.objectives[0].target
    burns = [(severity, share * length / long, long) for severity, share, long in _SHARES]
    pairs = tuple(
        Pair(long_ms=long, short_ms=long // 12, burn=burn, severity=severity, limit=burn * allowed) for severity, burn, long in burns
    )
    return Policy(pairs=pairs, left_out=(), allowed=allowed)


def derive(slo: Slo, every_ms: int) -> Policy:
    """The pairs for a check that comes every `every_ms`. Rules written by hand pass the same gates."""
    length, allowed = nominal_ms(slo), 1 - slo.objectives[0].target
    kept, left_out = [], []
    for wish, burn, long_ms, short_ms in _wanted(slo, length):
        derived = max(long_ms // 12, _SHORT_PROBES * every_ms) if short_ms is None else short_ms
        short = max(derived, _SHORT_SLICES * slice_ms(slo))
        why = _why_not(burn, long_ms, short, length, allowed, every_ms)
        if why:
            left_out.append(LeftOut(long_ms=long_ms, burn=burn, why=why))
        else:
            severity = TICKET if burn < _LEAST_PAGE else wish
            kept.append(Pair(long_ms=long_ms, short_ms=short, burn=burn, severity=severity, limit=burn * allowed))
    return Policy(pairs=tuple(kept), left_out=tuple(left_out), allowed=allowed)


def is_watched(slo: Slo, every_ms: int) -> bool:
    """Whether the SLO's alerts can speak for a check that comes so often: by hand any pair will do, by default one of some probes."""
    pairs = derive(slo, every_ms).pairs
    return bool(pairs) if slo.alerts is not None else any(p.long_ms >= FEW_PROBES * every_ms for p in pairs)


def described(slo: Slo, every_ms: int) -> list[str]:
    """The policy in lines: each pair with its threshold, then what was left out and why.

    `page when 1h and 5m both burn above 14.4x (over 7.2 % bad)`
    """
    policy = derive(slo, every_ms)
    kept = [
        f"{p.severity} when {window_text(p.long_ms)} and {window_text(p.short_ms)} both burn above {decimal_text(p.burn)}x"
        f" (over {decimal_text(p.limit * 100)} % bad)"
        for p in policy.pairs
    ]
    left = [f"left out: {window_text(gone.long_ms)} at {decimal_text(gone.burn)}x, because {gone.why}" for gone in policy.left_out]
    return [*(kept or ["no pair of windows watches it"]), *left]


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


def _why_not(burn: Fraction, long_ms: int, short_ms: int, length: int, allowed: Fraction, every_ms: int) -> str:
    if long_ms > length:
        return f"{window_text(long_ms)} is longer than the window of {window_text(length)}"
    if burn < _LEAST:
        return f"a burn rate of {decimal_text(burn)} spends less than the budget"
    if burn * allowed >= 1:
        return f"a burn rate of {decimal_text(burn)} can never be reached: the highest is {decimal_text(1 / allowed)}"
    if short_ms >= long_ms:
        short, every = window_text(short_ms), window_text(every_ms)
        return f"its short window, {short} for probes every {every}, is no shorter than {window_text(long_ms)}"
    return ""


def window_text(ms: int) -> str:
    """`5m`, `24h`, `3d`: up to a day in hours, as burn-rate windows are named."""
    if ms % HOUR_MS == 0 and ms <= 24 * HOUR_MS:
        return f"{ms // HOUR_MS}h"
    return duration_text(timedelta(milliseconds=ms))
