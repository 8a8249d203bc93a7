"""The demo's story: what is done to the sample API, what must be seen of it, and the clock by which it is told. No output."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from slocheck.core.alerting import BURN, FAILURE
from slocheck.core.frozen import frozen
from slocheck.core.model import AlertState, Destination, Event, Outcome, Role, Tick, Verdict

MINUTE_MS = 60_000
_LAST_MS = 10_000

ALL = frozenset({"health", "catalogue", "catalogue-tls", "checkout", "positions", "catalogue-speed"})


@frozen
class Act:
    """A part of the story: the faults in force, and the checks that must go bad of them (none: the API is well).

    `is_quick`: its minutes pass as fast as the work allows.
    """

    title: str
    remark: str = ""
    faults: Mapping[str, Any] = field(default_factory=dict)
    breaks: frozenset[str] = frozenset()
    minutes: int = 3
    is_quick: bool = False


ACTS = (
    Act(title="The API is well"),
    Act(
        title="Every answer takes 400 ms longer", remark="it still answers 200, but the catalogue must come within 250 ms",
        faults={"latency_ms": 400}, breaks=frozenset({"catalogue", "catalogue-speed"}),
    ),
    Act(title="It is quick again", remark="a check in no objective is over after two good answers; a page waits for ten calm minutes"),
    Act(
        title="Every answer is a 500", remark="the page is open: nobody is woken a second time for the same trouble",
        faults={"errors": 1.0}, breaks=ALL, minutes=1,
    ),
    Act(title="It answers again", minutes=5),
    Act(
        title="Its database stops", remark="/health is good as ever, for it asks no database: only the others tell",
        faults={"database": "down"}, breaks=ALL - {"health"}, minutes=1,
    ),
    Act(title="The database is back, and a quarter of an hour passes", minutes=17, is_quick=True),
)
"""The first failure lasts until its budget alert fires (three bad minutes of 99.5 %), the others add to it. Five bad minutes
in all keep the six-hour window calm, so that the page can end within a quarter of an hour. Between two failures lie five
minutes: one that was confirmed more recently is not asked again."""


class StoryClock:
    """The schedule's clock, `pace` times as fast as the machine's; measured time stays real.

    A minute never ends before its work: its last ten seconds pass slower and slower. So on a slow machine the story takes
    longer, and no beat is missed that would be reported as a hole in the coverage. It begins so long ago that it ends now.
    """

    def __init__(self, pace: int, minutes: int) -> None:
        self.pace = pace
        self._minute_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS - minutes * MINUTE_MS
        self._since_ns = time.perf_counter_ns()

    def now_ms(self) -> int:
        spent_ms = self._spent_ms()
        over_ms = max(0, spent_ms - MINUTE_MS + _LAST_MS)
        return self._minute_ms + spent_ms - over_ms + _LAST_MS * over_ms // (over_ms + _LAST_MS)

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.pace)

    def run_at(self, pace: int) -> None:
        """Another pace, from the minute that begins now."""
        self.pace = pace

    def end_minute(self) -> None:
        """Waits for what is left of the minute and begins the next."""
        left_ms = MINUTE_MS - self._spent_ms()
        if left_ms > 0:
            time.sleep(left_ms / 1000 / self.pace)
        self._minute_ms += MINUTE_MS
        self._since_ns = time.perf_counter_ns()

    def _spent_ms(self) -> int:
        return (time.perf_counter_ns() - self._since_ns) * self.pace // 1_000_000


@dataclass(slots=True, kw_only=True)
class Proof:
    """What the story has shown so far. The demo ends well only if nothing of it is missing."""

    _bad: dict[str, set[str]] = field(default_factory=dict)  # act -> checks that were bad
    _confirmed: dict[str, set[str]] = field(default_factory=dict)
    _open: dict[str, dict[str, str]] = field(default_factory=dict)  # act -> alerts still firing after its last minute, and their rules
    _last: dict[str, set[str]] = field(default_factory=dict)  # act -> checks that were not good in its last minute
    _budgets: list[Fraction] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def take(self, act: Act, tick: Tick) -> None:
        """Adds a minute."""
        first = [o for o in tick.outcomes if o.role is Role.SCHEDULED]
        self._bad.setdefault(act.title, set()).update(_bad(first))
        self._confirmed.setdefault(act.title, set()).update(_confirmed(tick.outcomes))
        self._open[act.title] = {a.subject: a.rule for a in tick.alerts if a.rule in (FAILURE, BURN) and a.state is AlertState.FIRING}
        self._last[act.title] = {o.check for o in first if o.verdict is not Verdict.GOOD} or ({"every check"} if not first else set())
        self._budgets += [s.budget_remaining_s for s in tick.statuses if s.name == "availability"]
        self.events += tick.events

    def missing(self, acts: Sequence[Act], destinations: Iterable[Destination], arrived: Mapping[str, Sequence[str]]) -> list[str]:
        """What was not seen, in sentences. `arrived` is {destination: the titles that its sink received}."""
        gaps = [gap for act in acts for gap in (self._of_broken(act) if act.breaks else self._of_well(act, is_end=act is acts[-1]))]
        if len(self._budgets) < 2 or self._budgets[-1] >= self._budgets[0]:
            gaps.append("the error budget of availability did not shrink")
        return gaps + [gap for destination in destinations for gap in self._of_messages(destination, arrived.get(destination.name, ()))]

    def _of_broken(self, act: Act) -> list[str]:
        unseen = act.breaks - self._bad.get(act.title, set())
        unsure = act.breaks - unseen - self._confirmed.get(act.title, set())
        gaps = [f"{act.title}: {name} did not go bad" for name in sorted(unseen)]
        gaps += [f"{act.title}: the failure of {name} was not confirmed" for name in sorted(unsure)]
        return gaps if self._open.get(act.title) else [*gaps, f"{act.title}: no alert fired"]

    def _of_well(self, act: Act, *, is_end: bool) -> list[str]:
        """All checks good, and their own alerts over; at the end those of the objectives too, which take longer."""
        gaps = [f"{act.title}: {name} was not good at its end" for name in sorted(self._last.get(act.title, {"every check"}))]
        still = sorted(name for name, rule in self._open.get(act.title, {}).items() if is_end or rule == FAILURE)
        return gaps + [f"{act.title}: the alert of {name} did not resolve" for name in still]

    def _of_messages(self, destination: Destination, titles: Sequence[str]) -> list[str]:
        """Each event must have arrived: its word, its subject and nothing but what is subscribed to is looked for."""
        wanted = [e for e in self.events if e.on in destination.on]
        lost = [e for e in wanted if not any(t.startswith(f"{e.word} {e.subject} ") for t in titles)]
        gaps = [f"{destination.name}: no message {e.word} {e.subject} arrived" for e in lost]
        return gaps if wanted else [*gaps, f"{destination.name}: there was nothing to tell"]


def _bad(outcomes: Iterable[Outcome]) -> set[str]:
    return {o.check for o in outcomes if o.verdict is Verdict.BAD}


def _confirmed(outcomes: Iterable[Outcome]) -> set[str]:
    """The checks that were asked again, and were bad each time."""
    again = [o for o in outcomes if o.role is Role.CONFIRM]
    return _bad(again) - {o.check for o in again if o.verdict is not Verdict.BAD}
