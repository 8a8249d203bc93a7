"""One SLO's history: whole hours as the store keeps them, the edges of a window from the outcomes themselves.

An hour that nothing but a late outcome can change any more is kept in the store, and the store forgets it when such an
outcome comes; so what a month adds up to costs 720 short texts and a few hours of points. What is declared excluded may
change at any time, also for the past: it is never kept, and hours that it touches are made from points.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from slocheck.core import owned, tally
from slocheck.core.errors import CannotWorkError
from slocheck.core.model import Slo
from slocheck.core.periods import Bounds, Frame
from slocheck.core.slo import Sums, burn_bounds
from slocheck.core.tally import HALF, Exclusions, Series, Tally, Timeline
from slocheck.store import Store

HOUR_MS = 3_600_000
_CHUNK_MS = 24 * HOUR_MS  # how much is in memory as points while a history is read for the first time
_VERSION = 1  # of the texts that are kept


class Ledger:
    """An SLO's tallies as of an instant. Equal to what the raw outcomes up to then give, for every instant."""

    def __init__(self, store: Store, slo: Slo, now_ms: int, excluded: Exclusions | None = None) -> None:
        self._store = store
        self._slo = slo
        self._now_ms = now_ms
        self._excluded = {check: owned.merged(ranges) for check, ranges in (excluded or {}).items() if check in slo.checks}
        self._holes = owned.merged(r for ranges in self._excluded.values() for r in ranges)
        self._lead_ms = tally.lead_ms(slo)
        births = {
            (check, location): store.birth_ms(check, location)
            for check in dict.fromkeys(slo.checks) for location in store.locations(check)
        }
        known = {key: birth for key, birth in births.items() if birth is not None and birth <= now_ms}
        self._keys = sorted(known)
        self.birth_ms = min(known.values(), default=None)
        self._lost_ms = _ceil(store.kept_from_ms() or 0)
        self._settled_ms = _floor(min((self._settled(*key) for key in self._keys), default=now_ms))
        self._whole: dict[int, Tally] = {}
        self._lines: dict[tuple[int, int, bool], Timeline] = {}

    def sums(self, frame: Frame) -> Sums:
        """What a frame and its burn windows add up to."""
        return Sums(
            window=self.tally(frame.bounds), burns={label: self.tally(part) for label, part in burn_bounds(frame).items()},
            birth_ms=self.birth_ms,
            excluded_s=tally.excluded_s(self._excluded, self._slo.checks, frame.start_ms, frame.close_ms),
            with_excluded=self.tally(frame.bounds, is_excluding=False) if self._touches(frame.start_ms, frame.end_ms) else None,
        )

    def tally(self, bounds: Bounds, *, is_excluding: bool = True) -> Tally:
        """What lies within the bounds. `is_excluding` False: as if nothing were excluded."""
        if self.birth_ms is None:
            return Tally()
        start_ms, end_ms, first_ms, until_ms = tally.aligned(self._slo, bounds)
        born_ms = _floor(self.birth_ms)
        start_ms, first_ms = max(start_ms, born_ms), max(first_ms, born_ms)
        if start_ms >= end_ms and first_ms >= until_ms:
            return Tally()
        low = _ceil(max(start_ms, first_ms))
        high = min(_floor(min(end_ms, until_ms)), self._settled_ms)
        if low > high:
            return self._edge(Bounds(start_ms, end_ms, first_ms, until_ms), is_excluding=is_excluding)
        return tally.total([
            self._edge(Bounds(start_ms, low, first_ms, low), is_excluding=is_excluding),
            *self._hours(low, high, is_excluding=is_excluding),
            self._edge(Bounds(high, end_ms, high, until_ms), is_excluding=is_excluding),
        ])

    def _settled(self, check: str, location: str) -> int:
        """Up to when the series can only be changed by an outcome that comes late."""
        around = self._store.points(check, location, self._slo.sli, start_ms=self._now_ms, end_ms=self._now_ms)
        newest = next((p for p in reversed(around) if p.at_ms <= self._now_ms), None)
        if newest is None:
            return self._now_ms
        is_silent = around[-1] is newest and self._now_ms - newest.at_ms >= 2 * newest.every_ms
        return self._now_ms if is_silent else newest.at_ms

    def _touches(self, start_ms: int, end_ms: int) -> bool:
        return any(low < end_ms and start_ms < high for low, high in self._holes)

    # --- from points ---

    def _edge(self, bounds: Bounds, *, is_excluding: bool) -> Tally:
        """A part of some hours. The open end is one line that all windows share."""
        if bounds.start_ms >= bounds.end_ms and bounds.first_ms >= bounds.until_ms:
            return Tally()
        start_ms, end_ms = _floor(min(bounds.start_ms, bounds.first_ms)), _ceil(max(bounds.end_ms, bounds.until_ms))
        if start_ms < self._lost_ms:
            return _unknown(bounds.end_ms - bounds.start_ms)
        if start_ms >= self._settled_ms:
            start_ms, end_ms = self._settled_ms, max(end_ms, _ceil(self._now_ms + 1))
        is_cut = is_excluding and self._touches(start_ms - self._lead_ms, end_ms)
        key = (start_ms, end_ms, is_cut)
        if key not in self._lines:
            self._lines[key] = self._line(start_ms, end_ms, is_cut=is_cut)
        return self._lines[key].tally(bounds)

    def _line(self, start_ms: int, end_ms: int, *, is_cut: bool = False) -> Timeline:
        series: Series = {
            (check, location): self._store.points(
                check, location, self._slo.sli, start_ms=start_ms - self._lead_ms - 1, end_ms=end_ms,
            ) for check, location in self._keys
        }
        return Timeline(self._slo, series, start_ms, end_ms, self._now_ms, self._excluded if is_cut else None)

    def _made(self, hours: Iterable[int], *, is_cut: bool = False) -> Iterator[tuple[int, Tally]]:
        """(hour, its tally) of settled hours, read as points a chunk at a time."""
        for start_ms, end_ms in _chunks(hours):
            line = self._line(start_ms, end_ms, is_cut=is_cut)
            for hour in range(start_ms, end_ms, HOUR_MS):
                yield hour, line.tally(Bounds(hour, hour + HOUR_MS, hour, hour + HOUR_MS))

    # --- from what is kept ---

    def _hours(self, low: int, high: int, *, is_excluding: bool) -> Iterator[Tally]:
        hours = range(low, high, HOUR_MS)
        cut = [
            h for h in hours if h >= self._lost_ms and self._touches(h - self._lead_ms, h + HOUR_MS)
        ] if is_excluding and self._holes else []
        own = dict(self._made(cut, is_cut=True))
        self._load([h for h in hours if h not in own])
        yield from (own[h] if h in own else self._whole[h] for h in hours)

    def _load(self, hours: list[int]) -> None:
        """Takes the hours from the store, and makes and keeps those that are not there."""
        wanted = [h for h in hours if h not in self._whole]
        if not wanted:
            return
        digest = self._digest()
        kept = self._store.slo_hours(digest, start_ms=wanted[0], end_ms=wanted[-1] + HOUR_MS)
        for hour in wanted:
            if hour in kept:
                with contextlib.suppress(ValueError):  # a text that we cannot read is made again
                    self._whole[hour] = tally.tally_of(kept[hour], hour)
        missing = [h for h in wanted if h not in self._whole]
        self._whole |= {h: _unknown(HOUR_MS) for h in missing if h < self._lost_ms}
        made = dict(self._made(h for h in missing if h >= self._lost_ms))
        if made:
            self._whole |= made
            with contextlib.suppress(CannotWorkError):  # the figures stand without it; a store we may only read is enough
                self._store.keep_slo_hours(digest, {hour: tally.text_of(part, hour) for hour, part in made.items()})

    def _digest(self) -> str:
        """Names everything that the tally of an hour depends on, besides outcomes."""
        slo = self._slo
        parts = [
            _VERSION, slo.method, str(slo.slice), str(slo.slice_target), slo.sli.name, str(slo.sli.threshold), slo.sli.part, self._keys,
        ]
        return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _unknown(length_ms: int) -> Tally:
    """Time whose outcomes were pruned before anybody asked about it."""
    return Tally(elapsed=HALF * length_ms)


def _floor(at_ms: int) -> int:
    return at_ms // HOUR_MS * HOUR_MS


def _ceil(at_ms: int) -> int:
    return -(-at_ms // HOUR_MS) * HOUR_MS


def _chunks(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring hours together, as (start, end), none longer than `_CHUNK_MS`."""
    start = end = None
    for hour in hours:
        if start is None or end is None or hour != end or end - start >= _CHUNK_MS:
            if start is not None and end is not None:
                yield start, end
            start = hour
        end = hour + HOUR_MS
    if start is not None and end is not None:
        yield start, end
