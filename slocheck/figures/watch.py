"""What the alert rules of an SLO look at, read from the store: now at the end of a run, or a whole history for a replay.

The quiet case must be cheap, because it is every minute's: one question to the store says for all checks when they were
heard and whether any failed lately. Only where something did are the days of outcomes read that the long windows hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from slocheck.core import burn_alerts, owned, periods, slo
from slocheck.core.alerting import BURN, ancestors, watched_checks
from slocheck.core.burn_alerts import Observed
from slocheck.core.burning import STALE_STEPS, Change, Reading, Spell, Watch, is_frozen, state, step
from slocheck.core.evidence import command, falling_short, what
from slocheck.core.model import Alert, AlertState, Check, Event, Outcome, Role, Slo, Suite, Verdict
from slocheck.core.periods import Bounds
from slocheck.core.policy import HOUR_MS, derive, slice_ms
from slocheck.core.records import outcome_id
from slocheck.core.sli import sli_verdict
from slocheck.core.units import duration_text
from slocheck.core.watched import HEARD_MS, Track, Watched, confirmations, track_instants, track_outcomes, track_slices
from slocheck.figures import exclusions
from slocheck.figures.ledger import Ledger
from slocheck.store import Heard, Store

LONGEST_MS = 72 * HOUR_MS
"""The longest window of the derived policies."""

_SHOWN = 5  # outcomes that an explanation names
_LOOKED_AT = 200


def observe(suite: Suite, store: Store, alerts: Sequence[Alert], now_ms: int) -> list[Observed]:
    """Every SLO that has something to look at, evaluated now: one where nothing failed lately and nothing is open is left out."""
    watching = {declared.name: (declared, watched_checks(suite, declared)) for declared in suite.slos}
    watching = {name: pair for name, pair in watching.items() if pair[1]}
    if not watching:
        return []
    reaches = {name: _reach_ms(declared, checks) for name, (declared, checks) in watching.items()}
    heard = store.heard(since_ms=now_ms - max(reaches.values()), now_ms=now_ms)
    held = {a.subject: a for a in alerts if a.rule == BURN}
    found = []
    for name, (declared, checks) in watching.items():
        desk = _Desk(suite, store, declared, checks, [h for h in heard if any(h.check == c.name for c in checks)])
        alert = held.get(name)
        if (alert is not None and not _is_at_rest(alert)) or not desk.is_quiet(reaches[name], now_ms):
            found.append(_observed(desk, alert, now_ms))
    return found


def history(suite: Suite, store: Store, declared: Slo, *, start_ms: int, end_ms: int, is_counted: bool = False) -> Watch:
    """The SLO's history from `start_ms` on, with what the longest window needs before it.

    `is_counted`: outcomes of every check by count, whatever the method, as the classic rules take them.
    """
    checks = watched_checks(suite, declared)
    if is_counted:
        checks = [c for c in suite.checks if c.name in declared.checks and c.is_enabled]
    heard = store.heard(since_ms=end_ms, now_ms=end_ms)
    desk = _Desk(suite, store, declared, checks, [h for h in heard if any(h.check == c.name for c in checks)], is_counted=is_counted)
    return desk.watch(start_ms - max(_longest_ms(declared, checks), LONGEST_MS), end_ms)


def _is_at_rest(alert: Alert) -> bool:
    return alert.state is AlertState.INACTIVE and not alert.data.get("stale")


def _reach_ms(declared: Slo, checks: Sequence[Check]) -> int:
    return max((p.short_ms for c in checks for p in derive(declared, c.every_ms).pairs), default=0) + slice_ms(declared)


def _longest_ms(declared: Slo, checks: Sequence[Check]) -> int:
    return max((p.long_ms for c in checks for p in derive(declared, c.every_ms).pairs), default=0) + slice_ms(declared)


def alerted(
    suite: Suite, store: Store, alerts: Sequence[Alert], now_ms: int,
) -> tuple[list[Alert], list[Event]]:
    """(the alerts of SLOs that changed, what to tell) at the end of a run."""
    observed = observe(suite, store, alerts, now_ms)
    return burn_alerts.transitions(suite, alerts, observed, now_ms, evidence=Evidence(suite, store, now_ms))


def _observed(desk: _Desk, alert: Alert | None, now_ms: int) -> Observed:
    before = Spell.from_data(alert.data) if alert is not None else Spell()
    watch = desk.watch(now_ms - _longest_ms(desk.slo, desk.checks), now_ms)
    spell, changes = step(before, watch, now_ms)
    return Observed(slo=desk.slo, watch=watch, spell=spell, changes=tuple(changes), state=AlertState(state(spell, watch, now_ms)))


class _Desk:
    """One SLO's checks and what the store knows of them."""

    def __init__(
        self, suite: Suite, store: Store, declared: Slo, checks: Sequence[Check], heard: Sequence[Heard], *, is_counted: bool = False,
    ) -> None:
        self.suite, self.store, self.slo, self.checks, self.heard = suite, store, declared, checks, heard
        self.slice_ms = 0 if is_counted else slice_ms(declared)
        self.is_plain = declared.sli.name == "availability" and not declared.sli.part
        self.excluded = {check: owned.merged(ranges) for check, ranges in exclusions(suite, [c.name for c in checks]).items()}

    def is_quiet(self, reach_ms: int, now_ms: int) -> bool:
        """Whether no failure lies within the longest short window, and a pair of each check can decide: then none is true."""
        if self.is_plain:
            return not any(h.failed for h in self.heard) and all(self._is_well_known(c, now_ms) for c in self.checks)
        watch = self.watch(now_ms - max(reach_ms, HOUR_MS), now_ms)  # only the outcomes know what this SLI calls bad
        begun = [(w, policy) for w, policy in watch.checks if w.births]
        return all(
            not w.pooled.bad_between(now_ms - reach_ms, now_ms) and not is_frozen(w, policy.pairs[0], now_ms) for w, policy in begun
        )

    def _is_well_known(self, check: Check, now_ms: int) -> bool:
        """Whether it was heard within three intervals, and half of what the last hour should hold is there."""
        heard = [h for h in self.heard if h.check == check.name and h.birth_ms <= now_ms]
        if not heard or owned.is_in(now_ms, self.excluded[check.name]):
            return True
        newest = max((h.known_ms for h in heard if h.known_ms is not None), default=0)
        expected_ms = sum(min(HOUR_MS, now_ms - h.birth_ms) for h in heard if h.known_ms is not None and now_ms - h.known_ms <= HEARD_MS)
        return now_ms - newest <= STALE_STEPS * check.every_ms and 2 * sum(h.recent for h in heard) * check.every_ms >= expected_ms

    def watch(self, start_ms: int, end_ms: int) -> Watch:
        """The checks with their outcomes in (start_ms, end_ms]; exclusions are taken out."""
        return Watch(checks=tuple((self._watched(c, start_ms, end_ms), derive(self.slo, c.every_ms)) for c in self.checks))

    def _watched(self, check: Check, start_ms: int, end_ms: int) -> Watched:
        births = {h.location: h.birth_ms for h in self.heard if h.check == check.name and h.birth_ms <= end_ms}
        tracks = {place: self._track(check, place, start_ms, end_ms) for place in sorted(births)}
        return Watched(
            check=check.name, step_ms=self.slice_ms or check.every_ms, every_ms=check.every_ms, tracks=tracks, births=births,
            declared=self.suite.locations, excluded=tuple(self.excluded[check.name]),
        )

    def _track(self, check: Check, place: str, start_ms: int, end_ms: int) -> Track:
        excluded = self.excluded[check.name]
        if self.is_plain and not self.slice_ms:
            at, bad = self.store.instants(check.name, place, start_ms=start_ms, end_ms=end_ms)
            return track_instants(at, bad, excluded, self._confirmed(check, place, at, bad))
        points = self.store.points(check.name, place, self.slo.sli, start_ms=start_ms, end_ms=end_ms)
        points = [p for p in points if p.at_ms <= end_ms]
        bad = [p.at_ms for p in points if p.verdict is Verdict.BAD]
        confirmed = self._confirmed(check, place, [p.at_ms for p in points], bad)
        if self.slice_ms:
            return track_slices(points, self.slice_ms, self.slo.slice_target, excluded, confirmed)
        return track_outcomes(points, excluded, confirmed)

    def _confirmed(self, check: Check, place: str, at: Sequence[int], bad: Sequence[int]) -> Mapping[int, int]:
        """The re-probes are only read where something failed."""
        if not bad:
            return {}
        again = self.store.outcomes(
            check=check.name, location=place, start_ms=bad[0], end_ms=at[-1] + check.every_ms, roles=(Role.CONFIRM,),
        )
        return confirmations(at, [(o.at_ms, o.verdict) for o in again], max(1, check.confirm))


# --- what a message says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """Finds what a change of an SLO's alert is about. Asked only when something is told."""

    suite: Suite
    store: Store
    now_ms: int

    def __call__(self, seen: Observed, change: Change, since_ms: int) -> dict[str, Any]:
        """JSON values; exact numbers as text ("9/125"). `since_ms`: where the trouble began."""
        watched = next((w for w, _ in seen.watch.checks if w.check == change.check), None)
        last_ms = watched.pooled.newest_bad(self.now_ms) if watched else None
        outcomes = self._short(seen, change.check, last_ms)
        return {
            "kind": change.what, "check": change.check, "severity": change.severity, "since_ms": since_ms, "last_ms": last_ms,
            "every_ms": watched.every_ms if watched else 0,
            "what": falling_short(outcomes[0], seen.slo.sli) if outcomes else "",
            "curl": command(outcomes[0].facts.get("curl")) if outcomes else "",
            "outcomes": [
                {"id": outcome_id(o), "at_ms": o.at_ms, "location": o.location, "what": falling_short(o, seen.slo.sli)}
                for o in outcomes[:_SHOWN]
            ],
            "dependents": self._dependents(change.check),
            **self._of_reading(seen, change.reading), **self._of_silence(seen, change), **self._of_budget(seen, change.reading, since_ms),
        }

    def _short(self, seen: Observed, check: str, last_ms: int | None) -> list[Outcome]:
        """The newest outcomes that fell short, newest first."""
        if last_ms is None:
            return []
        end_ms = min(self.now_ms, last_ms + slice_ms(seen.slo))
        newest = self.store.outcomes(check=check, end_ms=end_ms, roles=(Role.SCHEDULED,), newest_first=True, limit=_LOOKED_AT)
        return [o for o in newest if sli_verdict(seen.slo.sli, o.verdict, o.latency_us, o.facts) is Verdict.BAD]

    def _dependents(self, check: str) -> list[dict[str, str]]:
        """The checks that depend on it and are bad as well."""
        above = ancestors(self.suite.checks)
        below = [c.name for c in self.suite.checks if c.is_enabled and check in above[c.name]]
        newest = [
            o for name in below
            for o in self.store.outcomes(check=name, end_ms=self.now_ms, roles=(Role.SCHEDULED,), newest_first=True, limit=1)
        ]
        return [{"name": o.check, "what": what(o)} for o in newest if o.verdict is Verdict.BAD]

    def _of_reading(self, seen: Observed, reading: Reading | None) -> dict[str, Any]:
        """Both windows of the pair, and how sure it is."""
        if reading is None or not reading.long_n:
            return {}
        watched = next(w for w, _ in seen.watch.checks if w.check == reading.check)
        pair = reading.pair
        return {
            "pair": {
                "long_ms": pair.long_ms, "short_ms": pair.short_ms, "burn": str(pair.burn), "limit": str(pair.limit),
                "severity": pair.severity,
            },
            "long": [reading.long_bad, reading.long_n], "short": [reading.short_bad, reading.short_n], "half": str(reading.long_half),
            "again": self.suite.check(reading.check).confirm if reading.confirmed else 0,
            "places": list(reading.places), "with_data": reading.places_with_data, "expected_places": len(watched.places(self.now_ms)),
        }

    def _of_silence(self, seen: Observed, change: Change) -> dict[str, Any]:
        """What came instead of answers, if anything did."""
        watched = next((w for w, _ in seen.watch.checks if w.check == change.check), None)
        if watched is None or not change.since_ms:
            return {}
        newest = self.store.outcomes(
            check=change.check, start_ms=change.since_ms, end_ms=self.now_ms, roles=(Role.SCHEDULED,), newest_first=True, limit=1,
        )
        asked = next((o for o in newest if o.verdict is Verdict.UNKNOWN), None)
        return {
            "silent_ms": self.now_ms - change.since_ms, "silent_places": list(watched.places(self.now_ms)),
            "unknown": "" if asked is None else next((f.message or f.id for f in asked.findings), "the outcome is unknown"),
        }

    def _of_budget(self, seen: Observed, reading: Reading | None, since_ms: int) -> dict[str, Any]:
        """The SLO's figures as of now, and what the trouble since `since_ms` cost."""
        declared, objective = seen.slo, seen.slo.objectives[0]
        ledger = Ledger(self.store, declared, self.now_ms, exclusions(self.suite, declared.checks))
        frame = periods.frame(declared.window, self.now_ms)
        sums = ledger.sums(frame)
        status = slo.evaluate(declared, objective, frame, sums, as_of_ms=self.now_ms, is_firing=True)
        every_ms = max(w.every_ms for w, _ in seen.watch.checks)
        cost = ledger.tally(Bounds(since_ms - every_ms, self.now_ms, since_ms - every_ms + 1, self.now_ms + 1)) if since_ms else None
        facts = {
            "objective": objective.text, "window": declared.window.calendar or _window_text(declared),
            "sli": _text(status.sli), "coverage": _text(status.coverage), "left_s": _text(status.budget_remaining_s),
            "total_s": _text(status.budget_total_s), "confidence": dict(status.confidence or {}), "n": status.n,
            "bad_s": _text(cost.bad_s) if cost else None,
        }
        if reading is None or not reading.long_n:
            return facts
        burn = reading.burn(1 - objective.target)
        length_s = Fraction(frame.length_ms, 1000) - sums.excluded_s
        gone_s = slo.countdown(frame, sums.window, status.budget_total_s, reading.long_share)
        return {**facts, "burn": str(burn), "pace_s": str(length_s / burn), "gone_s": _text(gone_s)}


def _window_text(declared: Slo) -> str:
    return duration_text(declared.window.duration) if declared.window.duration else ""


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
