"""What the rules for alerts work on in one run: the alerts as they stand, and what is to be told. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from slocheck.core.model import Alert, Check, Event, Outcome, Suite

FIRING = "firing"
RESOLVED = "resolved"
DAY_MS = 86_400_000


@dataclass(slots=True, kw_only=True)
class Table:
    """`above` is {check: everything that it depends on}; `newest` the last failure by (check, location); `held` the alerts that
    a check at a location (`check@location`) may hold open."""

    suite: Suite
    now_ms: int
    book: dict[tuple[str, str], Alert]
    refusing: frozenset[str]
    above: Mapping[str, set[str]]
    events: list[Event] = field(default_factory=list)
    newest: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    held: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)

    def get(self, subject: str, rule: str) -> Alert:
        return self.book.get((subject, rule)) or Alert(subject=subject, rule=rule)

    def put(self, alert: Alert) -> None:
        self.book[alert.subject, alert.rule] = alert

    def changed(self, before: Sequence[Alert]) -> list[Alert]:
        old = {(a.subject, a.rule): a for a in before}
        return [alert for key, alert in self.book.items() if old.get(key) != alert]

    def tell(self, alert: Alert, transition: str, at_ms: int, data: Mapping[str, Any]) -> None:
        """Adds the event. `of` in a resolve's data are the classes that its firing had: who did not hear that needs no end."""
        key = event_key(self.suite.name, alert.subject, alert.rule, alert.episode, transition)
        is_end = transition == RESOLVED
        self.events.append(Event(
            key=key, suite=self.suite.name, subject=alert.subject, rule=alert.rule, episode=alert.episode, transition=transition,
            word="RESOLVED" if is_end else alert.severity.upper(), on="resolve" if is_end else alert.severity, at_ms=at_ms,
            data={**data, "of": alert.data.get("heard") or alert.severity} if is_end else data,
        ))

    def is_late(self, outcome: Outcome, seen_ms: int) -> bool:
        """Not newer than what we know. A mark in the future (the clock was set back) is disbelieved, or it would deafen us."""
        return outcome.at_ms <= seen_ms <= self.now_ms + outcome.every_ms

    def is_forgotten(self, seen_ms: int, check: Check) -> bool:
        """A location that is silent for a day, or for three intervals, holds no episode open."""
        return self.now_ms - seen_ms > max(DAY_MS, 3 * check.every_ms)


def event_key(suite: str, subject: str, rule: str, episode: str, transition: str) -> str:
    """What identifies a transition: it travels with every message about it."""
    parts = (suite, subject, rule, episode, transition)
    return sha256("\0".join(parts).encode()).hexdigest()
