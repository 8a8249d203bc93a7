"""Replays a history through the alert rules, evaluation by evaluation, and lists every episode. Pure.

Evaluated at every outcome and re-probe, and at every whole UTC minute. Stretches in which nothing could change (no open
episode, no failure within the longest short window, no silence) are skipped, which changes no answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from slocheck.core.burning import STALE_STEPS, Change, Spell, Watch, step
from slocheck.core.policy import PAGE, SEVERITIES, Pair, Policy
from slocheck.core.watched import Track, Watched, pool

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One row of `backtest`. `resolved_ms` None: still open. `changes` are (instant, severity) of every message."""

    slo: str
    severity: str
    fired_ms: int
    resolved_ms: int | None
    rule: str
    reason: str
    changes: tuple[tuple[int, str], ...]


def replay(slo: str, watch: Watch, *, start_ms: int, end_ms: int) -> list[Episode]:
    """The episodes of the default policy in [start_ms, end_ms]."""
    episodes: list[Episode] = []
    open_changes: list[Change] = []
    spells = [Spell()]
    for t in _instants(watch, start_ms, end_ms, lambda: spells[0].is_open or bool(spells[0].true)):
        spells[0], changes = step(spells[0], watch, t)
        for change in changes:
            if change.what in ("fire", "worse", "down"):
                open_changes.append(change)
            elif change.what == "resolve":
                episodes.append(_episode(slo, open_changes, t))
                open_changes = []
    if open_changes:
        episodes.append(_episode(slo, open_changes, None))
    return episodes


def _episode(slo: str, changes: Sequence[Change], resolved_ms: int | None) -> Episode:
    first = changes[0]
    assert first.reading is not None
    reading = first.reading
    reason = (
        f"{reading.check}: {reading.long_bad} of {reading.long_n} bad in the long window, {reading.short_bad} of {reading.short_n} in the"
        f" short one ({reading.pair.label}, burn rate above {float(reading.pair.burn):g})"
    )
    return Episode(
        slo=slo, severity=max((c.severity for c in changes), key=SEVERITIES.index), fired_ms=first.at_ms, resolved_ms=resolved_ms,
        rule=reading.pair.label, reason=reason, changes=tuple((c.at_ms, c.severity) for c in changes),
    )


def _instants(watch: Watch, start_ms: int, end_ms: int, is_busy: Callable[[], bool]) -> Iterator[int]:
    """Instants to evaluate, ascending. `is_busy()` says whether the spell needs every one of them."""
    calm = [w for w, _ in watch.checks]
    arrivals = sorted({t for w in calm for track in w.tracks.values() for t in (*track.known, *track.confirmed_known)})
    bads = sorted({t for w in calm for track in w.tracks.values() for t in track.bad_known})
    reach = max((pair.short_ms for _, policy in watch.checks for pair in policy.pairs), default=0)
    silences = sorted(t for w in calm for t in _silences(w, end_ms))
    t = start_ms - 1
    while True:
        if not is_busy() and not _is_near(bads, t, reach) and not _is_near(silences, t, 2 * MINUTE_MS):
            following = min(_next(bads, t), _next(silences, t))
        else:
            following = min(_next(arrivals, t), (t // MINUTE_MS + 1) * MINUTE_MS)
        if following > end_ms:
            return
        t = following
        yield t


def _silences(watched: Watched, end_ms: int) -> Iterator[int]:
    """Instants at which a silence begins to count, and at which it ends."""
    arrivals = sorted({t for track in watched.tracks.values() for t in track.known})
    limit = STALE_STEPS * watched.step_ms
    for before, after in pairwise([*arrivals, end_ms]):
        if after - before > limit:
            yield before + limit + 1
            yield after


def _is_near(instants: Sequence[int], t: int, reach: int) -> bool:
    return bisect_right(instants, t) > bisect_left(instants, t - reach)


def _next(instants: Sequence[int], t: int) -> int:
    index = bisect_right(instants, t)
    return instants[index] if index < len(instants) else 1 << 62


def replay_classic(slo: str, checks: Sequence[Watched], policy: Policy, *, start_ms: int, end_ms: int) -> list[Episode]:
    """The classic multi-window multi-burn-rate rules, for comparison: two independent alerts, evaluated every minute.

    Error = bad / observed by count, checks and locations pooled; an empty window is not exceeded; strictly above; no
    gates, no confirmation, no freeze, no latch, no `for` (SRE Workbook, chapter 5).
    """
    found: list[Episode] = []
    pooled = checks[0].pooled if len(checks) == 1 else pool([w.pooled for w in checks])
    for severity in reversed(SEVERITIES):
        pairs = [p for p in policy.pairs if p.severity == severity]
        found += _stretches(slo, pooled, pairs, policy.allowed, severity, start_ms, end_ms)
    return sorted(found, key=lambda e: (e.fired_ms, e.severity != PAGE))


def _stretches(
    slo: str, track: Track, pairs: Sequence[Pair], allowed: Fraction, severity: str, start_ms: int, end_ms: int,
) -> Iterator[Episode]:
    reach = max((p.short_ms for p in pairs), default=0)
    fired_ms, rule = None, ""
    t = -(-start_ms // MINUTE_MS) * MINUTE_MS
    while t <= end_ms:
        label = _exceeded(track, pairs, allowed, t)
        if label and fired_ms is None:
            fired_ms, rule = t, label
        elif not label and fired_ms is not None:
            yield _classic_episode(slo, severity, fired_ms, t, rule)
            fired_ms = None
        t += MINUTE_MS
        if fired_ms is None and not _is_near(track.bad_at, t, reach):  # nothing can be true before the next failure
            t = max(t, -(-_next(track.bad_at, t) // MINUTE_MS) * MINUTE_MS)
    if fired_ms is not None:
        yield _classic_episode(slo, severity, fired_ms, None, rule)


def _exceeded(track: Track, pairs: Sequence[Pair], allowed: Fraction, t: int) -> str:
    for pair in pairs:
        limit = pair.limit(allowed)
        if all(n and bad * limit.denominator > limit.numerator * n for n, bad in (
            (track.n(t, pair.short_ms), track.bad(t, pair.short_ms)), (track.n(t, pair.long_ms), track.bad(t, pair.long_ms)),
        )):
            return pair.label
    return ""


def _classic_episode(slo: str, severity: str, fired_ms: int, resolved_ms: int | None, rule: str) -> Episode:
    reason = f"burn rate above its threshold in {rule}"
    changes = ((fired_ms, severity),)
    return Episode(
        slo=slo, severity=severity, fired_ms=fired_ms, resolved_ms=resolved_ms, rule=rule, reason=reason, changes=changes,
    )
