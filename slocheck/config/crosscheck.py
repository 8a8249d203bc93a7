"""What is wrong between entries that are each right in themselves. Pure but for `addresses`, which asks Apprise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from slocheck.config.draft import Draft, Entry
from slocheck.config.problems import near
from slocheck.config.records import no_check, report_problems
from slocheck.core.model import AlertRule, Check, Method, Slo
from slocheck.core.policy import nominal_ms
from slocheck.core.units import decimal_text, duration_text

_LEAST_PROBES = 10  # in an SLO's window; fewer make every figure a guess
_DAY = timedelta(days=1)


def crosscheck(draft: Draft) -> None:
    """Adds every complaint to the draft. What only needs names looks at every declared entry, also at those that are wrong."""
    for section in ("checks", "slos", "notify"):
        _unique(draft, draft.declared[section])
    _dependencies(draft)
    for entry in draft.declared["slos"]:
        _measured(draft, entry)
    for entry in draft.declared["maintenance"]:
        if isinstance(entry.tree, dict) and not str(entry.tree.get("reason") or "").strip():
            draft.say(entry, ("reason",), "say why; every report prints it")
        for index, pattern in entry.texts("checks"):
            if not any(fnmatchcase(name, pattern) for name in draft.tags):
                draft.say(entry, ("checks", index), no_check(pattern, list(draft.tags)))
    by_name = {e.record.name: e.record for e in draft.checks}
    for slo in draft.slos:
        _slo(draft, slo, [by_name[name] for name in slo.record.checks if name in by_name])
    for excluded in draft.maintenance:
        _maintenance(draft, excluded)
    for to in draft.destinations:
        for key, message in report_problems(to.record.report or _NO_REPORT):
            draft.say(to, ("report", key), message)


_NO_REPORT = {"every": "day", "at": "09:00", "timezone": "UTC"}


def addresses(draft: Draft) -> None:
    """Adds each destination's URL to Apprise, as sending would; complains about those that it does not take."""
    from slocheck.adapters.send import check_url

    for entry in draft.destinations:
        if reason := check_url(entry.record.url):
            draft.say(entry, ("url",), reason)


def _unique(draft: Draft, entries: Sequence[Entry[Any]]) -> None:
    first: dict[str, Entry[Any]] = {}
    for entry in (e for e in entries if e.name):
        earlier = first.setdefault(entry.name, entry)
        if earlier is not entry:
            where = f"line {earlier.line}" if earlier.sheet == entry.sheet else f"line {earlier.line} of {draft.files[earlier.sheet]}"
            draft.say(entry, ("name",), f"{entry.name} is used twice (first on {where})")


# --- dependencies --------------------------------------------------------------------------------------------------------


def _dependencies(draft: Draft) -> None:
    entries = draft.declared["checks"]
    parents = {e.name: [name for _, name in e.texts("depends_on")] for e in entries if e.texts("depends_on")}
    circling, told = _circling(parents), set[frozenset[str]]()
    for entry in entries:
        for index, name in entry.texts("depends_on"):
            if name not in draft.tags:
                draft.say(entry, ("depends_on", index), no_check(name, list(draft.tags)))
        circle = _circle(entry.name, parents) if entry.name in circling else []
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            draft.say(entry, ("depends_on",), f"is a circle: {' -> '.join(circle)}; one of them must come first")


def _circling(parents: Mapping[str, Sequence[str]]) -> set[str]:
    """The checks that are in a circle or wait for one: what is left when all that wait for nobody were taken away."""
    waits = {name: sum(p in parents for p in of) for name, of in parents.items()}
    children: dict[str, list[str]] = {}
    for name, of in parents.items():
        for parent in of:
            children.setdefault(parent, []).append(name)
    free = [name for name, count in waits.items() if not count]
    while free:
        for child in children.get(free.pop(), ()):
            waits[child] -= 1
            if not waits[child]:
                free.append(child)
    return {name for name, count in waits.items() if count > 0}


def _circle(start: str, parents: Mapping[str, Sequence[str]]) -> list[str]:
    """The way from `start` back to itself, or nothing."""
    came: dict[str, str] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for parent in parents.get(name, ()):
            if parent == start:
                return [start, *_way_back(name, start, came), start]
            if parent not in came:
                came[parent] = name
                waiting.append(parent)
    return []


def _way_back(name: str, start: str, came: Mapping[str, str]) -> list[str]:
    way: list[str] = []
    while name != start:
        way.append(name)
        name = came[name]
    return way[::-1]


# --- SLOs ----------------------------------------------------------------------------------------------------------------


def _measured(draft: Draft, entry: Entry[Any]) -> None:
    """The names and tags that say what measures an SLO."""
    if not isinstance(entry.tree, dict):
        return
    if not entry.tree.get("checks") and not entry.tree.get("tags"):
        draft.say(entry, ("checks",), "is empty; name the checks that measure this")
    for index, name in entry.texts("checks"):
        if name not in draft.tags:
            draft.say(entry, ("checks", index), no_check(name, list(draft.tags)))
    declared = {tag for of_one in draft.tags.values() for tag in of_one}
    for index, tag in entry.texts("tags"):
        if tag not in declared:
            meant = near(tag, sorted(declared))
            draft.say(entry, ("tags", index), f"no check has the tag {tag}" + (f"; did you mean {meant}?" if meant else ""))


def rarest(checks: Sequence[Check]) -> Check | None:
    """The check with the longest interval: what it cannot show, the SLO cannot show."""
    return max(checks, key=lambda c: c.every, default=None)


def _slo(draft: Draft, entry: Entry[Slo], checks: Sequence[Check]) -> None:
    slo, rare = entry.record, rarest(checks)
    for check in checks:
        if slo.sli.name not in draft.kinds[check.kind].slis:
            draft.say(entry, ("sli",), f"{slo.sli.name} is not measured by kind {check.kind} (check {check.name})")
    if slo.method is Method.TIMESLICES:
        _slice(draft, entry, rare)
    if rare is not None:
        _window(draft, entry, rare)
    for index, alert in enumerate(slo.alerts or ()):
        for key, message in _alert(slo, alert, rare):
            draft.say(entry, ("alerts", index, key), message)


def _window(draft: Draft, entry: Entry[Slo], rare: Check) -> None:
    window = entry.record.window
    holds = nominal_ms(entry.record) // rare.every_ms
    if holds < _LEAST_PROBES:
        needed = duration_text(_LEAST_PROBES * rare.every)
        name = duration_text(window.duration) if window.duration else f"calendar: {window.calendar}"
        draft.say(entry, ("window",), f"{name} holds {_probes(holds, rare)}; at least {_LEAST_PROBES} are needed: {needed}")


def _probes(number: int, check: Check) -> str:
    return f"{number} probe{'' if number == 1 else 's'} of {check.name} (every: {duration_text(check.every)})"


def _slice(draft: Draft, entry: Entry[Slo], rare: Check | None) -> None:
    size = entry.record.slice
    if size is None:
        draft.say(entry, ("slice",), "timeslices needs slice, for example 5m")
        return
    if rare is not None and size < rare.every:
        every = duration_text(rare.every)
        cure = f"a slice without a probe is unknown; write {every} or more"
        draft.say(entry, ("slice",), f"{duration_text(size)} is shorter than every: {every} of {rare.name}; {cure}")
    elif _DAY % size:
        draft.say(entry, ("slice",), f"{duration_text(size)} does not divide a day")


def _alert(slo: Slo, alert: AlertRule, rare: Check | None) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) of a pair of windows written by hand."""
    first, long = slo.objectives[0], duration_text(alert.long)
    spare = 1 - first.target
    if alert.burn * spare >= 1:
        highest = f"at {first.text}% the highest burn rate is {decimal_text(Fraction(1) / spare)}"
        yield "burn", f"{decimal_text(alert.burn)} can never be reached: {highest}"
    if alert.long // timedelta(milliseconds=1) > nominal_ms(slo):
        name = duration_text(slo.window.duration) if slo.window.duration else slo.window.calendar
        yield "long", f"{long} is longer than window: {name}"
    if alert.short is not None and alert.short >= alert.long:
        yield "short", f"{duration_text(alert.short)} is not shorter than long: {long}"
    if rare is None:
        return
    if alert.short is None and alert.long <= 3 * rare.every:
        holds = _probes(alert.long // rare.every, rare)
        yield "long", f"{long} holds {holds}; at least 4 are needed: {duration_text(4 * rare.every)}"
    if alert.short is not None and alert.short // rare.every < 2:
        holds = _probes(alert.short // rare.every, rare)
        yield "short", f"{duration_text(alert.short)} holds {holds}; at least 2 are needed: {duration_text(2 * rare.every)}"


# --- maintenance -----------------------------------------------------------------------------------------------------------


def _maintenance(draft: Draft, entry: Entry[Any]) -> None:
    if entry.record.end_ms <= entry.record.start_ms:
        draft.say(entry, (), "end is not after start")
