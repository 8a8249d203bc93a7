"""What a stretch of time adds up to for an SLO, by each method. Sums are exact, so tallies of neighbours add up to the whole.

time_weighted  divides owned time (`core.owned`)
timeslices     divides slices [i·slice, (i+1)·slice) since 1970, each worth its length. A slice is good where the share of good
               outcomes reaches `slice_target`, unknown without a known outcome. An open one counts only as bad, once it
               cannot be saved. A slice belongs to the window that holds its start
occurrences    divides outcomes, each worth its interval, shared among the series that are pooled
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from slocheck.core import owned
from slocheck.core.frozen import frozen
from slocheck.core.model import Method, Point, Slo, Verdict
from slocheck.core.owned import Range, Share, Span
from slocheck.core.periods import Bounds

HALF = 2
"""Half milliseconds in one."""

Series = Mapping[tuple[str, str], Sequence[Point]]
"""(check, location) -> its points, ordered by at_ms, with one before the range and one after it where they exist."""

Exclusions = Mapping[str, Sequence[Range]]
"""check -> when it is excluded, [start, end) in milliseconds."""


@frozen
class Tally:
    """Sums in half milliseconds. `elapsed` is the time that was to be known: since birth, up to the open end, less excluded.

    `n` and `failed` count known outcomes (for timeslices: slices); `stretches` are the bad spans, in order.
    """

    good: Share = 0
    bad: Share = 0
    elapsed: Share = 0
    n: int = 0
    failed: int = 0
    stretches: tuple[Span, ...] = ()

    @property
    def good_s(self) -> Fraction:
        return Fraction(self.good) / 2000

    @property
    def bad_s(self) -> Fraction:
        return Fraction(self.bad) / 2000

    @property
    def unknown_s(self) -> Fraction:
        return max(Fraction(0), Fraction(self.elapsed - self.good - self.bad)) / 2000


def total(tallies: Iterable[Tally]) -> Tally:
    """The tally of neighbouring stretches, in order, as one."""
    good: Share = 0
    bad: Share = 0
    elapsed: Share = 0
    n = failed = 0
    stretches: list[Span] = []
    for part in tallies:
        good += part.good
        bad += part.bad
        elapsed += part.elapsed
        n += part.n
        failed += part.failed
        for span in part.stretches:
            _append(stretches, span)
    return Tally(good=good, bad=bad, elapsed=elapsed, n=n, failed=failed, stretches=tuple(stretches))


def _append(stretches: list[Span], span: Span) -> None:
    if stretches and stretches[-1].end == span.start and stretches[-1].bad == span.bad:
        span = Span(stretches.pop().start, span.end, span.bad)
    stretches.append(span)


# --- the text of an hour -------------------------------------------------------------------------------------------


def text_of(tally: Tally, start_ms: int) -> str:
    """A tally as JSON, times relative to `start_ms`: quiet hours are equal texts."""
    shift = HALF * start_ms
    stretches = [(s.start - shift, s.end - shift, *([] if s.bad == 1 else [_number(s.bad or 0)])) for s in tally.stretches]
    fields = [*map(_number, (tally.good, tally.bad, tally.elapsed)), tally.n, tally.failed, stretches]
    return json.dumps(fields, separators=(",", ":"))


def tally_of(text: str, start_ms: int) -> Tally:
    """Reads `text_of` back. Raises ValueError for any other text."""
    tally = _relative(text)
    if not tally.stretches:
        return tally
    shift = HALF * start_ms
    return Tally(
        good=tally.good, bad=tally.bad, elapsed=tally.elapsed, n=tally.n, failed=tally.failed,
        stretches=tuple(Span(s.start + shift, s.end + shift, s.bad) for s in tally.stretches),
    )


@lru_cache(maxsize=1024)
def _relative(text: str) -> Tally:
    try:
        good, bad, elapsed, n, failed, stretches = json.loads(text)
        return Tally(
            good=_share(good), bad=_share(bad), elapsed=_share(elapsed), n=n, failed=failed,
            stretches=tuple(Span(start, end, _share(rest[0]) if rest else 1) for start, end, *rest in stretches),
        )
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ValueError("this is no tally") from error


def _number(share: Share) -> int | str:
    return int(share) if share.denominator == 1 else str(share)


def _share(value: Any) -> Share:
    return Fraction(value) if isinstance(value, str) else int(value)


# --- a stretch of history ------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """One slice, or one outcome, with what it is worth in half milliseconds. `key_ms` says to which window it belongs."""

    key_ms: int
    weight: Share
    bad: Share | None
    span: Span


class Timeline:
    """An SLO's history between two instants, made from points once and then tallied over any part of it.

    For timeslices the series must begin one slice before the start. What is excluded of a check is as if it had no
    outcome there and no time: other checks go on without it.
    """

    def __init__(
        self, slo: Slo, series: Series, start_ms: int, end_ms: int, as_of_ms: int, excluded: Exclusions | None = None,
    ) -> None:
        self._slo = slo
        self._as_of_ms = as_of_ms
        self._excluded = excluded or {}
        self._series = {key: _until(points, as_of_ms) for key, points in series.items()}
        self._is_sliced = slo.method is Method.TIMESLICES
        self._known: list[int] = []  # keys of what `n` counts, and of those the bad ones
        self._failed: list[int] = []
        self._spans = [] if self._is_sliced else self._owned(start_ms, end_ms)
        pieces = self._slices(start_ms, end_ms) if self._is_sliced else self._occurrences()
        self._pieces = sorted(pieces, key=lambda piece: piece.key_ms)
        self._keys = [piece.key_ms for piece in self._pieces]
        self._known.sort()
        self._failed.sort()

    def tally(self, bounds: Bounds) -> Tally:
        """What lies within; the bounds must lie between the timeline's start and end."""
        n, failed = (_between(keys, bounds) for keys in (self._known, self._failed))
        spans = list(self._within(HALF * bounds.start_ms, HALF * bounds.end_ms))
        if self._slo.method is Method.TIME_WEIGHTED:
            pieces = [_Piece(0, span.end - span.start, span.bad, span) for span in spans]
        else:
            low, high = bisect_left(self._keys, bounds.first_ms), bisect_left(self._keys, bounds.until_ms)
            pieces = self._pieces[low:high]
        elapsed = sum(p.weight for p in pieces) if self._is_sliced else sum(s.end - s.start for s in spans)
        return _sum(pieces, elapsed, n, failed)

    def _within(self, start: int, end: int) -> Iterator[Span]:
        for span in self._spans[bisect_right(self._spans, start, key=lambda s: s.end):]:
            if span.start >= end:
                return
            yield Span(max(span.start, start), min(span.end, end), span.bad)

    def _owned(self, start_ms: int, end_ms: int) -> list[Span]:
        by_location: dict[str, list[list[Span]]] = {}
        for (check, location), points in self._series.items():
            spans = owned.own(points, self._as_of_ms)
            by_location.setdefault(location, []).append(owned.cut(spans, start_ms, end_ms, self._excluded.get(check, ())))
        joined = [owned.join(layers, is_any_bad=True) for layers in by_location.values()]
        return owned.join(joined, is_any_bad=False) if joined else []

    def _occurrences(self) -> Iterator[_Piece]:
        """Counts the outcomes that are known and not excluded; they are pieces where outcomes are what is divided."""
        is_divided = self._slo.method is Method.OCCURRENCES
        pooled = len(self._series)
        for (check, _location), points in self._series.items():
            holes = self._excluded.get(check, ())
            for point in points:
                if point.verdict is Verdict.UNKNOWN or (holes and owned.is_in(point.at_ms, holes)):
                    continue
                is_bad = point.verdict is Verdict.BAD
                self._known.append(point.at_ms)
                if is_bad:
                    self._failed.append(point.at_ms)
                if is_divided:
                    span = Span(HALF * (point.at_ms - point.every_ms), HALF * point.at_ms, Fraction(is_bad, pooled))
                    yield _Piece(point.at_ms, Fraction(HALF * point.every_ms, pooled), int(is_bad), span)

    # --- slices ---

    def _slices(self, start_ms: int, end_ms: int) -> Iterator[_Piece]:
        assert self._slo.slice is not None, "config refuses timeslices without a slice"
        length = self._slo.slice // timedelta(milliseconds=1)
        states: dict[int, dict[str, list[Share | None]]] = {}
        for (check, location), points in self._series.items():
            for index, state in self._judged(check, points, range(start_ms // length, end_ms // length), length):
                states.setdefault(index, {}).setdefault(location, []).append(state)
        for index, locations in states.items():
            joined = [owned.any_bad(of_checks) for of_checks in locations.values()]
            key_ms = (index + 1) * length - 1
            self._known += [key_ms for state in joined if state is not None]
            self._failed += [key_ms for state in joined if state]
            span = Span(HALF * index * length, HALF * (index + 1) * length, owned.share_of(joined))
            yield _Piece(key_ms, HALF * length, span.bad, span)

    def _judged(
        self, check: str, points: Sequence[Point], indices: range, length: int,
    ) -> Iterator[tuple[int, Share | None]]:
        """(index, state) of the check's slices from its birth on, without those that are excluded or open and not yet lost."""
        if not points:
            return
        holes = owned.merged(self._excluded.get(check, ()))
        counts: dict[int, list[int]] = {}
        for point in points:
            if point.verdict is not Verdict.UNKNOWN and not owned.is_in(point.at_ms, holes):
                counts.setdefault(point.at_ms // length, [0, 0])[point.verdict is Verdict.BAD] += 1
        for index in range(max(indices.start, points[0].at_ms // length), min(indices.stop, self._as_of_ms // length + 1)):
            start_ms, end_ms = index * length, (index + 1) * length
            good, bad = counts.get(index, (0, 0))
            if any(a <= start_ms and end_ms <= b for a, b in holes):
                continue
            if end_ms <= self._as_of_ms:
                yield index, self._slice_state(good, bad)
            elif self._slice_state(good + max(0, (end_ms - 1 - points[-1].at_ms) // points[-1].every_ms), bad):
                yield index, 1  # lost: it would miss the target although every probe still to come were good

    def _slice_state(self, good: int, bad: int) -> int | None:
        if not good + bad:
            return None
        return int(good < self._slo.slice_target * (good + bad))


def _until(points: Sequence[Point], as_of_ms: int) -> Sequence[Point]:
    return points if not points or points[-1].at_ms <= as_of_ms else [p for p in points if p.at_ms <= as_of_ms]


def _between(keys: Sequence[int], bounds: Bounds) -> int:
    return bisect_left(keys, bounds.until_ms) - bisect_left(keys, bounds.first_ms)


def _sum(pieces: Iterable[_Piece], elapsed: Share, n: int, failed: int) -> Tally:
    good: Share = 0
    bad: Share = 0
    stretches: list[Span] = []
    for piece in pieces:
        if piece.bad is None:
            continue
        if piece.bad:
            _append(stretches, piece.span)
        lost = piece.weight * piece.bad
        bad += lost
        good += piece.weight - lost
    return Tally(good=good, bad=bad, elapsed=elapsed, n=n, failed=failed, stretches=tuple(stretches))


def lead_ms(slo: Slo) -> int:
    """How much earlier than a range the points must begin: the slice that ends in it may begin before it."""
    return 0 if slo.method is not Method.TIMESLICES or slo.slice is None else slo.slice // timedelta(milliseconds=1)


def aligned(slo: Slo, bounds: Bounds) -> Bounds:
    """The bounds that a timeline tallies for a window: for timeslices the whole slices that begin in it."""
    length = lead_ms(slo)
    if not length:
        return bounds
    low, high = (-(-edge // length) * length for edge in (bounds.first_ms, bounds.until_ms))
    return Bounds(low, high, low, high)


def excluded_s(excluded: Exclusions, checks: Sequence[str], start_ms: int, end_ms: int) -> Fraction:
    """Seconds of [start, end) in which every one of the checks is excluded."""
    ranges = owned.common([excluded.get(check, ()) for check in checks], start_ms, end_ms)
    return Fraction(sum(end - start for start, end in ranges), 1000)
