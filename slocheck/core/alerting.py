"""From outcomes to alert states, and to the events that people are told. Pure; what it must remember is in `Alert.data`.

The rules, one alert for each (subject, rule):
  failure    of each check that no SLO's alerts watch, severity `ticket`. Fires when a scheduled failure is confirmed (all
             its re-probes bad), at the second bad scheduled outcome in a row, or at the first where the kind must not be
             asked again. Two good ones in a row resolve it.
  warn:ID    of each warn finding: told when it appears, and when a good outcome comes without it; `core.warn_alerts`.
  burn       of each SLO: `core.burn_alerts`, on the same table of alerts.

`unknown` neither counts nor breaks a row. It is our failure, not the target's: if it counted, our own network would raise
alarms; if it broke a row, a prober that fails every other time would hide an outage for ever. The message says how many
outcomes in between are unknown. Manual outcomes change nothing, and maintenance holds every state as it is.

Rows are counted for each location by itself, so that one location's good answers do not hide another's failure; an
episode ends when every location that was bad has seen two good ones, or was silent for a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from slocheck.core import reminders, warn_alerts
from slocheck.core.alert_table import FIRING, RESOLVED, Table
from slocheck.core.evidence import command, what
from slocheck.core.maintenance import covers
from slocheck.core.model import PHASE_NAMES, Alert, AlertState, Check, Event, Outcome, Role, Severity, Slo, Suite, Verdict
from slocheck.core.policy import is_watched
from slocheck.core.records import finding_record, outcome_id
from slocheck.core.reminders import REMIND
from slocheck.core.warn_alerts import Manner

FAILURE = "failure"
BURN = "burn"

SPOKEN_FOR = "is watched by its SLO now"

IN_A_ROW = 2
"""Bad scheduled outcomes that fire without confirmation, and good ones that resolve."""

_MOST_FINDINGS = 5


def transitions(
    suite: Suite, alerts: Sequence[Alert], outcomes: Sequence[Outcome], now_ms: int, *, refusing: frozenset[str],
    manners: Mapping[str, Manner] | None = None,
) -> tuple[list[Alert], list[Event]]:
    """(the alerts that changed, what to tell), from the stored alerts and the outcomes of a run in any order.

    `refusing` names the checks whose kind must not be asked again, `manners` says by kind how warnings are told. The same
    arguments give the same events with the same keys, so two runs that compute one transition tell it once.
    """
    book = {(a.subject, a.rule): a for a in alerts}
    table = Table(suite=suite, now_ms=now_ms, book=book, refusing=refusing, above=ancestors(suite.checks))
    _end_unwatched(table)
    warn_alerts.tidy(table)
    made = _by_check(suite, outcomes)
    asked = [c for c in suite.checks if c.is_enabled and c.name in made]
    for check in sorted(asked, key=lambda c: len(table.above[c.name])):  # parents first: they have fewer ancestors
        for outcome in made[check.name]:
            _failure(table, check, outcome)
            warn_alerts.take(table, check, outcome, (manners or {}).get(check.kind) or Manner())
    _remind(table)
    warn_alerts.name_checks(table)
    return table.changed(alerts), [_with_dependents(table, event) for event in table.events]


def is_told(alert: Alert) -> bool:
    """Whether people were told of this open episode by itself, not inside its parent's."""
    return bool(alert.data.get("told"))


def watched_checks(suite: Suite, slo: Slo) -> list[Check]:
    """The checks that the SLO's alerts watch; those that others depend on come first, so that they are named first."""
    above = ancestors(suite.checks)
    named = [c for c in suite.checks if c.name in slo.checks and c.is_enabled and is_watched(slo, c.every_ms)]
    return sorted(named, key=lambda c: len(above[c.name]))


def alerts_by_itself(suite: Suite, check: Check) -> bool:
    """Whether the rule `failure` watches the check: the alerts of no SLO do."""
    return not any(check.name in slo.checks and is_watched(slo, check.every_ms) for slo in suite.slos)


# --- what a run works on -------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Place:
    """What is remembered of one location since its newest row of bad outcomes began."""

    seen_ms: int = 0
    since_ms: int = 0
    begin: str = ""  # the id of the outcome that began the row
    bad: int = 0  # bad scheduled outcomes since the last good one
    good: int = 0  # good scheduled outcomes since the last bad one
    good_ms: int = 0  # when the first of them was
    again: int = 0  # bad re-probes of the newest bad outcome; -1: one of them was not bad
    unknown: int = 0


def _by_check(suite: Suite, outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes that may change an alert, of each check in the order in which they were made."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.role is not Role.MANUAL and not is_held(suite, outcome.check, outcome.at_ms):
            found.setdefault(outcome.check, []).append(outcome)
    for made in found.values():
        made.sort(key=lambda o: (o.at_ms, outcome_id(o)))
    return found


def is_held(suite: Suite, check: str, at_ms: int) -> bool:
    """Whether maintenance of the check is declared for that instant."""
    return any(m.start_ms <= at_ms < m.end_ms and covers(m, check) for m in suite.maintenance)


# --- the rule `failure` --------------------------------------------------------------------------------------------


def _failure(table: Table, check: Check, outcome: Outcome) -> None:
    alert = table.get(check.name, FAILURE)
    places = _places(alert)
    place = places.get(outcome.location)
    if table.is_late(outcome, place.seen_ms if place else alert.data.get("until_ms", 0)):
        return
    if place is None:
        if outcome.verdict is not Verdict.BAD or outcome.role is not Role.SCHEDULED:
            return  # good news of a location that has no row is no news
        if not alerts_by_itself(table.suite, check):
            return
        place = places[outcome.location] = _Place(since_ms=outcome.at_ms, begin=outcome_id(outcome))
    if outcome.role is Role.CONFIRM:
        place.again = place.again + 1 if outcome.verdict is Verdict.BAD and place.again >= 0 else -1
    else:
        _count(place, outcome)
        place.seen_ms = outcome.at_ms
    if outcome.verdict is Verdict.BAD and outcome.role is Role.SCHEDULED:
        table.newest[check.name, outcome.location] = outcome
    _settle(table, check, alert, places, outcome)


def _count(place: _Place, outcome: Outcome) -> None:
    if outcome.verdict is Verdict.UNKNOWN:
        place.unknown += 1
    elif outcome.verdict is Verdict.BAD:
        place.bad, place.good, place.again = place.bad + 1, 0, 0
    else:
        place.good += 1
        place.bad, place.good_ms = 0, place.good_ms if place.good > 1 else outcome.at_ms


def _settle(table: Table, check: Check, alert: Alert, places: dict[str, _Place], outcome: Outcome) -> None:
    """The alert's next state, from its locations."""
    if alert.state is AlertState.FIRING:
        _go_on(table, check, alert, places, outcome)
        return
    place = places[outcome.location]
    if _fires(place, check, check.name in table.refusing):
        _fire(table, check, alert, places, outcome)
        return
    rows = {name: p for name, p in places.items() if p.bad}
    state = AlertState.PENDING if rows else AlertState.INACTIVE
    since_ms = min((p.since_ms for p in rows.values()), default=0)
    table.put(replace(alert, state=state, since_ms=since_ms, data={"places": _written(rows)} if rows else {"until_ms": outcome.at_ms}))


def _fires(place: _Place, check: Check, is_refusing: bool) -> bool:  # noqa: FBT001
    return place.bad >= IN_A_ROW or (place.bad > 0 and (is_refusing or 0 < check.confirm <= place.again))


def _fire(table: Table, check: Check, alert: Alert, places: dict[str, _Place], outcome: Outcome) -> None:
    place = places[outcome.location]
    roof = _roof(table, check)
    shown = table.newest.get((check.name, outcome.location), outcome)
    firing = replace(
        alert, state=AlertState.FIRING, severity=_severity(shown), episode=place.begin, since_ms=place.since_ms,
        data={"what": what(shown), "told": not roof, "roof": roof, "bad": place.bad, "unknown": place.unknown, "places": _written(places)},
    )
    table.put(firing)
    if not roof:
        table.tell(firing, FIRING, outcome.at_ms, _evidence(table, check, firing, place, shown))


def _severity(_outcome: Outcome) -> str:
    """A kind whose findings deserve a page says so here, by the finding's id."""
    return "ticket"


def _go_on(table: Table, check: Check, alert: Alert, places: dict[str, _Place], outcome: Outcome) -> None:
    """An open episode: it goes on, ends, or, when its parent's has ended without it, is told by itself."""
    counted = outcome.role is Role.SCHEDULED
    data = {
        **alert.data, "bad": alert.data.get("bad", 0) + (counted and outcome.verdict is Verdict.BAD),
        "unknown": alert.data.get("unknown", 0) + (counted and outcome.verdict is Verdict.UNKNOWN),
    }
    well = [p for p in places.values() if p.good >= IN_A_ROW]
    data["end_ms"] = max([data.get("end_ms", 0), *(p.good_ms for p in well)])
    ailing = {n: p for n, p in places.items() if p.good < IN_A_ROW and not table.is_forgotten(p.seen_ms, check)}
    alert = replace(alert, data={**data, "places": _written(ailing)})
    if not ailing:
        _end(table, alert, outcome.at_ms, "")
        return
    if not is_told(alert) and counted and outcome.verdict is Verdict.BAD and not _roof(table, check):
        alert = replace(alert, data={**alert.data, "told": True, "roof": ""})
        table.tell(alert, FIRING, outcome.at_ms, _evidence(table, check, alert, places[outcome.location], outcome))
    table.put(alert)


def _end(table: Table, alert: Alert, at_ms: int, reason: str) -> None:
    """Ends the episode; who was told of it hears of its end."""
    data = alert.data
    if is_told(alert):
        table.tell(alert, RESOLVED, at_ms, {
            "what": data.get("what", ""), "since_ms": alert.since_ms, "end_ms": data.get("end_ms") or at_ms,
            "bad": data.get("bad", 0), "unknown": data.get("unknown", 0), "reason": reason,
        })
    table.put(Alert(subject=alert.subject, rule=alert.rule, data={"until_ms": at_ms}))


def _end_unwatched(table: Table) -> None:
    """A check that was removed, renamed or disabled, or that an SLO speaks for now: an open episode of it would never end."""
    declared = {c.name: c for c in table.suite.checks}
    for alert in list(table.book.values()):
        if alert.rule == FAILURE and alert.state is not AlertState.INACTIVE:
            reason = _why_unwatched(table.suite, declared.get(alert.subject))
            if reason:
                _end(table, alert, table.now_ms, reason)


def _why_unwatched(suite: Suite, check: Check | None) -> str:
    if check is None:
        return "is no longer declared"
    if not check.is_enabled:
        return "is disabled"
    return "" if alerts_by_itself(suite, check) else SPOKEN_FOR


def _remind(table: Table) -> None:
    """Who asked for it hears again of failures that go on."""
    names = {c.name for c in table.suite.checks if not is_held(table.suite, c.name, table.now_ms)}
    for alert in [a for a in table.book.values() if a.rule == FAILURE and a.subject in names]:
        for name, number in reminders.due(alert, table.suite.destinations, (alert.severity,), table.now_ms):
            reminded = replace(table.get(alert.subject, FAILURE), data=reminders.noted(table.get(alert.subject, FAILURE), name, number))
            table.put(reminded)
            table.tell(reminded, f"{REMIND} {name} {number}", table.now_ms, {
                "kind": REMIND, "only": name, "what": alert.data.get("what", ""), "since_ms": alert.since_ms,
                "fired_ms": reminders.began_ms(alert),
            })


# --- dependencies --------------------------------------------------------------------------------------------------


def ancestors(checks: Sequence[Check]) -> dict[str, set[str]]:
    """{check: everything that it depends on, directly or not}."""
    parents = {c.name: c.depends_on for c in checks}
    found: dict[str, set[str]] = {}
    for name, nearest in parents.items():
        above: set[str] = set()
        waiting = list(nearest)
        while waiting:
            parent = waiting.pop()
            if parent not in above:
                above.add(parent)
                waiting += parents.get(parent, ())
        found[name] = above - {name}
    return found


def covering(alerts: Iterable[Alert]) -> dict[str, str]:
    """{check in trouble: the subject of the open episode that told of it}: what depends on it needs no message of its own."""
    found = {}
    for alert in alerts:
        if alert.episode and alert.state in (AlertState.FIRING, AlertState.FROZEN) and is_told(alert):
            if alert.rule == FAILURE:
                found[alert.subject] = alert.subject
            elif alert.rule == BURN:
                true = [rule.rpartition(" ")[0] for rule in alert.data.get("true", ())]
                found |= dict.fromkeys([*true, alert.data.get("culprit", "")], alert.subject)
    return found


def _roof(table: Table, check: Check) -> str:
    """Whose open episode covers this one, "" if there is none."""
    covers = covering(table.book.values())
    return next((covers[name] for name in sorted(table.above[check.name]) if name in covers), "")


def _with_dependents(table: Table, event: Event) -> Event:
    """A parent's message names the dependents that are bad as well."""
    if event.rule != FAILURE:
        return event
    below = [table.get(name, FAILURE) for name, above in table.above.items() if event.subject in above]
    bad = [{"name": a.subject, "what": a.data.get("what", "")} for a in below if a.state is AlertState.FIRING]
    return replace(event, data={**event.data, "dependents": bad}) if bad else event


# --- evidence ------------------------------------------------------------------------------------------------------


def _evidence(table: Table, check: Check, alert: Alert, place: _Place, outcome: Outcome) -> dict[str, Any]:
    """What an engineer needs of the failing outcome, JSON values only; the runner has redacted it."""
    failed = [finding_record(f) for f in outcome.findings if f.severity is Severity.FAIL]
    phases = outcome.phases
    return {
        "what": what(outcome), "kind": outcome.kind, "since_ms": alert.since_ms, "location": outcome.location,
        "locations": sorted(_places(alert)), "every_ms": check.every_ms, "in_a_row": place.bad, "again": max(place.again, 0),
        "is_first": check.name in table.refusing and place.bad == 1, "unknown": place.unknown,
        "findings": failed[:_MOST_FINDINGS], "more_findings": max(0, len(failed) - _MOST_FINDINGS),
        "latency_us": outcome.latency_us, "phases_us": {n: getattr(phases, n) for n in PHASE_NAMES} if phases else {},
        "curl": command(outcome.facts.get("curl")), "outcome": outcome_id(outcome),
    }


def _places(alert: Alert) -> dict[str, _Place]:
    """What the alert remembers of each location; fields that a later version wrote are left out."""
    known = _Place.__slots__
    return {name: _Place(**{k: v for k, v in kept.items() if k in known}) for name, kept in alert.data.get("places", {}).items()}


def _written(places: Mapping[str, _Place]) -> dict[str, dict[str, Any]]:
    blank = asdict(_Place())
    return {name: dict(_without(asdict(place), blank)) for name, place in sorted(places.items())}


def _without(record: Mapping[str, Any], blank: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in record.items() if value != blank[key])
