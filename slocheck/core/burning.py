"""When a burning error budget fires an alert: pairs of windows, gates, freeze, and one episode per SLO. Pure.

Nothing here knows where the counts come from: `core.watched` gives them for any instant, so a live run, a replay of a
year and a simulation decide by the same lines. Thresholds are compared in integers and fractions, strictly above.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.owned import Range, common, is_in
from slocheck.core.policy import PAGE, SEVERITIES, TICKET, Pair, Policy
from slocheck.core.watched import Watched, overlap

LATCH_MS = 600_000
"""An alert that is not true for this long is resolved; what comes back within it is the same spell."""

STALE_STEPS = 3
"""Without a known outcome for this many intervals nothing is decided any more."""

TICKET_BAD = 3
PAGE_BAD_LONG, PAGE_BAD_SHORT = 3, 2
_RECOVERING_UNITS = 3
_QUORUM = 2

FIRE, WORSE, DOWN, RESOLVE, RECOVERING, STALE, BACK = "fire", "worse", "down", "resolve", "recovering", "stale", "back"
TRUE, PENDING, FROZEN = "true", "pending", "frozen"


@frozen
class Reading:
    """What one pair says of one check at one instant. `answer` is true, pending or frozen; frozen has no counts.

    `long_half` is half of what a full long window would hold: the long share is counted as of at least so many.
    """

    check: str
    pair: Pair
    answer: str
    long_n: int = 0
    long_bad: int = 0
    long_half: Fraction = Fraction(1)
    short_n: int = 0
    short_bad: int = 0
    confirmed: int = 0
    places: tuple[str, ...] = ()  # locations whose own short window is exceeded
    places_with_data: int = 0

    @property
    def rule(self) -> str:
        """`home 1h/5m`."""
        return f"{self.check} {self.pair.label}"

    @property
    def long_share(self) -> Fraction:
        """The bad share of the long window as it is compared."""
        return Fraction(self.long_bad) / max(Fraction(self.long_n), self.long_half)

    def burn(self, allowed: Fraction) -> Fraction:
        """The governing burn rate: the lower of long and short."""
        return min(self.long_share, Fraction(self.short_bad, self.short_n)) / allowed


def read(watched: Watched, policy: Policy, t: int, kept: Collection[str] = ()) -> list[Reading]:
    """The pairs of the policy that are not calm at the instant t. `kept` are the rules that were true last: frozen, they stay so.

    A pair without a failure in its short window is calm or frozen, which makes no difference unless it is kept.
    """
    return [r for pair in policy.pairs if (r := _read_pair(watched, pair, t, is_kept=bool(kept))) is not None]


def is_frozen(watched: Watched, pair: Pair, t: int) -> bool:
    """Too little is known to decide: under half of the long window (since birth), or nothing for three intervals."""
    if is_silent(watched, t):
        return True
    return 2 * watched.pooled.n(t, pair.long_ms) * watched.step_ms < watched.full_since_birth(t, pair.long_ms)


def is_silent(watched: Watched, t: int) -> bool:
    """Whether nothing has been known for three intervals, or ever."""
    silence_ms = watched.silence_ms(t)
    return silence_ms is None or silence_ms > STALE_STEPS * watched.every_ms


def _read_pair(watched: Watched, pair: Pair, t: int, *, is_kept: bool) -> Reading | None:
    """None: calm."""
    track, limit = watched.pooled, pair.limit
    short_bad = track.bad(t, pair.short_ms)
    if not short_bad and not is_kept:
        return None
    if is_frozen(watched, pair, t):
        return Reading(check=watched.check, pair=pair, answer=FROZEN)
    short_n = track.n(t, pair.short_ms)
    if short_bad * limit.denominator <= limit.numerator * short_n:
        return None
    long_n, long_bad = track.n(t, pair.long_ms), track.bad(t, pair.long_ms)
    # In units of time instead of probes all of this is whole numbers: n probes stand for n * step. Half of a full window
    # keeps a cold start and a gap from counting one failure as everything.
    seen, full = 2 * long_n * watched.step_ms, watched.full(t, pair.long_ms)
    if 2 * long_bad * watched.step_ms * limit.denominator <= limit.numerator * max(seen, full):
        return None
    confirmed = track.confirmed(t, pair.short_ms)
    places, with_data = _places(watched, pair, t)
    is_open = _is_open(watched, pair, t, long_bad, short_bad, confirmed, len(places), with_data)
    return Reading(
        check=watched.check, pair=pair, answer=TRUE if is_open else PENDING, long_n=long_n, long_bad=long_bad,
        long_half=Fraction(full, 2 * watched.step_ms), short_n=short_n, short_bad=short_bad, confirmed=confirmed, places=places,
        places_with_data=with_data,
    )


def _is_open(
    watched: Watched, pair: Pair, t: int, long_bad: int, short_bad: int, confirmed: int, agreeing: int, with_data: int,
) -> bool:
    """The gate of the pair's severity, once both windows are exceeded."""
    if pair.severity == TICKET:
        return long_bad >= TICKET_BAD
    is_sure = confirmed > 0 or (long_bad >= PAGE_BAD_LONG and short_bad >= PAGE_BAD_SHORT)
    return is_sure and (len(watched.places(t)) < _QUORUM or agreeing >= min(_QUORUM, with_data))


def _places(watched: Watched, pair: Pair, t: int) -> tuple[tuple[str, ...], int]:
    """(locations whose own short window is exceeded, how many have data now)."""
    if len(watched.tracks) == 1:
        return tuple(watched.tracks), 1
    exceeded, with_data, limit = [], 0, pair.limit
    for place, track in sorted(watched.tracks.items()):
        newest = track.newest(t)
        if newest is None or t - newest > STALE_STEPS * watched.every_ms:
            continue
        with_data += 1
        n, bad = track.n(t, pair.short_ms), track.bad(t, pair.short_ms)
        if bad * limit.denominator > limit.numerator * n:
            exceeded.append(place)
    return tuple(exceeded), with_data


# --- an episode ------------------------------------------------------------------------------------------------------


@frozen
class Spell:
    """What an SLO's alert remembers between two evaluations; `to_data` is its JSON form.

    `true` are the rules ("check 1h/5m") that were true last, so that a frozen pair keeps its answer. `severity` is the
    present one, `highest` the worst of the episode, `rule` the one that fired first. `stale` are the silent checks, each
    with its newest known outcome.
    """

    severity: str = ""
    highest: str = ""
    rule: str = ""
    culprit: str = ""
    fired_ms: int = 0
    last_true_ms: int = 0
    last_page_ms: int = 0
    seen_ms: int = 0
    true: tuple[str, ...] = ()
    stale: Mapping[str, int] = field(default_factory=dict)
    is_recovering: bool = False

    def to_data(self) -> dict[str, Any]:
        written = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**written, "true": list(self.true), "stale": dict(self.stale)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Spell:
        """The spell; fields that a later version wrote are left out."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        return cls(**{**known, "true": tuple(known.get("true", ())), "stale": dict(known.get("stale", {}))})

    @property
    def is_open(self) -> bool:
        return bool(self.severity)

    def is_true_of(self, check: str) -> bool:
        """Whether a rule of this check was true last."""
        return any(rule.rpartition(" ")[0] == check for rule in self.true)


@frozen
class Change:
    """Something that people are told. `what`: fire, worse, down, resolve, recovering, stale, back.

    `since_ms` belongs to stale and back: the newest outcome that was known before the silence.
    """

    what: str
    at_ms: int
    severity: str = ""
    reading: Reading | None = None
    check: str = ""
    since_ms: int = 0


@frozen
class Watch:
    """An SLO as alerts see it: each of its checks with the pairs that fit its interval; those that others depend on first."""

    checks: Sequence[tuple[Watched, Policy]] = ()
    excluded: Sequence[Range] = field(init=False)  # of all checks at once

    def __post_init__(self) -> None:
        groups = [w.excluded for w, _ in self.checks]
        object.__setattr__(self, "excluded", common(groups, 0, 1 << 62) if all(groups) else ())

    def is_excluded(self, t: int) -> bool:
        """Whether all of its checks are."""
        return is_in(t, self.excluded)


def step(spell: Spell, watch: Watch, t: int) -> tuple[Spell, list[Change]]:
    """The spell after an evaluation at the instant t, and what is to be told."""
    spell = _clocked(spell, watch, t)
    readings = [r for watched, policy in watch.checks for r in _readings(watched, policy, t, spell)]
    stale, changes = _silences(spell, watch, t)
    firing = [r for r in readings if r.answer == TRUE or (r.answer == FROZEN and r.rule in spell.true)]
    if not firing and not spell.is_open:
        return (spell if stale == spell.stale else replace(spell, stale=stale)), changes
    spell = replace(
        spell, seen_ms=t, stale=stale, true=tuple(sorted(r.rule for r in firing)),
        last_true_ms=t if firing else spell.last_true_ms,
        last_page_ms=t if any(r.pair.severity == PAGE for r in firing) else spell.last_page_ms,
    )
    spell, told = _go_on(spell, watch, firing, t) if spell.is_open else _open(spell, firing, t)
    return spell, [*changes, *told]


def _readings(watched: Watched, policy: Policy, t: int, spell: Spell) -> list[Reading]:
    """The check's pairs. While it is excluded they keep their answers."""
    if watched.is_excluded(t):
        return [Reading(check=watched.check, pair=pair, answer=FROZEN) for pair in policy.pairs]
    return read(watched, policy, t, spell.true)


def _clocked(spell: Spell, watch: Watch, t: int) -> Spell:
    """While everything is excluded the latch's clock stands. Marks from the future (the clock was set back) are now."""
    if not spell.is_open:
        return spell
    held = overlap(watch.excluded, spell.seen_ms, t) if t > spell.seen_ms else 0
    if not held and t >= spell.seen_ms:
        return spell
    return replace(spell, seen_ms=t, last_true_ms=min(t, spell.last_true_ms + held), last_page_ms=min(t, spell.last_page_ms + held))


def _open(spell: Spell, firing: Sequence[Reading], t: int) -> tuple[Spell, list[Change]]:
    first = worst(firing)
    severity = first.pair.severity
    opened = replace(
        spell, severity=severity, highest=severity, rule=first.pair.label, culprit=first.check, fired_ms=t, is_recovering=False,
    )
    return opened, [Change(what=FIRE, at_ms=t, severity=severity, reading=first, check=first.check)]


def _go_on(spell: Spell, watch: Watch, firing: Sequence[Reading], t: int) -> tuple[Spell, list[Change]]:
    if not firing:
        if t - spell.last_true_ms < LATCH_MS:
            return spell, []
        return Spell(seen_ms=t, stale=spell.stale), [Change(what=RESOLVE, at_ms=t, severity=spell.highest, check=spell.culprit)]
    now = worst(firing)
    if spell.severity == TICKET and now.pair.severity == PAGE:
        worse = replace(spell, severity=PAGE, highest=PAGE, culprit=now.check, is_recovering=False)
        return worse, [Change(what=WORSE, at_ms=t, severity=PAGE, reading=now, check=now.check)]
    if spell.severity == PAGE and t - spell.last_page_ms >= LATCH_MS:
        down = replace(spell, severity=TICKET, culprit=now.check)
        return down, [Change(what=DOWN, at_ms=t, severity=TICKET, reading=now, check=now.check)]
    if not spell.is_recovering and now.answer == TRUE and _is_recovering(watch, spell, t):
        change = Change(what=RECOVERING, at_ms=t, severity=spell.severity, reading=now, check=now.check)
        return replace(spell, is_recovering=True), [change]
    return spell, []


def worst(readings: Sequence[Reading]) -> Reading:
    """A page before a ticket, then the highest threshold, then the order of the SLO's checks."""
    return max(readings, key=lambda r: (SEVERITIES.index(r.pair.severity), r.pair.burn))


def _is_recovering(watch: Watch, spell: Spell, t: int) -> bool:
    """Only good units, at least three and for ten minutes, on every check whose rule is still true."""
    tracks = [watched.pooled for watched, _ in watch.checks if spell.is_true_of(watched.check)]
    return all(
        t - (track.newest_bad(t) or 0) >= LATCH_MS and track.good_since_bad(t) >= _RECOVERING_UNITS for track in tracks
    )


def _silences(spell: Spell, watch: Watch, t: int) -> tuple[Mapping[str, int], list[Change]]:
    """The checks that are silent now; one notice per silence of a check, one when its data are back."""
    silent: dict[str, int] = {}
    changes = []
    for watched, _ in watch.checks:
        check, newest = watched.check, watched.pooled.newest(t)
        since_ms = spell.stale.get(check)
        if newest is None:
            silent |= {} if since_ms is None else {check: since_ms}
        elif is_silent(watched, t):
            silent[check] = newest if since_ms is None else since_ms
            if since_ms is None:
                changes.append(Change(what=STALE, at_ms=t, check=check, since_ms=newest))
        elif since_ms is not None:
            changes.append(Change(what=BACK, at_ms=t, check=check, since_ms=since_ms))
    return silent, changes


def state(spell: Spell, watch: Watch, t: int) -> str:
    """inactive, pending, firing, or frozen while no pair can decide."""
    pairs = [(watched, pair) for watched, policy in watch.checks for pair in policy.pairs if not watched.is_excluded(t)]
    if pairs and all(is_frozen(watched, pair, t) for watched, pair in pairs):
        return "frozen"
    if spell.is_open:
        return "firing"
    answers = {r.answer for watched, policy in watch.checks for r in read(watched, policy, t)}
    return "pending" if answers & {PENDING, TRUE} else "inactive"
