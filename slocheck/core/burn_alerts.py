"""Alerts of SLOs: what `core.burning` decides as alert states, and as the events that people are told. Pure.

One alert for each SLO, rule `burn`. Its episode is named after the newest failure at its firing, so two runs that see the
same history name it alike; every message of it has a number, so each is told once. An episode whose culprit depends on
a check that is in an open episode itself is folded: it is told only if it goes on when the other is over.

Silence of a check is told once and its end once, whatever SLOs the check is in, as an episode of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slocheck.core import reminders
from slocheck.core.alert_table import FIRING, RESOLVED, event_key
from slocheck.core.alerting import BURN, ancestors, covering, is_told, watched_checks
from slocheck.core.burning import BACK, DOWN, FIRE, RECOVERING, RESOLVE, STALE, WORSE, Change, Reading, Spell, Watch, read, worst
from slocheck.core.model import Alert, AlertState, Event, Slo, Suite
from slocheck.core.policy import PAGE, TICKET
from slocheck.core.records import computed_id
from slocheck.core.reminders import REMIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One SLO after an evaluation: what was looked at, the spell now, and what changed."""

    slo: Slo
    watch: Watch
    spell: Spell
    changes: tuple[Change, ...]
    state: AlertState


Evidence = Callable[[Observed, Change, int], Mapping[str, Any]]
"""(what was seen, the change, since when it is bad) -> the facts of its message, JSON values only."""


def transitions(
    suite: Suite, alerts: Sequence[Alert], observed: Sequence[Observed], now_ms: int, *, evidence: Evidence,
) -> tuple[list[Alert], list[Event]]:
    """(the alerts that changed, what to tell). The same arguments give the same events with the same keys."""
    above = ancestors(suite.checks)
    table = _Table(suite=suite, now_ms=now_ms, evidence=evidence, above=above, book={(a.subject, a.rule): a for a in alerts})
    for seen in sorted(observed, key=lambda o: len(above.get(o.spell.culprit, ()))):  # parents first: they cover their children
        _take(table, seen)
    _end_undeclared(table)
    before = {(a.subject, a.rule): a for a in alerts}
    return [a for key, a in table.book.items() if before.get(key) != a], list(table.events.values())


@dataclass(slots=True, kw_only=True)
class _Table:
    suite: Suite
    now_ms: int
    evidence: Evidence
    above: Mapping[str, set[str]]
    book: dict[tuple[str, str], Alert]
    events: dict[str, Event] = field(default_factory=dict)

    def tell(self, subject: str, episode: str, transition: str, at_ms: int, word: str, on: str, data: Mapping[str, Any]) -> None:
        key = event_key(self.suite.name, subject, BURN, episode, transition)
        self.events.setdefault(key, Event(
            key=key, suite=self.suite.name, subject=subject, rule=BURN, episode=episode, transition=transition, word=word, on=on,
            at_ms=at_ms, data={**data, "episode": episode},
        ))

    def roof(self, check: str) -> str:
        """Whose open episode covers this check: an ancestor's, "" if there is none."""
        covers = covering(self.book.values())
        return next((covers[name] for name in sorted(self.above.get(check, ())) if name in covers), "")


def _take(table: _Table, seen: Observed) -> None:
    key = seen.slo.name, BURN
    alert = table.book.get(key) or Alert(subject=seen.slo.name, rule=BURN)
    for change in seen.changes:
        if change.what in (STALE, BACK):
            _tell_silence(table, seen, change)
        else:
            alert = _changed(table, seen, alert, change)
    alert = _belated(table, seen, alert)
    if not seen.spell.is_open:
        alert = Alert(subject=alert.subject, rule=BURN, state=seen.state, data=_kept(seen))
    else:
        alert = replace(alert, state=seen.state, severity=seen.spell.severity, data={**alert.data, **seen.spell.to_data()})
        alert = _reminded(table, seen, alert)
    if alert != Alert(subject=alert.subject, rule=BURN) or key in table.book:
        table.book[key] = alert


def _kept(seen: Observed) -> dict[str, Any]:
    """What is remembered outside of an episode."""
    if seen.spell.stale:
        return {"stale": dict(seen.spell.stale), "what": f"measurement stale: nothing is known of {', '.join(sorted(seen.spell.stale))}"}
    return {"what": "under half of what every window should hold is known"} if seen.state is AlertState.FROZEN else {}


def _changed(table: _Table, seen: Observed, alert: Alert, change: Change) -> Alert:
    """The alert after the change; who is to hear of it is told."""
    if change.what == FIRE:
        alert = _fired(table, seen, change)
    return _told(table, seen, alert, change) if is_told(alert) else alert


def _told(table: _Table, seen: Observed, alert: Alert, change: Change) -> Alert:
    facts = table.evidence(seen, change, alert.since_ms)
    classes, number = list(alert.data.get("heard", ())), alert.data.get("messages", 0) + 1
    if change.what not in (FIRE, WORSE, DOWN):
        _tell_change(table, alert, change, facts, classes, number)
        return replace(alert, data={**alert.data, "messages": number})
    classes += [] if change.severity in classes else [change.severity]
    _tell_change(table, alert, change, facts, classes, number)
    return replace(alert, data={**alert.data, "messages": number, "heard": classes, "fired": facts, "what": _summary(facts)})


def _fired(table: _Table, seen: Observed, change: Change) -> Alert:
    reading = change.reading
    assert reading is not None, "what fires has its reading"
    track = next(w for w, _ in seen.watch.checks if w.check == change.check).pooled
    newest_ms = track.newest_bad(change.at_ms) or change.at_ms
    since_ms = track.row_began(change.at_ms, reading.pair.short_ms, reading.pair.long_ms)
    roof = table.roof(change.check)
    return Alert(
        subject=seen.slo.name, rule=BURN, state=AlertState.FIRING, severity=change.severity, since_ms=since_ms or newest_ms,
        episode=computed_id(table.suite.name, seen.slo.name, "", BURN, newest_ms, 0),
        data={"told": not roof, "roof": roof, "what": f"{change.check}: budget burning"},
    )


def _belated(table: _Table, seen: Observed, alert: Alert) -> Alert:
    """A folded episode that goes on when its parent's is over is told by itself, as it stands now."""
    if not seen.spell.is_open or is_told(alert) or table.roof(seen.spell.culprit) or not (now := _true_now(seen, table.now_ms)):
        return alert
    reading = worst(now)
    change = Change(what=FIRE, at_ms=table.now_ms, severity=seen.spell.severity, reading=reading, check=reading.check)
    return _told(table, seen, replace(alert, data={**alert.data, "told": True, "roof": ""}), change)


def _reminded(table: _Table, seen: Observed, alert: Alert) -> Alert:
    if seen.watch.is_excluded(table.now_ms):
        return alert
    for name, number in reminders.due(alert, table.suite.destinations, told_classes(alert), table.now_ms):
        now = _true_now(seen, table.now_ms)
        reading = worst(now) if now else None
        change = Change(what=REMIND, at_ms=table.now_ms, severity=alert.severity, reading=reading, check=seen.spell.culprit)
        facts = {**table.evidence(seen, change, alert.since_ms), "fired_ms": reminders.began_ms(alert)}
        data = {**facts, "only": name, "to": list(told_classes(alert))}
        table.tell(alert.subject, alert.episode, f"{REMIND} {name} {number}", table.now_ms, alert.severity.upper(), alert.severity, data)
        alert = replace(alert, data=reminders.noted(alert, name, number))
    return alert


def _true_now(seen: Observed, now_ms: int) -> list[Reading]:
    return [r for w, policy in seen.watch.checks for r in read(w, policy, now_ms) if r.rule in seen.spell.true and r.long_n]


def _summary(facts: Mapping[str, Any]) -> str:
    """One clause for screens."""
    return f"{facts.get('check', '')}: {facts.get('what') or 'budget burning'}"


def _tell_change(
    table: _Table, alert: Alert, change: Change, facts: Mapping[str, Any], told: Sequence[str], number: int,
) -> None:
    """`to` are the classes of which a destination must hear one; `of` those of which it must have heard one before."""
    if change.what == RESOLVE:
        table.tell(alert.subject, alert.episode, RESOLVED, change.at_ms, "RESOLVED", "resolve", {**facts, "of": list(told)})
    elif change.what == RECOVERING:
        table.tell(alert.subject, alert.episode, f"recovering {number}", change.at_ms, "WARN", "warn", {**facts, "to": list(told)})
    elif change.what == DOWN:
        data = {**facts, "to": [PAGE, TICKET]}
        table.tell(alert.subject, alert.episode, f"ticket {number}", change.at_ms, "TICKET", TICKET, data)
    else:
        transition = FIRING if number == 1 else f"{change.severity} {number}"
        table.tell(alert.subject, alert.episode, transition, change.at_ms, change.severity.upper(), change.severity, facts)


def _tell_silence(table: _Table, seen: Observed, change: Change) -> None:
    """Once per silence of a check: SLOs that share it name it alike, and the outbox takes one of them."""
    episode = computed_id(table.suite.name, change.check, "", STALE, change.since_ms, 0)
    key = event_key(table.suite.name, change.check, STALE, episode, change.what)
    word, on, of = ("STALE", "warn", {}) if change.what == STALE else ("RESOLVED", "resolve", {"of": ["warn"]})
    table.events.setdefault(key, Event(
        key=key, suite=table.suite.name, subject=seen.slo.name, rule=BURN, episode=episode, word=word, on=on, at_ms=change.at_ms,
        transition=FIRING if change.what == STALE else RESOLVED, data={**table.evidence(seen, change, 0), **of},
    ))


def _end_undeclared(table: _Table) -> None:
    """An SLO that was removed, or has no pair any more, is evaluated no more: its open episode would never end."""
    watching = {slo.name for slo in table.suite.slos if watched_checks(table.suite, slo)}
    for alert in list(table.book.values()):
        if alert.rule == BURN and alert.subject not in watching and alert.state is not AlertState.INACTIVE:
            if alert.episode and is_told(alert):
                data = {"kind": RESOLVE, "reason": "has no alerts any more", "since_ms": alert.since_ms, "of": list(told_classes(alert))}
                table.tell(alert.subject, alert.episode, RESOLVED, table.now_ms, "RESOLVED", "resolve", data)
            table.book[alert.subject, BURN] = Alert(subject=alert.subject, rule=BURN)


def told_classes(alert: Alert) -> Sequence[str]:
    """The classes of messages that this open episode has had so far."""
    classes: Sequence[str] = alert.data.get("heard", ())
    return classes
