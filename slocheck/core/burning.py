"""When a burning error budget fires an alert: pairs of windows, gates, freeze, and one episode per SLO. Pure.

Nothing here knows where the counts come from: `core.watched` gives them for any instant, so a live run, a replay of a
year and a simulation decide by the same lines. Thresholds are compared in integers and fractions, strictly above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from slocheck.core.policy import PAGE, TICKET, Pair, Policy
from slocheck.core.watched import Watched

LATCH_MS = 600_000
"""An alert that is not true for this long is resolved; what comes back within it is the same spell."""

STALE_STEPS = 3
"""Without a known unit for this many intervals nothing is decided any more."""

_TICKET_BAD = 3
_PAGE_BAD_LONG, _PAGE_BAD_SHORT = 3, 2
_RECOVERING_UNITS = 3
_QUORUM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one pair says of one check at one instant. `answer` is fire, pending, calm or frozen; calm and frozen have no counts."""

    check: str
    pair: Pair
    answer: str
    long_n: int = 0
    long_bad: int = 0
    short_n: int = 0
    short_bad: int = 0
    confirmed: int = 0
    places: tuple[str, ...] = ()  # locations whose own short window is exceeded
    places_with_data: int = 0

    def is_rule(self, label: str) -> bool:
        return self.answer == "fire" and self.pair.label == label

    def burn(self, allowed: Fraction) -> Fraction | None:
        """The governing burn rate: the lower of long and short."""
        if not self.long_n or not self.short_n:
            return None
        return min(Fraction(self.long_bad, self.long_n), Fraction(self.short_bad, self.short_n)) / allowed


def read(watched: Watched, policy: Policy, t: int) -> list[Reading]:
    """Every pair of the policy at the instant t."""
    silence = watched.newest(t)
    is_silent = silence is None or t - silence > STALE_STEPS * watched.step_ms
    return [_read_pair(watched, pair, policy.allowed, t, is_silent=is_silent) for pair in policy.pairs]


def _read_pair(watched: Watched, pair: Pair, allowed: Fraction, t: int, *, is_silent: bool) -> Reading:
    long_n = watched.pooled.n(t, pair.long_ms)
    # In units of time instead of units of probes all of this is whole numbers: n probes stand for n * step.
    seen, full = long_n * watched.step_ms, watched.full(t, pair.long_ms)
    if is_silent or 2 * seen < min(full, watched.full_since_birth(t, pair.long_ms)):
        return Reading(check=watched.check, pair=pair, answer="frozen")
    short_bad = watched.pooled.bad(t, pair.short_ms)
    if not short_bad:
        return Reading(check=watched.check, pair=pair, answer="calm")
    limit = pair.limit(allowed)
    long_bad, short_n = watched.pooled.bad(t, pair.long_ms), watched.pooled.n(t, pair.short_ms)
    # Half of a full window keeps a cold start and a gap from counting one failure as everything.
    is_long = 2 * long_bad * watched.step_ms * limit.denominator > limit.numerator * max(2 * seen, full)
    is_short = short_bad * limit.denominator > limit.numerator * short_n
    if not (is_long and is_short):
        return Reading(check=watched.check, pair=pair, answer="calm")
    return _gated(watched, pair, limit, t, Reading(
        check=watched.check, pair=pair, answer="pending", long_n=long_n, long_bad=long_bad, short_n=short_n, short_bad=short_bad,
        confirmed=watched.pooled.confirmed(t, pair.short_ms),
    ))


def _gated(watched: Watched, pair: Pair, limit: Fraction, t: int, reading: Reading) -> Reading:
    """Both windows are exceeded: fire, or pending while the gate of its severity is closed."""
    if pair.severity == TICKET:
        return replace(reading, answer="fire" if reading.long_bad >= _TICKET_BAD else "pending")
    places, with_data = _places(watched, pair, limit, t)
    is_sure = reading.confirmed > 0 or (reading.long_bad >= _PAGE_BAD_LONG and reading.short_bad >= _PAGE_BAD_SHORT)
    is_agreed = watched.places < _QUORUM or len(places) >= min(_QUORUM, with_data)
    return replace(reading, answer="fire" if is_sure and is_agreed else "pending", places=places, places_with_data=with_data)


def _places(watched: Watched, pair: Pair, limit: Fraction, t: int) -> tuple[tuple[str, ...], int]:
    """(locations whose own short window is exceeded, how many have data now)."""
    exceeded, with_data = [], 0
    for place, track in sorted(watched.tracks.items()):
        newest = track.newest(t)
        if newest is None or t - newest > STALE_STEPS * watched.step_ms:
            continue
        with_data += 1
        n, bad = track.n(t, pair.short_ms), track.bad(t, pair.short_ms)
        if n and bad > limit * n:
            exceeded.append(place)
    return tuple(exceeded), with_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """What an SLO's alert remembers between two evaluations; `to_data` is its JSON form.

    `true` are the rules ("check 1h/5m") that were true last, so that a frozen pair keeps its answer. `severity` is the
    present one, `highest` the worst of the episode, `rule` the one that fired first.
    """

    state: str = "inactive"
    severity: str = ""
    highest: str = ""
    rule: str = ""
    culprit: str = ""
    fired_ms: int = 0
    last_true_ms: int = 0
    last_page_ms: int = 0
    seen_ms: int = 0
    true: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    is_recovering: bool = False

    def to_data(self) -> dict[str, Any]:
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in self.__dataclass_fields__}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Spell:
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in cls.__dataclass_fields__}
        return cls(**known)

    @property
    def is_open(self) -> bool:
        return bool(self.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that people are told. `what`: fire, worse, down, resolve, recovering, stale, back."""

    what: str
    at_ms: int
    severity: str = ""
    reading: Reading | None = None
    check: str = ""
    silent_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """An SLO as alerts see it: each of its checks with the pairs that fit its interval."""

    checks: Sequence[tuple[Watched, Policy]] = field(default_factory=tuple)


def step(spell: Spell, watch: Watch, t: int) -> tuple[Spell, list[Change]]:
    """The spell after an evaluation at the instant t, and what is to be told. Evaluations must ascend."""
    if watch.checks and all(w.is_excluded(t) for w, _ in watch.checks):
        return _hold(spell, t), []
    readings = [r for watched, policy in watch.checks if not watched.is_excluded(t) for r in read(watched, policy, t)]
    stale, changes = _silences(spell, watch, t)
    firing = [r for r in readings if r.answer == "fire" or (r.answer == "frozen" and _rule_of(r) in spell.true)]
    if not firing and not spell.is_open:
        state = _state(spell, readings)
        if (state, stale) == (spell.state, spell.stale):
            return spell, changes
        return replace(spell, state=state, stale=stale), changes
    spell = replace(
        spell, seen_ms=t, stale=stale, true=tuple(sorted(_rule_of(r) for r in firing)),
        last_true_ms=t if firing else spell.last_true_ms,
        last_page_ms=t if any(r.pair.severity == PAGE for r in firing) else spell.last_page_ms,
    )
    spell, told = _go_on(spell, watch, firing, t) if spell.is_open else _open(spell, firing, t)
    return replace(spell, state=_state(spell, readings)), [*changes, *told]


def _hold(spell: Spell, t: int) -> Spell:
    """During an exclusion the state is held, and the clock of the latch stands."""
    passed = t - spell.seen_ms if spell.seen_ms else 0
    return replace(spell, seen_ms=t, last_true_ms=spell.last_true_ms + passed, last_page_ms=spell.last_page_ms + passed)


def _rule_of(reading: Reading) -> str:
    return f"{reading.check} {reading.pair.label}"


def _open(spell: Spell, firing: Sequence[Reading], t: int) -> tuple[Spell, list[Change]]:
    first = _worst(firing)
    assert first is not None
    opened = replace(
        spell, severity=first.pair.severity, highest=first.pair.severity, rule=first.pair.label, culprit=first.check, fired_ms=t,
        is_recovering=False,
    )
    return opened, [Change(what="fire", at_ms=t, severity=first.pair.severity, reading=first, check=first.check)]


def _go_on(spell: Spell, watch: Watch, firing: Sequence[Reading], t: int) -> tuple[Spell, list[Change]]:
    worst = _worst(firing)
    if spell.severity == TICKET and worst is not None and worst.pair.severity == PAGE:
        worse = replace(spell, severity=PAGE, highest=PAGE, culprit=worst.check, is_recovering=False)
        return worse, [Change(what="worse", at_ms=t, severity=PAGE, reading=worst, check=worst.check)]
    if not firing and t - spell.last_true_ms >= LATCH_MS:
        change = Change(what="resolve", at_ms=t, severity=spell.highest, check=spell.culprit)
        return Spell(seen_ms=t, stale=spell.stale), [change]
    if spell.severity == PAGE and t - spell.last_page_ms >= LATCH_MS and firing:
        return replace(spell, severity=TICKET), [Change(what="down", at_ms=t, severity=TICKET, reading=worst, check=spell.culprit)]
    if not spell.is_recovering and firing and _is_recovering(watch, spell, t):
        return replace(spell, is_recovering=True), [Change(what="recovering", at_ms=t, severity=spell.severity, check=spell.culprit)]
    return spell, []


def _worst(firing: Sequence[Reading]) -> Reading | None:
    """A page before a ticket, then the highest threshold, then the order of the SLO's checks."""
    return max(firing, key=lambda r: (r.pair.severity == PAGE, r.pair.burn), default=None)


def _is_recovering(watch: Watch, spell: Spell, t: int) -> bool:
    """Only good units, at least three and for ten minutes, on every check whose rule is still true."""
    for watched, _ in watch.checks:
        if not any(rule.rsplit(" ", 1)[0] == watched.check for rule in spell.true):
            continue
        wait = max(LATCH_MS, _RECOVERING_UNITS * watched.step_ms)
        if watched.pooled.bad(t, wait) or watched.pooled.n(t, wait) < _RECOVERING_UNITS:
            return False
    return True


def _silences(spell: Spell, watch: Watch, t: int) -> tuple[tuple[str, ...], list[Change]]:
    """The checks that are silent now; one notice per silence of a check, one when its data are back."""
    silent: list[str] = []
    changes = []
    for watched, _ in watch.checks:
        newest = watched.newest(t)
        is_old = newest is not None and t - newest > STALE_STEPS * watched.step_ms
        was_stale = watched.check in spell.stale
        if watched.is_excluded(t) or newest is None:
            silent += [watched.check] if was_stale else []
            continue
        if is_old:
            silent.append(watched.check)
            if not was_stale:
                changes.append(Change(what="stale", at_ms=t, check=watched.check, silent_ms=t - newest))
        elif was_stale:
            changes.append(Change(what="back", at_ms=t, check=watched.check))
    return tuple(silent), changes


def _state(spell: Spell, readings: Sequence[Reading]) -> str:
    if readings and all(r.answer == "frozen" for r in readings):
        return "frozen"
    if spell.is_open:
        return "firing"
    return "pending" if any(r.answer == "pending" for r in readings) else "inactive"
