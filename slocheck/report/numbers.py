"""Figures as text: the printing rules, in one place.

What was reached and what is left is rounded down, what was spent is rounded up. So a missed objective can never print
as the objective, and an overspent budget never as a spent one. Budgets come in minutes first, percent second. What is
not known is "no data"; it is never printed as a number.
"""

from __future__ import annotations

import math
from fractions import Fraction

from slocheck.core.model import Objective, Percentiles, SloStatus
from slocheck.core.units import floored, instant, raised
from slocheck.core.wording import count

NO_DATA = "no data"
ALL_FAILED = "failed"
"""A percentile that falls among the failed exchanges: no number is large enough."""

NEEDED = {"p50": 2, "p90": 10, "p95": 20, "p99": 100, "max": 1}
"""How many values a percentile needs, n >= 1 / (1 - q)."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SHORT_BUDGET_S = 600  # under ten minutes a tenth of a minute is too coarse


# --- shares --------------------------------------------------------------------------------------------------------


def reached(share: Fraction | None, digits: int = 1) -> str:
    """A share that was reached or is left, in percent, rounded down."""
    return NO_DATA if share is None else f"{floored(share * 100, digits)} %"


def spent(share: Fraction | None, digits: int = 0) -> str:
    """A share that was spent, in percent, rounded up."""
    return NO_DATA if share is None else f"{raised(share * 100, digits)} %"


def goal(objective: Objective) -> str:
    """The digits that were written: `99.5 %`."""
    return f"{objective.text} %"


def sli(status: SloStatus) -> str:
    """With at least the objective's own decimals, so that rounding down keeps a missed one below it."""
    _, _, decimals = status.objective.text.partition(".")
    return reached(status.sli, max(2, len(decimals)))


def coverage(share: Fraction | None) -> str:
    return reached(share, 1)


# --- budgets -------------------------------------------------------------------------------------------------------


def minutes(seconds: Fraction, of: Fraction | None = None, *, is_spent: bool = False) -> str:
    """A number of minutes without its unit. `of` is the budget it belongs to: it decides the decimals."""
    digits = 2 if abs(seconds if of is None else of) < _SHORT_BUDGET_S else 1
    return (raised if is_spent else floored)(seconds / _MINUTE, digits)


def budget_left(status: SloStatus) -> str:
    """`31.0 of 216.0 min (14 %)`; negative when more was spent than there was."""
    total = status.budget_total_s
    if status.sli is None and not status.budget_consumed_s:
        return NO_DATA
    left = f"{minutes(status.budget_remaining_s, total)} of {minutes(total, total)} min"
    ratio = status.budget_remaining_ratio
    return left if ratio is None else f"{left} ({floored(ratio * 100, 0)} %)"


def budget_spent(status: SloStatus) -> str:
    """`54.2 of 43.2 min (126 %)`."""
    total = status.budget_total_s
    used = f"{minutes(status.budget_consumed_s, total, is_spent=True)} of {minutes(total, total)} min"
    return f"{used} ({spent(status.budget_consumed_s / total)})" if total else used


def burn(rate: Fraction | None) -> str:
    """`16.7x`, rounded up: it is spending."""
    return NO_DATA if rate is None else f"{raised(rate, 1)}x"


# --- time ----------------------------------------------------------------------------------------------------------


def span(seconds: Fraction | float, *, is_spent: bool = False) -> str:
    """The two largest units: `6 h 12 min`, `1 d 19 h`, `3 min 12 s`, `45 s`."""
    exact = Fraction(seconds)
    for unit, name, small, small_name in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s")):
        if exact >= unit:
            smalls = math.ceil(exact / small) if is_spent else math.floor(exact / small)
            whole, rest = divmod(smalls * small, unit)
            return f"{whole} {name}" + (f" {rest // small} {small_name}" if rest else "")
    return f"{math.ceil(exact) if is_spent else math.floor(exact)} s"


def moment(ms: int) -> str:
    """`22 Nov 2026 10:00 UTC`."""
    at = instant(ms)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M} UTC"


def day(ms: int) -> str:
    """`22 Nov 2026`."""
    at = instant(ms)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


# --- latencies -----------------------------------------------------------------------------------------------------


def latency(us: float | None) -> str:
    """Three digits that mean something: `0.12 ms`, `4.03 ms`, `38.2 ms`, `182 ms`, `1.24 s`."""
    if us is None:
        return NO_DATA
    if math.isinf(us):
        return ALL_FAILED
    ms = us / 1000
    if ms >= 999.5:
        return f"{ms / 1000:.3g} s" if ms < 99_950 else f"{ms / 1000:.0f} s"
    return f"{ms:.2f} ms" if ms < 9.995 else f"{ms:.1f} ms" if ms < 99.95 else f"{ms:.0f} ms"


def quantile(figures: Percentiles, name: str) -> str:
    """The percentile of that name, or that there are too few values for it."""
    value = getattr(figures, name)
    return f"{figures.n} of {NEEDED[name]}" if value is None and figures.n else latency(value)


# --- words ---------------------------------------------------------------------------------------------------------


def share(n: int, total: int, noun: str) -> str:
    """`the check`, `both checks`, `all 3 checks`, `1 of 3 checks`."""
    if n == total:
        return f"the {noun}" if total == 1 else f"both {noun}s" if total == 2 else f"all {total} {noun}s"
    return f"{n} of {count(total, noun)}"


def listed(names: list[str], limit: int = 3) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
