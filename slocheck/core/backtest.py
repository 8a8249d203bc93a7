"""Replays a history through the alert rules, evaluation by evaluation, and lists every episode. Pure.

Evaluated at every outcome and confirmation, and at every whole UTC minute. Stretches in which no answer can change
(`core.horizon`) are passed over, which changes no episode.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slocheck.core.burning import DOWN, FIRE, LATCH_MS, RESOLVE, WORSE, Change, Spell, Watch, step
from slocheck.core.frozen import frozen
from slocheck.core.horizon import Horizon, classic_horizon
from slocheck.core.policy import PAGE, SEVERITIES, Pair, Policy, window_text
from slocheck.core.units import decimal_text
from slocheck.core.watched import Track, Watched, pool

MINUTE_MS = 60_000
_NEVER = 1 << 62
_PATIENCE = 16
"""So many evaluations are simply made after one from which nothing could be passed over."""


@frozen
class Episode:
    """One row of `backtest`. `resolved_ms` None: still open. `changes` are (instant, severity) of the firing and of each change."""

    slo: str
    severity: str
    fired_ms: int
    resolved_ms: int | None
    rule: str
    reason: str
    changes: tuple[tuple[int, str], ...]


def replay(slo: str, watch: Watch, *, start_ms: int, end_ms: int) -> list[Episode]:
    """The episodes of the default policy in [start_ms, end_ms]."""
    book = _Book(slo=slo)
    spell, t = Spell(), start_ms - 1
    grid, horizon = _grid(watch), Horizon(watch, end_ms)
    while (t := _next_that_matters(watch, spell, grid, t, horizon.sure_until(spell.true, t))) <= end_ms:
        spell, changes = step(spell, watch, t)
        for change in changes:
            book.take(change)
    return book.closed()


def _next_that_matters(watch: Watch, spell: Spell, grid: Sequence[int], t: int, sure_ms: int) -> int:
    """The next evaluation that may change something, when all answers are sure to stay until `sure_ms`."""
    following = _following(grid, t)
    if sure_ms < following:
        return following
    if not spell.is_open:
        return _following(grid, sure_ms)
    awaited = min([_NEVER, *(at for at in _awaited(spell, watch, t) if at > t)])
    return min(_last(grid, sure_ms), _following(grid, awaited - 1))


def _awaited(spell: Spell, watch: Watch, t: int) -> Iterator[int]:
    """When an open episode changes by the passing of time alone: it resolves, goes down to a ticket, or recovers."""
    yield spell.last_true_ms + LATCH_MS
    yield spell.last_page_ms + LATCH_MS
    if spell.true and not spell.is_recovering:
        yield max(t + 1, *(LATCH_MS + (watched.pooled.newest_bad(t) or 0) for watched, _ in watch.checks))


@dataclass(slots=True, kw_only=True)
class _Book:
    """Changes as they come, episodes as they end."""

    slo: str
    episodes: list[Episode] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def take(self, change: Change) -> None:
        if change.what in (FIRE, WORSE, DOWN):
            self.changes.append(change)
        elif change.what == RESOLVE:
            self._close(change.at_ms)

    def closed(self) -> list[Episode]:
        """All episodes; one that is still open has no end."""
        if self.changes:
            self._close(None)
        return self.episodes

    def _close(self, resolved_ms: int | None) -> None:
        first = self.changes[0]
        assert first.reading is not None, "what fires has its reading"
        self.episodes.append(Episode(
            slo=self.slo, severity=max((c.severity for c in self.changes), key=SEVERITIES.index), fired_ms=first.at_ms,
            resolved_ms=resolved_ms, rule=first.reading.pair.label, reason=_reason(first),
            changes=tuple((c.at_ms, c.severity) for c in self.changes),
        ))
        self.changes = []


def _reason(change: Change) -> str:
    reading = change.reading
    assert reading is not None, "what fires has its reading"
    pair = reading.pair
    return (
        f"{reading.check}: {reading.long_bad} of {reading.long_n} bad in {window_text(pair.long_ms)}, {reading.short_bad} of"
        f" {reading.short_n} in {window_text(pair.short_ms)}: both burn above {decimal_text(pair.burn)}x"
    )


# --- when it is evaluated ----------------------------------------------------------------------------------------------


def _grid(watch: Watch) -> Sequence[int]:
    """The instants of outcomes and confirmations, ascending. Whole minutes come on top."""
    tracks = [track for watched, _ in watch.checks for track in watched.tracks.values()]
    if len(tracks) == 1 and not tracks[0].confirmed_known:
        return tracks[0].known
    return sorted({t for track in tracks for instants in (track.known, track.heard, track.confirmed_known) for t in instants})


def _following(grid: Sequence[int], t: int) -> int:
    """The first evaluation after t."""
    return min(_next(grid, t), (t // MINUTE_MS + 1) * MINUTE_MS)


def _last(grid: Sequence[int], t: int) -> int:
    """The last evaluation not after t."""
    index = bisect_right(grid, t)
    return max(t // MINUTE_MS * MINUTE_MS, grid[index - 1] if index else 0)


def _next(instants: Sequence[int], t: int) -> int:
    index = bisect_right(instants, t)
    return instants[index] if index < len(instants) else _NEVER


# --- the classic rules -------------------------------------------------------------------------------------------------


def replay_classic(slo: str, checks: Sequence[Watched], policy: Policy, *, start_ms: int, end_ms: int) -> list[Episode]:
    """The classic multi-window multi-burn-rate rules, for comparison: two independent alerts, evaluated every minute.

    Error = bad / observed by count, checks and locations pooled; an empty window is not exceeded; strictly above; no
    gates, no confirmation, no freeze, no latch, no `for` (SRE Workbook, chapter 5).
    """
    found: list[Episode] = []
    pooled = checks[0].pooled if len(checks) == 1 else pool([w.pooled for w in checks])
    for severity in reversed(SEVERITIES):
        pairs = [p for p in policy.pairs if p.severity == severity]
        found += _stretches(slo, pooled, pairs, severity, start_ms, end_ms)
    return sorted(found, key=lambda e: (e.fired_ms, e.severity != PAGE))


def _stretches(
    slo: str, track: Track, pairs: Sequence[Pair], severity: str, start_ms: int, end_ms: int,
) -> Iterator[Episode]:
    fired_ms, rule, plain = None, "", 0
    t = -(-start_ms // MINUTE_MS) * MINUTE_MS
    while t <= end_ms:
        label = _exceeded(track, pairs, t)
        if label and fired_ms is None:
            fired_ms, rule = t, label
        elif not label and fired_ms is not None:
            yield _classic_episode(slo, severity, fired_ms, t, rule)
            fired_ms = None
        if plain:
            t, plain = t + MINUTE_MS, plain - 1
            continue
        following = classic_horizon(track, pairs, t, end_ms, is_true=fired_ms is not None) // MINUTE_MS * MINUTE_MS + MINUTE_MS
        plain = 0 if following > t + MINUTE_MS else _PATIENCE
        t = following
    if fired_ms is not None:
        yield _classic_episode(slo, severity, fired_ms, None, rule)


def _exceeded(track: Track, pairs: Sequence[Pair], t: int) -> str:
    for pair in pairs:
        limit = pair.limit
        if all(n and bad * limit.denominator > limit.numerator * n for n, bad in (
            (track.n(t, pair.short_ms), track.bad(t, pair.short_ms)), (track.n(t, pair.long_ms), track.bad(t, pair.long_ms)),
        )):
            return pair.label
    return ""


def _classic_episode(slo: str, severity: str, fired_ms: int, resolved_ms: int | None, rule: str) -> Episode:
    reason = f"both windows of {rule} burn above their threshold"
    changes = ((fired_ms, severity),)
    return Episode(
        slo=slo, severity=severity, fired_ms=fired_ms, resolved_ms=resolved_ms, rule=rule, reason=reason, changes=changes,
    )
