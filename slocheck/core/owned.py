"""Owned time: from outcomes, which are instants, to stretches of time that were good, bad or unknown.

Time is counted in half milliseconds, because the middle between two whole milliseconds may be none. Stretches of equal
state are one span, so a quiet month is one span and not 43,200.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from slocheck.core.model import Point, Verdict

Share = Fraction | int
Range = tuple[int, int]
"""[start, end) in milliseconds."""

SHARES: dict[Verdict, Share | None] = {Verdict.GOOD: 0, Verdict.BAD: 1, Verdict.UNKNOWN: None}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in half milliseconds since 1970, (start, end], with the share of it that was bad.

    `bad` None: unknown. 0 good, 1 bad, between them: some of several locations.
    """

    start: int
    end: int
    bad: Share | None


class _Line:
    """Spans end to end, grown at the right; a stretch in the state of the last one makes that one longer."""

    __slots__ = ("end", "share", "spans", "start")

    def __init__(self, start: int) -> None:
        self.spans: list[Span] = []
        self.start = self.end = start
        self.share: Share | None = None

    def reach(self, end: int, share: Share | None) -> None:
        """Up to `end` the state is `share`; nothing happens where the line is there already."""
        if end <= self.end:
            return
        if share != self.share:
            self._close()
            self.share = share
        self.end = end

    def skip(self, start: int) -> None:
        """Leaves a hole up to `start`."""
        if start > self.end:
            self._close()
            self.start = self.end = start

    def _close(self) -> None:
        if self.end > self.start:
            self.spans.append(Span(self.start, self.end, self.share))
        self.start = self.end

    def done(self) -> list[Span]:
        self._close()
        return self.spans


def own(points: Sequence[Point], as_of_ms: int) -> list[Span]:
    """Lays owned time over a series in order of `at_ms`: each outcome owns half-way to its neighbours.

    At most one interval to a side: the middle of a longer gap is unknown. Nothing is owned before the first point, nor
    after the newest until its successor arrives; if none came within two intervals, one interval is the newest one's
    and the rest, up to `as_of_ms`, is unknown. Points after `as_of_ms` are not seen.
    """
    seen = points if points and points[-1].at_ms <= as_of_ms else [p for p in points if p.at_ms <= as_of_ms]
    if not seen:
        return []
    line = _Line(2 * seen[0].at_ms)
    for point, following in pairwise(seen):
        middle = point.at_ms + following.at_ms
        line.reach(min(middle, 2 * (point.at_ms + point.every_ms)), SHARES[point.verdict])
        line.reach(max(middle, 2 * (following.at_ms - following.every_ms)), None)
    newest = seen[-1]
    line.reach(2 * newest.at_ms, SHARES[newest.verdict])
    if as_of_ms - newest.at_ms >= 2 * newest.every_ms:
        line.reach(2 * (newest.at_ms + newest.every_ms), SHARES[newest.verdict])
        line.reach(2 * as_of_ms, None)
    return line.done()


def cut(spans: Iterable[Span], start_ms: int, end_ms: int, holes: Iterable[Range] = ()) -> list[Span]:
    """What of the spans (in order) lies in (start, end] and in none of the holes."""
    keep = [(2 * start, 2 * end) for start, end in outside(holes, start_ms, end_ms)]
    found: list[Span] = []
    first = 0
    for span in spans:
        while first < len(keep) and keep[first][1] <= span.start:
            first += 1
        for low, high in keep[first:]:
            if low >= span.end:
                break
            found.append(Span(max(span.start, low), min(span.end, high), span.bad))
    return found


def join(layers: Sequence[Sequence[Span]], *, is_any_bad: bool) -> list[Span]:
    """Several series as one; a series steps aside where it has no span.

    `is_any_bad`: checks, which are bad if any is bad, else unknown if any is unknown. Otherwise locations: the share of bad
    ones among those that are known, unknown when none is known.
    """
    if len(layers) == 1:
        return list(layers[0])
    edges = sorted({edge for layer in layers for span in layer for edge in (span.start, span.end)})
    if not edges:
        return []
    state = any_bad if is_any_bad else share_of
    cursors = [0] * len(layers)
    line = _Line(edges[0])
    for low, high in pairwise(edges):
        shares = []
        for index, layer in enumerate(layers):
            while cursors[index] < len(layer) and layer[cursors[index]].end <= low:
                cursors[index] += 1
            if cursors[index] < len(layer) and layer[cursors[index]].start <= low:
                shares.append(layer[cursors[index]].bad)
        if shares:
            line.skip(low)
            line.reach(high, state(shares))
    return line.done()


def any_bad(shares: Sequence[Share | None]) -> Share | None:
    """The joint state of checks: the worst known one counts, and what is unknown may hide something worse than good."""
    worst = max((s for s in shares if s is not None), default=0)
    return worst if worst or None not in shares else None


def share_of(shares: Sequence[Share | None]) -> Share | None:
    """The joint state of locations: how much of what is known is bad."""
    known = [s for s in shares if s is not None]
    if not known:
        return None
    share = Fraction(sum(known), len(known))
    return share.numerator if share.denominator == 1 else share


# --- ranges --------------------------------------------------------------------------------------------------------


def merged(ranges: Iterable[Range]) -> list[Range]:
    """In order; what overlaps or touches is one."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def outside(holes: Iterable[Range], start: int, end: int) -> list[Range]:
    """What of [start, end) is in no hole."""
    parts, at = [], start
    for low, high in merged(holes):
        if low >= end:
            break
        if low > at:
            parts.append((at, low))
        at = max(at, high)
    if at < end:
        parts.append((at, end))
    return parts


def common(groups: Sequence[Iterable[Range]], start: int, end: int) -> list[Range]:
    """What of [start, end) is in a range of every group; nothing without groups."""
    if not groups:
        return []
    free = [gap for group in groups for gap in outside(group, start, end)]
    return outside(free, start, end)


def is_in(at: int, ranges: Iterable[Range]) -> bool:
    return any(start <= at < end for start, end in ranges)
