"""What is allowed and will disappoint: warnings that `validate` prints beside errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction

from slocheck.config.crosscheck import rarest
from slocheck.config.draft import Draft, Entry, told_at
from slocheck.config.problems import Complaint
from slocheck.core import plan
from slocheck.core.model import Check, Objective, Slo
from slocheck.core.policy import PAGE, derive, is_watched, window_text
from slocheck.core.redact import SHORTEST
from slocheck.core.units import duration_text

_DEAR = Fraction(1, 10)


def advise(draft: Draft) -> None:
    """Adds every warning to the draft. About an entry that is wrong nothing more is said."""
    wrong = {(c.sheet, c.path[:2]) for c in draft.complaints}
    _short_values(draft)
    entries = {e.record.name: e for e in draft.checks if (e.sheet, e.path) not in wrong}
    warned: set[tuple[str, str]] = set()
    for entry in (e for e in draft.slos if (e.sheet, e.path) not in wrong):
        found = [entries[name] for name in entry.record.checks if name in entries]
        if found:
            _provable(draft, entry, [e.record for e in found])
        for check in found:
            for field, message in _alertable(entry.record, check.record):
                if (check.record.name, message) not in warned:
                    warned.add((check.record.name, message))
                    _at_check(draft, check, field, message)


def _at_check(draft: Draft, entry: Entry[Check], field: str, message: str) -> None:
    draft.complaints.append(Complaint(
        sheet=entry.sheet, path=entry.at(field), shown=entry.path, message=f"{field}: {message}", is_warning=True,
    ))


def _short_values(draft: Draft) -> None:
    short = {value: name for value, name in draft.secrets.items() if len(value) < SHORTEST}
    for sheet, values in enumerate(draft.expanded):
        for path, (_, typed) in values.items():
            for name in sorted(n for n in short.values() if re.search(rf"\$\{{{n}[:}}]", typed)):
                message = f"{name} has under {SHORTEST} characters: it is not masked in texts"
                draft.complaints.append(told_at(sheet, path, message, is_warning=True))


# --- what an objective can prove ----------------------------------------------------------------------------------------


def _provable(draft: Draft, entry: Entry[Slo], checks: Sequence[Check]) -> None:
    slo, rare = entry.record, rarest(checks)
    assert rare is not None
    _never_firing(draft, entry, rare)
    locations = max(1, len(draft.suite.locations)) if draft.suite is not None else 1
    probes = plan.probes(slo, checks, locations)
    for objective in slo.objectives:
        steps = ("objectives", objective.name) if objective.name else ("objective",)
        needed = plan.needed_probes(objective.target)
        if probes < needed:
            draft.say(entry, steps, _unconfirmed(slo, objective, checks, probes, needed), is_warning=True)
        cost = plan.cost(slo, objective, checks, locations)
        if cost > _DEAR:
            draft.say(entry, steps, f"one failed probe costs {math.ceil(cost * 1000) / 10}% of the budget", is_warning=True)


def _unconfirmed(slo: Slo, objective: Objective, checks: Sequence[Check], probes: int, needed: int) -> str:
    window = duration_text(slo.window.duration) if slo.window.duration else f"a {slo.window.calendar}"
    what, rate = ("slices", f"at slice: {duration_text(slo.slice)}") if slo.slice else ("probes", f"of {len(checks)} checks")
    if len(checks) == 1 and not slo.slice:
        rate = f"at every: {duration_text(checks[0].every)}"
    return f"{objective.text}% cannot be confirmed: {window} {rate} give {probes} {what}, {needed} without a failure are needed"


# --- what its alerts can see --------------------------------------------------------------------------------------------


def _alertable(slo: Slo, check: Check) -> Iterator[tuple[str, str]]:
    """(field of the check, warning) about the SLO's alerts on this check."""
    pairs = derive(slo, check.every_ms).pairs
    if slo.alerts is None and not is_watched(slo, check.every_ms):
        yield "every", f"{duration_text(check.every)} is too rare for burn-rate alerts; leave the check out of SLOs and it alerts by itself"
    if check.confirm == 0 and any(p.severity == PAGE and p.limit * Fraction(p.long_ms, check.every_ms) < 1 for p in pairs):
        yield "confirm", "0: one failure exceeds both page windows and nothing re-asks"


def _never_firing(draft: Draft, entry: Entry[Slo], rare: Check) -> None:
    """Pairs written by hand that the engine leaves out."""
    if entry.record.alerts is not None:
        for left in derive(entry.record, rare.every_ms).left_out:
            draft.say(entry, ("alerts",), f"the pair of {window_text(left.long_ms)} never fires: {left.why}", is_warning=True)


# --- what arrives ---------------------------------------------------------------------------------------------------------


def arrives_late(check: Check, median: timedelta) -> str:
    """The warning about a check whose outcomes arrive far more rarely than it declares, or ""."""
    if median < 2 * check.every:
        return ""
    declared, real = duration_text(check.every), duration_text(_rounded(median))
    return f"{check.name} is declared every: {declared} but arrives every {real} (median of 7d): its alerts will be frozen; declare {real}"


def _rounded(value: timedelta) -> timedelta:
    """To whole minutes, or seconds where it is less than two minutes."""
    step = timedelta(minutes=1) if value >= timedelta(minutes=2) else timedelta(seconds=1)
    return step * max(1, round(value / step))
