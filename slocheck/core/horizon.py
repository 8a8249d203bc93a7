"""How long the answers of an SLO's pairs cannot change: what lets a replay skip the quiet parts of a year. Pure.

Between two instants a window can only lose what is in it and gain what arrives, so its counts lie between "all that is
here and nothing new" and "nothing gone and all that comes". While the worst of both cannot turn an answer, none of the
evaluations in between can. The bounds only get wider with time, so the farthest sure instant is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence

from slocheck.core.burning import PAGE_BAD_LONG, PAGE_BAD_SHORT, TICKET_BAD, Watch
from slocheck.core.policy import TICKET, Pair
from slocheck.core.watched import Track, Watched

_FIRST_MS = 600_000
_FINEST_MS = 60_000
_COARSE = 4  # a stretch is found to a quarter of its length: what is left of it is found by the next question


class Horizon:
    """Remembers for each pair how long its present answer is sure, so that only what has run out is looked for again."""

    def __init__(self, watch: Watch, end_ms: int) -> None:
        self._pairs = [(f"{watched.check} {pair.label}", watched, pair) for watched, policy in watch.checks for pair in policy.pairs]
        self._edges = sorted({edge for watched, _ in watch.checks for ends in watched.excluded for edge in ends})
        self._end_ms = end_ms
        self._sure: dict[str, tuple[int, bool]] = {}

    def sure_until(self, true: Collection[str], t: int) -> int:
        """The latest instant known to be sure: until then the rules in `true` stay so and no other becomes so."""
        index = bisect_right(self._edges, t)
        limit = min(self._end_ms, self._edges[index] - 1) if index < len(self._edges) else self._end_ms
        return min([limit, *(self._of_pair(rule, watched, pair, rule in true, t, limit) for rule, watched, pair in self._pairs)])

    def _of_pair(self, rule: str, watched: Watched, pair: Pair, is_true: bool, t: int, limit: int) -> int:  # noqa: FBT001
        until, was_true = self._sure.get(rule, (t, is_true))
        if until <= t or was_true != is_true:
            stays = _stays_true if is_true else _stays_calm
            until = _farthest(lambda later: stays(watched, pair, t, later), t, limit, watched.pooled)
            self._sure[rule] = until, is_true
        return until


def classic_horizon(track: Track, pairs: Sequence[Pair], t: int, end_ms: int, *, is_true: bool) -> int:
    """The same for the classic rules, which compare shares and nothing else: any pair is true, or none is."""

    def is_sure(later: int) -> bool:
        if is_true:
            return any(all(_is_over(track, pair, w, t, later) for w in (pair.short_ms, pair.long_ms)) for pair in pairs)
        return all(any(_is_under(track, pair, w, t, later) for w in (pair.short_ms, pair.long_ms)) for pair in pairs)

    return _farthest(is_sure, t, end_ms, track)


def _farthest(is_sure: Callable[[int], bool], t: int, limit: int, track: Track) -> int:
    """The latest sure instant, to a minute. `is_sure` holds up to some instant and not after it."""
    sure, width = t, _FIRST_MS
    upcoming = min([limit, *(at - 1 for at in _arrivals(track, t))])
    if upcoming > t and is_sure(upcoming):
        sure = upcoming
    while sure < limit:
        later = min(limit, t + width)
        if later > sure:
            if not is_sure(later):
                return _between(is_sure, t, sure, later)
            sure = later
        width *= 2
    return sure


def _between(is_sure: Callable[[int], bool], t: int, sure: int, unsure: int) -> int:
    while unsure - sure > max(_FINEST_MS, (sure - t) // _COARSE):
        middle = (sure + unsure) // 2
        if is_sure(middle):
            sure = middle
        else:
            unsure = middle
    return sure


def _arrivals(track: Track, t: int) -> Iterator[int]:
    """The next failure and the next confirmation."""
    for instants in (track.bad_known, track.confirmed_known):
        index = bisect_right(instants, t)
        if index < len(instants):
            yield instants[index]


def _is_under(track: Track, pair: Pair, window: int, t: int, later: int) -> bool:
    """Whether the window's bad share cannot be above the limit up to `later`."""
    bad = track.bad_between(t - window, later)
    return not bad or bad * pair.limit.denominator <= pair.limit.numerator * track.n_between(later - window, t)


def _is_over(track: Track, pair: Pair, window: int, t: int, later: int) -> bool:
    """Whether it must be."""
    bad = track.bad_between(later - window, t)
    return bad * pair.limit.denominator > pair.limit.numerator * track.n_between(t - window, later)


def _stays_calm(watched: Watched, pair: Pair, t: int, later: int) -> bool:
    track, limit = watched.pooled, pair.limit
    if _is_under(track, pair, pair.short_ms, t, later) or _is_under(track, pair, pair.long_ms, t, later):
        return True
    short_bad, long_bad = track.bad_between(t - pair.short_ms, later), track.bad_between(t - pair.long_ms, later)
    if pair.severity == TICKET:
        is_shut = long_bad < TICKET_BAD
    else:
        is_unsure = long_bad < PAGE_BAD_LONG or short_bad < PAGE_BAD_SHORT
        is_shut = is_unsure and not track.confirmed_between(t - pair.short_ms, later)
    if is_shut:
        return True
    is_steady = not watched.excluded and (watched.declared or len(watched.tracks) == 1)
    full = watched.full(t, pair.long_ms) if is_steady else 0
    return 2 * long_bad * watched.step_ms * limit.denominator <= limit.numerator * full


def _stays_true(watched: Watched, pair: Pair, t: int, later: int) -> bool:
    track, limit = watched.pooled, pair.limit
    if pair.severity != TICKET and len(watched.tracks) > 1:
        return False  # locations may cease to agree
    short_bad, long_bad = track.bad_between(later - pair.short_ms, t), track.bad_between(later - pair.long_ms, t)
    if pair.severity == TICKET:
        is_open = long_bad >= TICKET_BAD
    else:
        is_several = long_bad >= PAGE_BAD_LONG and short_bad >= PAGE_BAD_SHORT
        is_open = is_several or track.confirmed_between(later - pair.short_ms, t) > 0
    full = pair.long_ms * max(len(watched.declared), len(watched.tracks))
    return (
        is_open and all(_is_over(track, pair, window, t, later) for window in (pair.short_ms, pair.long_ms))
        and 2 * long_bad * watched.step_ms * limit.denominator > limit.numerator * full
    )
