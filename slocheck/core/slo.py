"""Error budgets: SLI, coverage, budget, burn, forecast and status of one objective over one window. Pure and exact.

What a window adds up to comes from `core.tally` (time_weighted, timeslices, occurrences), which window is meant from
`core.periods`. Everything is decided in fractions; only the bounds of `confidence` are floats. The burn-rate alert policy
(pairs of long and short windows, gates, freeze, episodes) is the next thing to be built: it joins `core.alerting` and
counts with the tallies and `burn` of this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from slocheck.core import owned, stats, tally
from slocheck.core.frozen import frozen
from slocheck.core.model import Objective, Slo, SloStatus
from slocheck.core.periods import Bounds, Frame
from slocheck.core.tally import HALF, Exclusions, Series, Tally, Timeline

BURN_WINDOWS = {
    "5m": timedelta(minutes=5), "30m": timedelta(minutes=30), "1h": timedelta(hours=1), "6h": timedelta(hours=6),
    "24h": timedelta(hours=24), "3d": timedelta(days=3),
}
"""The windows over which burn is told; those longer than the SLO's own are left out."""

FORECAST_WINDOW = "24h"
"""Forecasts assume that this window's burn goes on."""

AT_RISK_BELOW = Fraction(1, 4)
"""Share of the budget below which an objective is at risk."""

_MS = timedelta(milliseconds=1)


@frozen
class Sums:
    """What an SLO's windows add up to. `birth_ms` is its first outcome ever.

    `excluded_s` is the excluded time of the whole frame, also of what is yet to come of it. `with_excluded` is the window's
    tally as if nothing were excluded; None where nothing is. `burns` are the burn windows by label.
    """

    window: Tally
    burns: Mapping[str, Tally]
    birth_ms: int | None
    excluded_s: Fraction = Fraction(0)
    with_excluded: Tally | None = None


def evaluate(
    slo: Slo, objective: Objective, frame: Frame, sums: Sums, *, as_of_ms: int, is_firing: bool = False,
) -> SloStatus:
    """One objective's figures over a frame."""
    window = sums.window
    length_s = Fraction(frame.length_ms, 1000) - sums.excluded_s
    total_s = (1 - objective.target) * length_s
    remaining_s = total_s - window.bad_s
    rates = {label: burn(part, objective.target) for label, part in sums.burns.items()}
    recent = rates[FORECAST_WINDOW] if FORECAST_WINDOW in rates else burn(window, objective.target)
    return SloStatus(
        name=f"{slo.name}/{objective.name}" if objective.name else slo.name, objective=objective, slo=slo,
        start_ms=frame.start_ms, end_ms=frame.end_ms, as_of_ms=as_of_ms, good_s=window.good_s, bad_s=window.bad_s,
        unknown_s=window.unknown_s, excluded_s=sums.excluded_s, sli=sli(window), coverage=coverage(window),
        budget_total_s=total_s, budget_consumed_s=window.bad_s, budget_remaining_s=remaining_s,
        budget_remaining_ratio=remaining_s / total_s if total_s > 0 else None, burn_rates=rates, n=window.n, bad=window.failed,
        status=status(
            window, total_s, objective.target, slo.min_coverage, is_complete=is_complete(frame, sums.birth_ms), is_firing=is_firing,
        ),
        pace_s=length_s / recent if recent else None,
        countdown_s=countdown(frame, window, total_s, (recent or 0) * (1 - objective.target)),
        confidence=confidence(window.n, window.failed, objective.target),
        sli_with_excluded=None if sums.with_excluded is None else sli(sums.with_excluded),
        bad_with_excluded_s=None if sums.with_excluded is None else sums.with_excluded.bad_s,
    )


def evaluate_series(
    slo: Slo, objective: Objective, series: Series, frame: Frame, *, as_of_ms: int, excluded: Exclusions | None = None,
    is_firing: bool = False,
) -> SloStatus:
    """The same from the points themselves, which must reach back to the frame's start and to the longest burn window."""
    burns = burn_bounds(frame)
    bounds = {label: tally.aligned(slo, part) for label, part in (*burns.items(), ("", frame.bounds))}
    edges = (min(b.start_ms for b in bounds.values()), max(b.end_ms for b in bounds.values()))
    line = Timeline(slo, series, *edges, as_of_ms, excluded)
    births = [points[0].at_ms for points in series.values() if points and points[0].at_ms <= as_of_ms]
    holes = [hole for ranges in (excluded or {}).values() for hole in ranges]
    is_cut = any(low < frame.end_ms and frame.start_ms < high for low, high in holes)
    sums = Sums(
        window=line.tally(bounds[""]), burns={label: line.tally(bounds[label]) for label in burns},
        birth_ms=min(births, default=None),
        excluded_s=tally.excluded_s(excluded or {}, slo.checks, frame.start_ms, frame.close_ms),
        with_excluded=Timeline(slo, series, *edges, as_of_ms).tally(bounds[""]) if is_cut else None,
    )
    return evaluate(slo, objective, frame, sums, as_of_ms=as_of_ms, is_firing=is_firing)


def burn_bounds(frame: Frame) -> dict[str, Bounds]:
    """The burn windows (t-W, t] that fit into the frame, t being its end or now."""
    end_ms = frame.end_ms
    lengths = {label: duration // _MS for label, duration in BURN_WINDOWS.items()}
    return {
        label: Bounds(end_ms - length_ms, end_ms, end_ms - length_ms + 1, end_ms + 1)
        for label, length_ms in lengths.items() if length_ms <= frame.length_ms
    }


def sli(window: Tally) -> Fraction | None:
    """The good share of what is known; None when nothing is."""
    known = window.good + window.bad
    return Fraction(window.good) / known if known else None


def coverage(window: Tally) -> Fraction | None:
    """The known share of the time that was to be known; None before there was any."""
    known_s = window.good_s + window.bad_s
    expected_s = known_s + window.unknown_s
    return known_s / expected_s if expected_s else None


def burn(window: Tally, target: Fraction) -> Fraction | None:
    """(failed / n) / (1 - target): how many times faster than allowed the budget is spent; None without data."""
    return Fraction(window.failed, window.n) / (1 - target) if window.n else None


def is_complete(frame: Frame, birth_ms: int | None) -> bool:
    """Whether the window was lived through: a rolling one began after birth, a calendar one is over."""
    return birth_ms is not None and birth_ms <= frame.start_ms if frame.is_rolling else frame.is_over


def status(
    window: Tally, total_s: Fraction, target: Fraction, min_coverage: Fraction, *, is_complete: bool, is_firing: bool,
) -> str:
    """breached, no_data, at_risk or met. An SLI equal to the objective is met.

    A window that is not complete is breached only by more bad time than the whole of it allows.
    """
    share, known = sli(window), coverage(window)
    if window.bad_s > total_s or (is_complete and share is not None and share < target):
        return "breached"
    if share is None or known is None or known < min_coverage:
        return "no_data"
    is_scarce = total_s > 0 and total_s - window.bad_s < AT_RISK_BELOW * total_s
    return "at_risk" if is_firing or is_scarce else "met"


# --- forecast ------------------------------------------------------------------------------------------------------


def countdown(frame: Frame, window: Tally, total_s: Fraction, rate: Fraction) -> Fraction | None:
    """Seconds until *this* budget is gone when `rate` (bad seconds per second) goes on. None if never, 0 if it is spent.

    A calendar period stops the clock at its end. In a rolling window old bad time leaves while new comes: the least d up
    to its length where bad - aged(d) + rate·d passes the total; the slope changes only where a bad stretch begins or ends.
    """
    if total_s <= 0:
        return None
    left_s = total_s - window.bad_s
    if left_s <= 0 or not rate:
        return Fraction(0) if left_s <= 0 else None
    if not frame.is_rolling:
        gone_s = left_s / rate
        return gone_s if gone_s <= Fraction(frame.close_ms - frame.end_ms, 1000) else None
    for start_s, end_s, aging in _ageing(window, frame):
        slope = rate - aging
        if slope * (end_s - start_s) > left_s:
            return start_s + left_s / slope
        left_s -= slope * (end_s - start_s)
    return None


def _ageing(window: Tally, frame: Frame) -> Iterator[tuple[Fraction, Fraction, owned.Share]]:
    """(from, to, bad seconds that leave the window in each second between), in seconds from now, to its length."""
    length_s = Fraction(frame.length_ms, 1000)
    changes: dict[Fraction, owned.Share] = {length_s: 0}
    for span in window.stretches:
        for edge, change in ((span.start, span.bad or 0), (span.end, -(span.bad or 0))):
            at_s = Fraction(max(0, edge - HALF * frame.start_ms), 2000)
            changes[at_s] = changes.get(at_s, 0) + change
    at_s, aging = Fraction(0), changes.pop(Fraction(0), 0)
    for corner_s in sorted(changes):
        if corner_s > length_s:
            return
        yield at_s, corner_s, aging
        at_s, aging = corner_s, aging + changes[corner_s]


# --- confidence ----------------------------------------------------------------------------------------------------


def confidence(n: int, bad: int, target: Fraction) -> dict[str, Any]:
    """What `bad` of `n` proves about the objective at one-sided 95 %, assuming independent probes."""
    bounds = stats.clopper_pearson(bad, n)
    return {
        "level": 0.95, "low": bounds[0] if bounds else None, "high": bounds[1] if bounds else None, "n": n, "bad": bad,
        "verdict": stats.confidence_verdict(bad, n, target),
    }
