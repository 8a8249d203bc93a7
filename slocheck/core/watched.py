"""What burn-rate alerts count: one check of an SLO as sorted instants, so that any window is two look-ups. Pure.

A unit is a known scheduled outcome, or with `timeslices` a slice. Each has a place (`at`: the outcome's instant, the
slice's start) and the instant from which it is known (`known`: the same, or when the slice was decided). A window
(t - W, t] as of t holds the units with t - W < at and known <= t, so a replay of history sees what was seen then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from heapq import merge
from itertools import accumulate

from slocheck.core.frozen import frozen
from slocheck.core.model import Point, Verdict
from slocheck.core.owned import Range, is_in

HEARD_MS = 7 * 86_400_000
"""Where a suite declares no locations, those are in use that were heard from within this time."""


@frozen
class Track:
    """Units of one check at one location; every sequence ascends. `heard` are the instants of its known outcomes."""

    at: Sequence[int] = ()
    known: Sequence[int] = ()
    bad_at: Sequence[int] = ()
    bad_known: Sequence[int] = ()
    confirmed_at: Sequence[int] = ()
    confirmed_known: Sequence[int] = ()
    heard: Sequence[int] = ()

    def n(self, t: int, window: int) -> int:
        return self.n_between(t - window, t)

    def bad(self, t: int, window: int) -> int:
        return self.bad_between(t - window, t)

    def confirmed(self, t: int, window: int) -> int:
        return self.confirmed_between(t - window, t)

    def n_between(self, after: int, until: int) -> int:
        """Units whose place is later than `after`, known at `until`."""
        return max(0, bisect_right(self.known, until) - bisect_right(self.at, after))

    def bad_between(self, after: int, until: int) -> int:
        return max(0, bisect_right(self.bad_known, until) - bisect_right(self.bad_at, after))

    def confirmed_between(self, after: int, until: int) -> int:
        return max(0, bisect_right(self.confirmed_known, until) - bisect_right(self.confirmed_at, after))

    def newest(self, t: int) -> int | None:
        """The newest known outcome at t."""
        index = bisect_right(self.heard, t)
        return self.heard[index - 1] if index else None

    def newest_bad(self, t: int) -> int | None:
        """When the newest bad unit that is known at t was learnt."""
        index = bisect_right(self.bad_known, t)
        return self.bad_known[index - 1] if index else None

    def good_since_bad(self, t: int) -> int:
        """Good units in a row up to t."""
        bads = bisect_right(self.bad_known, t)
        return self.n_between(self.bad_at[bads - 1] if bads else -1, t)

    def row_began(self, t: int, gap: int, window: int) -> int | None:
        """Where the present row of bad units began: those of (t - window, t] joined over gaps of up to `gap`."""
        index = bisect_right(self.bad_known, t) - 1
        if index < 0:
            return None
        while index and self.bad_at[index - 1] > t - window and self.bad_at[index] - self.bad_at[index - 1] <= gap:
            index -= 1
        return self.bad_at[index]


@frozen
class Watched:
    """One check of an SLO. `step_ms` is the distance of its units: `every`, or the slice.

    `births` are {location: its first outcome ever}, `declared` the suite's `locations`, `excluded` merged and ascending.
    """

    check: str
    step_ms: int
    every_ms: int
    tracks: Mapping[str, Track]
    births: Mapping[str, int] = field(default_factory=dict)
    declared: Sequence[str] = ()
    excluded: Sequence[Range] = ()
    pooled: Track = field(init=False)  # all locations as one

    def __post_init__(self) -> None:
        tracks = list(self.tracks.values())
        object.__setattr__(self, "pooled", tracks[0] if len(tracks) == 1 else pool(tracks))

    def places(self, t: int) -> Sequence[str]:
        """The locations that are expected to report: those declared, else those heard within seven days."""
        if self.declared or len(self.tracks) == 1:
            return self.declared or tuple(self.tracks)
        return [place for place, track in self.tracks.items() if (at := track.newest(t)) is not None and t - at <= HEARD_MS]

    def full(self, t: int, window: int) -> int:
        """The time that a full window would hold: its length at each location, less what is excluded."""
        return (window - overlap(self.excluded, t - window, t)) * len(self.places(t))

    def full_since_birth(self, t: int, window: int) -> int:
        """The same without the time before the first outcome of each location."""
        lengths = [min(window, t - self.births[place]) for place in self.places(t) if self.births.get(place, t) < t]
        return sum(length - overlap(self.excluded, t - length, t) for length in lengths)

    def silence_ms(self, t: int) -> int | None:
        """For how long nothing has been known, without what is excluded; None where nothing ever was."""
        newest = self.pooled.newest(t)
        return None if newest is None else t - newest - overlap(self.excluded, newest, t)

    def is_excluded(self, t: int) -> bool:
        index = bisect_right(self.excluded, t, key=lambda r: r[0])
        return index > 0 and t < self.excluded[index - 1][1]


def pool(tracks: Sequence[Track]) -> Track:
    """Several tracks counted as one."""
    return Track(**{name: list(merge(*(getattr(track, name) for track in tracks))) for name in Track.__dataclass_fields__})


def overlap(ranges: Sequence[Range], start: int, end: int) -> int:
    """Milliseconds of (start, end] that lie in the ranges."""
    if not ranges:
        return 0
    return sum(max(0, min(high, end) - max(low, start)) for low, high in ranges if low < end and high > start)


Confirmations = Mapping[int, int]
"""{instant of a scheduled failure: when the last of its re-probes had failed as well}."""


def confirmations(scheduled: Sequence[int], again: Iterable[tuple[int, Verdict]], needed: int) -> dict[int, int]:
    """Which scheduled outcomes were confirmed, and when: all of their re-probes are bad, and there are `needed` of them.

    `scheduled` are the instants of all scheduled outcomes of a check at a location, `again` (instant, verdict) of its
    re-probes; both ascend. A re-probe belongs to the scheduled outcome before it.
    """
    made: dict[int, list[tuple[int, Verdict]]] = {}
    for at_ms, verdict in again:
        index = bisect_right(scheduled, at_ms)
        if index:
            made.setdefault(scheduled[index - 1], []).append((at_ms, verdict))
    return {
        of_ms: probes[needed - 1][0] for of_ms, probes in made.items()
        if len(probes) >= needed and all(verdict is Verdict.BAD for _, verdict in probes)
    }


def track_outcomes(points: Sequence[Point], excluded: Sequence[Range] = (), confirmed: Confirmations | None = None) -> Track:
    """The known outcomes outside of the exclusions. `points` ascend."""
    at = [p.at_ms for p in points if p.verdict is not Verdict.UNKNOWN]
    return track_instants(at, [p.at_ms for p in points if p.verdict is Verdict.BAD], excluded, confirmed)


def track_instants(
    at: Sequence[int], bad_at: Sequence[int], excluded: Sequence[Range] = (), confirmed: Confirmations | None = None,
) -> Track:
    """The same from the instants of known outcomes and of the bad ones among them."""
    if excluded:
        at, bad_at = ([t for t in instants if not is_in(t, excluded)] for instants in (at, bad_at))
    sure = {t: confirmed[t] for t in bad_at if t in confirmed} if confirmed else {}
    return Track(
        at=at, known=at, heard=at, bad_at=bad_at, bad_known=bad_at, confirmed_at=list(sure), confirmed_known=_ascending(sure.values()),
    )


def track_slices(
    points: Iterable[Point], slice_ms: int, target: Fraction, excluded: Sequence[Range] = (), confirmed: Confirmations | None = None,
) -> Track:
    """The slices that are decided: closed ones with a known outcome, and open ones that can no longer be saved.

    An open slice is lost when it would miss `target` although every probe still to come were good.
    """
    by_slice: dict[int, list[Point]] = {}
    heard = []
    for point in points:
        start = point.at_ms // slice_ms * slice_ms
        is_gone = overlap(excluded, start, start + slice_ms) >= slice_ms
        if point.verdict is not Verdict.UNKNOWN and not is_gone and not is_in(point.at_ms, excluded):
            by_slice.setdefault(start, []).append(point)
            heard.append(point.at_ms)
    decided = {start: _decided(inside, start, slice_ms, target) for start, inside in sorted(by_slice.items())}
    known = dict(zip(decided, _ascending(at for at, _ in decided.values()), strict=True))
    bad_at = [start for start, (_, is_bad) in decided.items() if is_bad]
    sure = {start: at for start in bad_at if (at := _first_confirmed(by_slice[start], confirmed or {})) is not None}
    return Track(
        at=list(decided), known=list(known.values()), heard=heard, bad_at=bad_at, bad_known=[known[start] for start in bad_at],
        confirmed_at=list(sure), confirmed_known=_ascending(max(at, known[start]) for start, at in sure.items()),
    )


def _first_confirmed(points: Iterable[Point], confirmed: Confirmations) -> int | None:
    return min((confirmed[p.at_ms] for p in points if p.at_ms in confirmed), default=None)


def _ascending(values: Iterable[int]) -> list[int]:
    """Each at least as large as the one before it."""
    return list(accumulate(values, max))


def _decided(points: Sequence[Point], start: int, slice_ms: int, target: Fraction) -> tuple[int, bool]:
    """(when the slice was decided, whether it is bad)."""
    bad = 0
    for count, point in enumerate(points, 1):
        bad += point.verdict is Verdict.BAD
        to_come = (start + slice_ms - 1 - point.at_ms) // point.every_ms
        if count - bad + to_come < target * (count + to_come):
            return point.at_ms, True
    return start + slice_ms, len(points) - bad < target * len(points)
