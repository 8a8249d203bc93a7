"""What burn-rate alerts count: one check of an SLO as sorted instants, so that any window is two look-ups. Pure.

A unit is a known scheduled outcome, or with `timeslices` a slice. Each has a place (`at`: the outcome's instant, the
slice's start) and the instant from which it is known (`known`: the same, or when the slice was decided). A window
(t - W, t] as of t holds the units with t - W < at and known <= t, so a replay of history sees what was seen then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import merge

from slocheck.core.model import Verdict

Range = tuple[int, int]
"""[start, end) in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One scheduled outcome as the SLI judges it. `confirmed_ms`: when the last of its re-probes failed too; None if not."""

    at_ms: int
    verdict: Verdict
    confirmed_ms: int | None = None


@dataclass(slots=True)
class Track:
    """Units of one check at one location; every list is ascending."""

    at: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    bad_at: list[int] = field(default_factory=list)
    bad_known: list[int] = field(default_factory=list)
    confirmed_at: list[int] = field(default_factory=list)
    confirmed_known: list[int] = field(default_factory=list)

    def n(self, t: int, window: int) -> int:
        return max(0, bisect_right(self.known, t) - bisect_right(self.at, t - window))

    def bad(self, t: int, window: int) -> int:
        return max(0, bisect_right(self.bad_known, t) - bisect_right(self.bad_at, t - window))

    def confirmed(self, t: int, window: int) -> int:
        return max(0, bisect_right(self.confirmed_known, t) - bisect_right(self.confirmed_at, t - window))

    def newest(self, t: int) -> int | None:
        """When the newest unit that is known at t was learnt."""
        index = bisect_right(self.known, t)
        return self.known[index - 1] if index else None

    def good_since_bad(self, t: int) -> int:
        """Good units in a row up to t."""
        bads = bisect_right(self.bad_known, t)
        after = self.bad_at[bads - 1] if bads else -1
        return bisect_right(self.known, t) - bisect_right(self.at, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One check of an SLO. `step_ms` is the distance of its units: `every`, or the slice."""

    check: str
    step_ms: int
    every_ms: int
    tracks: Mapping[str, Track]
    places: int = 1  # declared locations
    birth_ms: int | None = None
    excluded: Sequence[Range] = ()  # merged, ascending
    pooled: Track = field(init=False)  # all locations as one

    def __post_init__(self) -> None:
        tracks = list(self.tracks.values())
        object.__setattr__(self, "pooled", tracks[0] if len(tracks) == 1 else pool(tracks))

    def full(self, t: int, window: int) -> int:
        """The time that a full window would hold: its length at each declared location, less what is excluded."""
        return (window - overlap(self.excluded, t - window, t)) * self.places

    def full_since_birth(self, t: int, window: int) -> int:
        born = t if self.birth_ms is None else self.birth_ms
        return self.full(t, min(window, max(0, t - born)))

    def newest(self, t: int) -> int | None:
        return self.pooled.newest(t)

    def is_excluded(self, t: int) -> bool:
        index = bisect_right(self.excluded, t, key=lambda r: r[0])
        return index > 0 and t < self.excluded[index - 1][1]


def pool(tracks: Sequence[Track]) -> Track:
    """Several tracks counted as one."""
    return Track(**{name: list(merge(*(getattr(track, name) for track in tracks))) for name in Track.__slots__})


def overlap(ranges: Sequence[Range], start: int, end: int) -> int:
    """Milliseconds of (start, end] that lie in the ranges."""
    if not ranges:
        return 0
    return sum(max(0, min(high, end) - max(low, start)) for low, high in ranges if low < end and high > start)


def track_outcomes(samples: Iterable[Sample], excluded: Sequence[Range] = ()) -> Track:
    """The known outcomes outside of the exclusions. `samples` ascend."""
    track = Track()
    for sample in samples:
        if sample.verdict is Verdict.UNKNOWN or _is_in(sample.at_ms, excluded):
            continue
        track.at.append(sample.at_ms)
        if sample.verdict is Verdict.BAD:
            track.bad_at.append(sample.at_ms)
            if sample.confirmed_ms is not None:
                track.confirmed_at.append(sample.at_ms)
                track.confirmed_known.append(max(sample.confirmed_ms, track.confirmed_known[-1] if track.confirmed_known else 0))
    track.known, track.bad_known = track.at, track.bad_at
    return track


def track_slices(
    samples: Iterable[Sample], slice_ms: int, target: Fraction, every_ms: int, excluded: Sequence[Range] = (),
) -> Track:
    """The slices that are decided: closed ones with a known outcome, and open ones that can no longer be saved.

    An open slice is lost when it would miss `target` although every probe still to come were good.
    """
    track = Track()
    by_slice: dict[int, list[Sample]] = {}
    for sample in samples:
        if sample.verdict is not Verdict.UNKNOWN and not _is_in(sample.at_ms, excluded):
            by_slice.setdefault(sample.at_ms // slice_ms, []).append(sample)
    for index in sorted(by_slice):
        start = index * slice_ms
        if overlap(excluded, start, start + slice_ms) >= slice_ms:
            continue
        decided, is_bad = _decided(by_slice[index], start, slice_ms, target, every_ms)
        track.at.append(start)
        track.known.append(max(decided, track.known[-1] if track.known else 0))
        if is_bad:
            track.bad_at.append(start)
            track.bad_known.append(track.known[-1])
            confirmed = [s.confirmed_ms for s in by_slice[index] if s.confirmed_ms is not None]
            if confirmed:
                track.confirmed_at.append(start)
                track.confirmed_known.append(max(min(confirmed), track.known[-1]))
    return track


def _decided(samples: Sequence[Sample], start: int, slice_ms: int, target: Fraction, every_ms: int) -> tuple[int, bool]:
    """(when the slice was decided, whether it is bad)."""
    bad = 0
    for count, sample in enumerate(samples, 1):
        bad += sample.verdict is Verdict.BAD
        to_come = (start + slice_ms - 1 - sample.at_ms) // every_ms
        if count - bad + to_come < target * (count + to_come):
            return sample.at_ms, True
    return start + slice_ms, len(samples) - bad < target * len(samples)


def _is_in(at_ms: int, excluded: Sequence[Range]) -> bool:
    return any(start <= at_ms < end for start, end in excluded)
