"""Error budgets from outcomes: owned time, windows, coverage, budget, burn. Pure and exact.

Time is counted in half milliseconds, because the middle between two whole milliseconds may be none. Windows are
half-open, (start, end]. Method `time_weighted` is here; `timeslices`, `occurrences` and the burn-rate alert policy are
the next things to stand in this place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from slocheck.core import stats
from slocheck.core.errors import UserError
from slocheck.core.model import Method, Objective, Point, Slo, SloStatus, Verdict

BURN_WINDOWS = ("5m", "30m", "1h", "6h", "24h", "3d")
_WINDOW_MS = {"5m": 300_000, "30m": 1_800_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "3d": 259_200_000}
_AT_RISK = Fraction(1, 4)

Series = Mapping[tuple[str, str], Sequence[Point]]
"""(check, location) -> its points, ordered by at_ms, with one before the window where there is one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in half milliseconds since 1970, (start, end], with the share of it that was bad.

    `bad` None: unknown. 0 good, 1 bad, between them: some of several locations.
    """

    start: int
    end: int
    bad: Fraction | None


def own(points: Sequence[Point], as_of_ms: int) -> list[Span]:
    """Lays owned time over a series: each outcome owns half-way to its neighbours, at most one interval to a side.

    The middle of a longer gap is unknown. Nothing is owned before the first point, nor after the newest until its
    successor arrives; if none came within two intervals, one interval is the newest one's and the rest is unknown.
    """
    spans: list[Span] = []
    seen = [p for p in points if p.at_ms <= as_of_ms]
    for index, point in enumerate(seen):
        at, reach = 2 * point.at_ms, 2 * point.every_ms
        left = spans[-1].end if spans else at
        if index + 1 < len(seen):
            following = seen[index + 1]
            gap = 2 * (following.at_ms - point.at_ms)
            right = at + min(gap // 2, reach)
            next_left = at + gap - min(gap // 2, 2 * following.every_ms)
            spans += _spans(left, right, point.verdict)
            if next_left > right:
                spans.append(Span(right, next_left, None))
        elif as_of_ms - point.at_ms >= 2 * point.every_ms:
            spans += _spans(left, at + reach, point.verdict)
            spans.append(Span(at + reach, 2 * as_of_ms, None))
        else:
            spans += _spans(left, at, point.verdict)
    return [s for s in spans if s.end > s.start]


def _spans(start: int, end: int, verdict: Verdict) -> list[Span]:
    return [Span(start, end, {Verdict.GOOD: Fraction(0), Verdict.BAD: Fraction(1), Verdict.UNKNOWN: None}[verdict])]


def cut(spans: Iterable[Span], start_ms: int, end_ms: int, excluded: Sequence[tuple[int, int]] = ()) -> list[Span]:
    """What of the spans lies in (start, end] and in none of the excluded [start, end) milliseconds."""
    keep = _complement(2 * start_ms, 2 * end_ms, [(2 * a, 2 * b) for a, b in excluded])
    found: list[Span] = []
    pieces = sorted(spans, key=lambda s: s.start)
    for low, high in keep:
        for span in pieces:
            start, end = max(span.start, low), min(span.end, high)
            if start < end:
                found.append(Span(start, end, span.bad))
    return found


def merge_exclusions(excluded: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping exclusions count once."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(excluded):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _complement(start: int, end: int, excluded: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    parts, at = [], start
    for low, high in merge_exclusions(excluded):
        if low >= end:
            break
        if low > at:
            parts.append((at, low))
        at = max(at, high)
    if at < end:
        parts.append((at, end))
    return parts


def join(layers: Sequence[Sequence[Span]], *, is_any_bad: bool) -> list[Span]:
    """Several series as one. `is_any_bad`: checks (bad if any is bad, else unknown if any is unknown). Otherwise locations:
    the share of bad ones among those that are known, unknown when none is known. A series steps aside where it has no span.
    """
    if len(layers) == 1:
        return list(layers[0])
    edges = sorted({e for layer in layers for s in layer for e in (s.start, s.end)})
    cursors = [0] * len(layers)
    joined: list[Span] = []
    for low, high in zip(edges, edges[1:], strict=False):
        shares = []
        for index, layer in enumerate(layers):
            while cursors[index] < len(layer) and layer[cursors[index]].end <= low:
                cursors[index] += 1
            if cursors[index] < len(layer) and layer[cursors[index]].start <= low:
                shares.append(layer[cursors[index]].bad)
        if shares:
            joined.append(Span(low, high, _any_bad(shares) if is_any_bad else _share(shares)))
    return joined


def _any_bad(shares: Sequence[Fraction | None]) -> Fraction | None:
    known = [s for s in shares if s is not None]
    if any(known):
        return max(known)
    return None if len(known) < len(shares) else Fraction(0)


def _share(shares: Sequence[Fraction | None]) -> Fraction | None:
    known = [s for s in shares if s is not None]
    return sum(known, Fraction(0)) / len(known) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over a window, in exact seconds; `stretches` are the bad spans, for forecasts."""

    good_s: Fraction
    bad_s: Fraction
    unknown_s: Fraction
    stretches: tuple[Span, ...]


def tally(spans: Iterable[Span]) -> Tally:
    good = bad = Fraction(0)
    unknown = 0
    stretches = []
    for span in spans:
        length = span.end - span.start
        if span.bad is None:
            unknown += length
            continue
        bad += length * span.bad
        good += length * (1 - span.bad)
        if span.bad:
            stretches.append(span)
    return Tally(good_s=good / 2000, bad_s=bad / 2000, unknown_s=Fraction(unknown, 2000), stretches=tuple(stretches))


def layers_of(series: Series, as_of_ms: int) -> list[Span]:
    """All checks and locations of an SLO as one state: checks joined per location, then locations by share."""
    by_location: dict[str, list[list[Span]]] = {}
    for (_check, location), points in series.items():
        by_location.setdefault(location, []).append(own(points, as_of_ms))
    joined = [join(layers, is_any_bad=True) for layers in by_location.values()]
    return join(joined, is_any_bad=False) if joined else []


def counts(series: Series, start_ms: int, end_ms: int, excluded: Sequence[tuple[int, int]] = ()) -> tuple[int, int]:
    """(known, bad) outcomes with start < at <= end outside the exclusions."""
    n = bad = 0
    for points in series.values():
        for p in points:
            if start_ms < p.at_ms <= end_ms and p.verdict is not Verdict.UNKNOWN and not _is_in(p.at_ms, excluded):
                n += 1
                bad += p.verdict is Verdict.BAD
    return n, bad


def _is_in(at_ms: int, excluded: Sequence[tuple[int, int]]) -> bool:
    return any(start <= at_ms < end for start, end in excluded)


def burn(n: int, bad: int, objective: Objective) -> Fraction | None:
    """(bad/n) / (1 - target): how many times faster than allowed the budget is spent; None without data."""
    return Fraction(bad, n) / (1 - objective.target) if n else None


def evaluate(
    slo: Slo, objective: Objective, series: Series, *, start_ms: int, end_ms: int, as_of_ms: int,
    excluded: Sequence[tuple[int, int]] = (), is_firing: bool = False, length_ms: int | None = None,
) -> SloStatus:
    """One objective's figures over (start_ms, end_ms], known as of `as_of_ms`.

    `length_ms` is the window's nominal length (a calendar month that is not over is longer than what has passed).
    Raises UserError for a method that is not built yet.
    """
    if slo.method is not Method.TIME_WEIGHTED:
        raise UserError(f"{slo.name}: method {slo.method} is not built yet", hint="leave method out: time_weighted is the default")
    holes = merge_exclusions(excluded)
    sums = tally(cut(layers_of(series, as_of_ms), start_ms, end_ms, holes))
    known = sums.good_s + sums.bad_s
    coverage = known / (known + sums.unknown_s) if known + sums.unknown_s else None
    nominal_s = Fraction(length_ms if length_ms is not None else end_ms - start_ms, 1000)
    excluded_s = Fraction(_overlap(holes, start_ms, start_ms + int(nominal_s * 1000)), 1000)
    total_s = (1 - objective.target) * (nominal_s - excluded_s)
    remaining_s = total_s - sums.bad_s
    ratio = remaining_s / total_s if total_s else None
    n, bad = counts(series, start_ms, end_ms, holes)
    sli = sums.good_s / known if known else None
    rates = burn_rates(series, objective, end_ms, holes, int(nominal_s * 1000))
    birth_ms = min((p[0].at_ms for p in series.values() if p), default=None)
    recent = rates.get("24h", burn(n, bad, objective))
    return SloStatus(
        name=f"{slo.name}/{objective.name}" if objective.name else slo.name, objective=objective, slo=slo,
        start_ms=start_ms, end_ms=end_ms, as_of_ms=as_of_ms, good_s=sums.good_s, bad_s=sums.bad_s, unknown_s=sums.unknown_s,
        excluded_s=excluded_s, sli=sli, coverage=coverage, budget_total_s=total_s, budget_consumed_s=sums.bad_s,
        budget_remaining_s=remaining_s, budget_remaining_ratio=ratio, burn_rates=rates, n=n, bad=bad,
        status=_status(slo, objective, sums, sli, coverage, ratio, birth_ms is not None and birth_ms <= start_ms, is_firing=is_firing),
        pace_s=nominal_s / recent if recent else None,
        countdown_s=countdown(sums, total_s, recent, objective, start_ms, nominal_s),
        confidence=confidence(n, bad, objective),
    )


def _overlap(holes: Sequence[tuple[int, int]], start_ms: int, end_ms: int) -> int:
    return sum(max(0, min(end, end_ms) - max(start, start_ms)) for start, end in holes)


def burn_rates(
    series: Series, objective: Objective, as_of_ms: int, excluded: Sequence[tuple[int, int]], longest_ms: int,
) -> dict[str, Fraction | None]:
    """Burn over each of the usual windows that fits into the SLO's."""
    return {
        label: burn(*counts(series, as_of_ms - _WINDOW_MS[label], as_of_ms, excluded), objective)
        for label in BURN_WINDOWS if _WINDOW_MS[label] <= longest_ms
    }


def _status(
    slo: Slo, objective: Objective, sums: Tally, sli: Fraction | None, coverage: Fraction | None, ratio: Fraction | None,
    is_complete: bool, *, is_firing: bool,  # noqa: FBT001
) -> str:
    if (ratio is not None and ratio < 0) or (is_complete and sli is not None and sli < objective.target):
        return "breached"
    if not sums.good_s + sums.bad_s or coverage is None or coverage < slo.min_coverage:
        return "no_data"
    if is_firing or (ratio is not None and ratio < _AT_RISK):
        return "at_risk"
    return "met"


def countdown(
    sums: Tally, total_s: Fraction, rate: Fraction | None, objective: Objective, start_ms: int, nominal_s: Fraction,
) -> Fraction | None:
    """Seconds until *this* budget is gone at burn `rate`, while old bad time leaves the rolling window; None if never.

    The least d <= P with bad - aged(d) + rate·b·d > total; aged is piecewise linear, so walk its corners.
    """
    if sums.bad_s > total_s or total_s == 0:
        return Fraction(0)
    if not rate:
        return None
    gain = rate * (1 - objective.target)
    corners = sorted({Fraction(0), nominal_s} | {
        Fraction(edge - 2 * start_ms, 2000) for s in sums.stretches for edge in (s.start, s.end) if edge > 2 * start_ms
    })
    level, at = sums.bad_s, Fraction(0)
    for corner in corners[1:]:
        if corner > nominal_s:
            break
        aging = sum((s.bad or Fraction(0) for s in sums.stretches
                     if Fraction(s.start - 2 * start_ms, 2000) <= at and Fraction(s.end - 2 * start_ms, 2000) >= corner), Fraction(0))
        slope = gain - aging
        if slope > 0 and level + slope * (corner - at) > total_s:
            return at + (total_s - level) / slope
        level, at = level + slope * (corner - at), corner
    return None


def confidence(n: int, bad: int, objective: Objective) -> dict[str, Any]:
    """What `bad` of `n` proves at one-sided 95 %, assuming independent probes."""
    bounds = stats.clopper_pearson(bad, n)
    return {
        "level": 0.95, "low": bounds[0] if bounds else None, "high": bounds[1] if bounds else None, "n": n, "bad": bad,
        "verdict": stats.confidence_verdict(bad, n, objective.target),
    }


def rolling(duration: timedelta, as_of_ms: int) -> tuple[int, int]:
    """(start_ms, end_ms) of a rolling window."""
    return as_of_ms - duration // timedelta(milliseconds=1), as_of_ms
