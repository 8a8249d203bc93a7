"""The rule `warn:ID`: from warn findings to episodes. Pure; `core.alerting` calls it with each outcome.

A kind may say (`Manner`) how urgent a finding is, and which thing it is about. Checks that name the same thing have one
episode together: a certificate on fifty hosts that is about to end is one message, not fifty. Who sees it later joins
silently, and it ends when nobody sees it any more.

An alert is told at most once in 24 hours, whatever alternates. One that comes back sooner is open again without a word, and so
is its end; if it is still there when the 24 hours are over, it is told.

Only a good outcome says that a warning is gone: a failure may have ended before it could be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from slocheck.core.alert_table import DAY_MS, FIRING, RESOLVED, Table
from slocheck.core.frozen import frozen
from slocheck.core.model import Alert, AlertState, Check, Finding, FindingKind, Outcome, Role, Severity, Thing, Verdict
from slocheck.core.records import computed_id, finding_record

WARN = "warn:"

_REFRESH_MS = 3_600_000  # when it was seen is not written every minute: each change is a write


def _about_the_check(_outcome: Outcome) -> Mapping[str, Sequence[Thing]]:
    return {}


@frozen
class Manner:
    """How the warnings of a kind are told: their classes, and {finding id: the things that it is about} of an outcome."""

    findings: Mapping[str, FindingKind] = field(default_factory=dict)
    about: Callable[[Outcome], Mapping[str, Sequence[Thing]]] = _about_the_check


@frozen
class _Sight:
    """One warn finding about one thing, seen by one check."""

    subject: str
    rule: str
    finding: Finding
    thing: Thing
    kind: FindingKind
    is_alone: bool  # the finding is about nothing else

    @property
    def what(self) -> str:
        return self.thing.what or self.finding.message


def take(table: Table, check: Check, outcome: Outcome, manner: Manner) -> None:
    """Changes the alerts by what the outcome warns of, and by what it does not warn of any more."""
    if outcome.role is not Role.SCHEDULED or outcome.verdict is Verdict.UNKNOWN:
        return
    sights = {(s.subject, s.rule): s for s in _sights(check, outcome, manner)}
    stricter = {(s.subject, rule) for s in sights.values() for rule in _stricter(s, manner)}
    left = [key for key in table.held.get(_place(outcome), ()) if key not in sights and key not in stricter]
    for sight in sights.values():
        same = [key for key in left if finding_id(key[1]) == sight.finding.id]
        _appear(table, check, outcome, sight, manner, _open_ones(table, same, outcome))
    if outcome.verdict is Verdict.GOOD:
        for alert in _open_ones(table, left, outcome):
            _disappear(table, alert, outcome)


def finding_id(rule: str) -> str:
    """The finding's id in `warn:ID` and `warn:ID KEY`."""
    return rule.removeprefix(WARN).partition(" ")[0]


def tidy(table: Table) -> None:
    """What each check holds open; without the checks that are asked no more, and without what has been over for a day."""
    declared = {c.name: c for c in table.suite.checks}
    for alert in [a for a in table.book.values() if a.rule.startswith(WARN)]:
        if alert.state is AlertState.FIRING:
            for place in _seen(alert):
                _hold(table, place, alert)
            _leave_out_unwatched(table, alert, declared)
        elif alert.data and abs(table.now_ms - max(alert.data.get("until_ms", 0), alert.data.get("told_ms", 0))) >= DAY_MS:
            table.put(Alert(subject=alert.subject, rule=alert.rule))


def name_checks(table: Table) -> None:
    """Completes the messages of this run: each names every check that the run found in its episode."""
    for number, event in enumerate(table.events):
        if event.rule.startswith(WARN) and event.transition == FIRING:
            alert = table.get(event.subject, event.rule)
            checks = alert.data["checks"] if event.episode in (alert.episode, alert.data.get("was")) else event.data["checks"]
            named = {"named": checks[0]} if len(checks) == 1 else {}
            table.events[number] = replace(event, data={**event.data, "checks": list(checks), **named})
            if named and alert.episode == event.episode:
                table.put(replace(alert, data={**alert.data, **named}))


# --- what is seen --------------------------------------------------------------------------------------------------


def _sights(check: Check, outcome: Outcome, manner: Manner) -> Iterator[_Sight]:
    found = {f.id: f for f in reversed(outcome.findings) if f.severity is Severity.WARN}
    about = manner.about(outcome) if found else {}
    for finding in found.values():
        things = about.get(finding.id) or (Thing(),)
        kind = manner.findings.get(finding.id) or FindingKind(severity=Severity.WARN, means="")
        for thing in things:
            yield _Sight(
                subject=thing.name or check.name, rule=_rule(finding.id, thing), finding=finding, thing=thing, kind=kind,
                is_alone=len(things) == 1,
            )


def _rule(finding: str, thing: Thing) -> str:
    return f"{WARN}{finding} {thing.key}" if thing.key else WARN + finding


def _place(outcome: Outcome) -> str:
    return f"{outcome.check}@{outcome.location}"


def _seen(alert: Alert) -> dict[str, int]:
    """{check@location: when it was seen there}. Earlier versions wrote the location alone."""
    return {place if "@" in place else f"{alert.subject}@{place}": at for place, at in alert.data.get("seen", {}).items()}


def _hold(table: Table, place: str, alert: Alert) -> None:
    table.held.setdefault(place, {})[alert.subject, alert.rule] = None


def _open_ones(table: Table, keys: Sequence[tuple[str, str]], outcome: Outcome) -> list[Alert]:
    """Those of the alerts that are open, and seen by this check at this location so far."""
    alerts = [table.get(*key) for key in keys]
    return [a for a in alerts if a.state is AlertState.FIRING and _place(outcome) in _seen(a)]


# --- it is there ---------------------------------------------------------------------------------------------------


def _appear(table: Table, check: Check, outcome: Outcome, sight: _Sight, manner: Manner, left: Sequence[Alert]) -> None:
    """`left` are the open alerts of the same finding, about things that this place saw until now and does not see any more."""
    alert = table.get(sight.subject, sight.rule)
    if alert.state is AlertState.FIRING:
        _go_on(table, check, outcome, sight, alert)
    elif table.is_late(outcome, alert.data.get("until_ms", 0)):
        return
    elif sight.kind.is_event:
        _happen(table, check, outcome, sight, alert)
    elif not _is_outdone(table, sight, manner):
        _open(table, check, outcome, sight, alert, left)


def _happen(table: Table, check: Check, outcome: Outcome, sight: _Sight, alert: Alert) -> None:
    """An event: told, and not open. What is kept of it is that it was told, and whose it is."""
    if _was_told(alert, outcome.at_ms):
        checks = alert.data.get("checks", [])
        if check.name not in checks:
            table.put(replace(alert, data={**alert.data, "checks": [*checks, check.name]}))
        return
    told = _opened(table, outcome, sight, {})
    _tell(table, check, outcome, sight, told)
    kept = {"told_ms": outcome.at_ms, "checks": [check.name], "was": told.episode}
    table.put(Alert(subject=sight.subject, rule=sight.rule, data=kept))


def _go_on(table: Table, check: Check, outcome: Outcome, sight: _Sight, alert: Alert) -> None:
    seen, checks = _seen(alert), alert.data.get("checks", [alert.subject])
    if outcome.at_ms - seen.get(_place(outcome), 0) > _REFRESH_MS:
        checks = checks if check.name in checks else [*checks, check.name]
        seen[_place(outcome)] = outcome.at_ms
        alert = replace(alert, data={**alert.data, "seen": seen, "checks": checks, "what": sight.what})
        table.put(alert)
        _hold(table, _place(outcome), alert)
    if not alert.data.get("told") and not _was_told(alert, outcome.at_ms) and outcome.at_ms > alert.data.get("told_ms", 0):
        _tell(table, check, outcome, sight, replace(alert, episode=_episode(table, sight, outcome.at_ms)))


def _open(table: Table, check: Check, outcome: Outcome, sight: _Sight, before: Alert, left: Sequence[Alert]) -> None:
    milder = _milder(table, sight)
    alert = _opened(table, outcome, sight, {"told_ms": before.data.get("told_ms", 0), **(_taken_over(milder, sight) if milder else {})})
    is_silent, known = _was_told(before, outcome.at_ms), milder
    if left and sight.thing.moves:  # the same trouble goes on elsewhere, and whoever was told of it knows it
        is_silent, known = True, left[0]
        alert = replace(_knowing(alert, known), since_ms=known.since_ms)
    if is_silent and known is not None:
        alert = replace(alert, episode=known.episode)
    if milder is not None:
        _close(table, milder, outcome.at_ms)
    table.put(alert)
    for place in _seen(alert):
        _hold(table, place, alert)
    if not is_silent:
        _tell(table, check, outcome, sight, alert)


def _knowing(alert: Alert, known: Alert) -> Alert:
    """With what people know of that other episode, which is the same trouble."""
    same = {name: known.data[name] for name in ("told", "heard", "named") if name in known.data}
    told_ms = max(alert.data.get("told_ms", 0), known.data.get("told_ms", 0))
    return replace(alert, data={**alert.data, **same, "told_ms": told_ms})


def _milder(table: Table, sight: _Sight) -> Alert | None:
    """The open episode of the finding that this one is stricter than."""
    milder = table.get(sight.subject, _rule(sight.kind.stricter_than, sight.thing))
    return milder if sight.kind.stricter_than and milder.state is AlertState.FIRING else None


def _taken_over(milder: Alert, sight: _Sight) -> dict[str, Any]:
    """What the milder finding's episode leaves to this one, whose end is its end too."""
    is_told = bool(milder.data.get("told"))
    heard = milder.data.get("heard") or [milder.severity] * is_told
    return {
        "seen": _seen(milder), "checks": milder.data.get("checks", [milder.subject]), "told": is_told,
        "heard": list(dict.fromkeys([*heard, sight.kind.told])),
    }


def _opened(table: Table, outcome: Outcome, sight: _Sight, kept: Mapping[str, Any]) -> Alert:
    checks = kept.get("checks", [])
    data = {
        "told": False, **kept, "what": sight.what, "seen": {**kept.get("seen", {}), _place(outcome): outcome.at_ms},
        "checks": checks if outcome.check in checks else [*checks, outcome.check],
    }
    return Alert(
        subject=sight.subject, rule=sight.rule, state=AlertState.FIRING, severity=sight.kind.told, since_ms=outcome.at_ms,
        episode=_episode(table, sight, outcome.at_ms), data=data,
    )


def _episode(table: Table, sight: _Sight, at_ms: int) -> str:
    """Named after the day, not the outcome: runs side by side that meet the same thing at different checks tell it once."""
    return computed_id(table.suite.name, sight.subject, "", sight.rule, at_ms // DAY_MS * DAY_MS, 0)


def _is_outdone(table: Table, sight: _Sight, manner: Manner) -> bool:
    """Whether the same thing is in an open episode of a stricter finding."""
    return any(table.get(sight.subject, rule).state is AlertState.FIRING for rule in _stricter(sight, manner))


def _stricter(sight: _Sight, manner: Manner) -> list[str]:
    return [_rule(name, sight.thing) for name, kind in manner.findings.items() if kind.stricter_than == sight.finding.id]


def _was_told(alert: Alert, at_ms: int) -> bool:
    told_ms: int = alert.data.get("told_ms", 0)
    return abs(at_ms - told_ms) < DAY_MS


def _tell(table: Table, check: Check, outcome: Outcome, sight: _Sight, alert: Alert) -> None:
    table.put(replace(alert, data={**alert.data, "told": True, "told_ms": outcome.at_ms}))
    table.tell(alert, FIRING, outcome.at_ms, {
        "what": sight.what, "since_ms": alert.since_ms, "location": outcome.location, "every_ms": check.every_ms,
        "findings": [finding_record(sight.finding)] if sight.is_alone else [], "verdict": outcome.verdict.value,
        "is_once": sight.kind.is_event, "checks": alert.data["checks"],
    })


# --- it is gone ----------------------------------------------------------------------------------------------------


def _disappear(table: Table, alert: Alert, outcome: Outcome) -> None:
    place, seen = _place(outcome), _seen(alert)
    if table.is_late(outcome, seen.get(place, 0)):
        return
    seen.pop(place)
    if any(not _is_lost(table, p, at) for p, at in seen.items()):
        table.put(replace(alert, data={**alert.data, "seen": seen}))
    else:
        _end(table, alert, outcome.at_ms, "")


def _is_lost(table: Table, place: str, at_ms: int) -> bool:
    name = place.rpartition("@")[0]
    check = next((c for c in table.suite.checks if c.name == name), None)
    return check is None or not check.is_enabled or table.is_forgotten(at_ms, check)


def _leave_out_unwatched(table: Table, alert: Alert, declared: Mapping[str, Check]) -> None:
    """A check that was removed, renamed or disabled: an episode that waits for its good outcome would never end."""
    seen = _seen(alert)
    left = {p: at for p, at in seen.items() if (c := declared.get(p.rpartition("@")[0])) is not None and c.is_enabled}
    if not left:
        names = {p.rpartition("@")[0] for p in seen}
        _end(table, alert, table.now_ms, "is disabled" if names & declared.keys() else "is no longer declared")
    elif len(left) < len(seen):
        table.put(replace(alert, data={**alert.data, "seen": left}))


def _end(table: Table, alert: Alert, at_ms: int, reason: str) -> None:
    """Who was told of it hears of its end; where the same episode goes on about another thing, of the end of that."""
    others = (a for a in table.book.values() if a.episode == alert.episode and a.rule != alert.rule and a.state is AlertState.FIRING)
    other = next(others, None) if alert.data.get("told") else None
    if other is not None:
        table.put(_knowing(other, alert))
    elif alert.data.get("told"):
        checks = alert.data.get("checks", [alert.subject])
        named = {"named": alert.data["named"]} if "named" in alert.data else {}
        table.tell(alert, RESOLVED, at_ms, {
            "what": alert.data.get("what", ""), "since_ms": alert.since_ms, "end_ms": at_ms, "reason": reason, "checks": checks, **named,
        })
    _close(table, alert, at_ms)


def _close(table: Table, alert: Alert, at_ms: int) -> None:
    told_ms = alert.data.get("told_ms", alert.since_ms)
    table.put(Alert(subject=alert.subject, rule=alert.rule, data={"until_ms": at_ms, "told_ms": told_ms}))
