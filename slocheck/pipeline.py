"""One run, from what is due to the last message. `tick` is the spine; everything else here serves one of its lines.

    checks.yaml -> Suite -> what is due -> outcomes -> store -> figures -> alerts and outbox in ONE transaction
    -> messages delivered -> Tick -> report and exit code

The store is asked at these stations only, and asks nobody. `watch`, `demo` and `run --for` are loops around `tick`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from random import Random

from slocheck import figures, runner
from slocheck.adapters.clock import Clock, SystemClock
from slocheck.adapters.pulse import ping
from slocheck.checks import Past
from slocheck.checks import load as load_kind
from slocheck.core import alerting, schedule
from slocheck.core.errors import CannotWorkError
from slocheck.core.frozen import frozen
from slocheck.core.model import (
    PHASE_NAMES,
    Alert,
    Check,
    Delivery,
    Destination,
    Event,
    Outcome,
    Role,
    Suite,
    Tick,
    Verdict,
)
from slocheck.core.redact import Redactor
from slocheck.core.warn_alerts import Manner
from slocheck.figures import watch
from slocheck.runner import Bench, Ending, Job
from slocheck.store import Store

_ROUNDS = 3  # of one run's deliveries
_LOOK_BACK, _MOST_UNHEARD = 10, 40  # intervals, and outcomes of one check, that a run looks back for what was never told
FLUSH_AT = 64
FLUSH_AFTER_S = 0.2
"""Outcomes are written a few at a time: when this many wait, or the oldest has waited this long. A kill loses no more."""


@frozen
class Selection:
    """Which checks a run takes. `is_due_only`: those whose `every` has passed. Named checks are asked by hand."""

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None
    is_due_only: bool = False
    is_recorded: bool = True

    @property
    def role(self) -> Role:
        """Checks that are named are asked because somebody wonders: such samples are biased and stay out of SLIs."""
        return Role.MANUAL if self.names and not self.is_due_only else Role.SCHEDULED


@frozen
class Hooks:
    """Where a caller may look on: at each outcome as it ends, each re-probe, each delivery."""

    on_outcome: Callable[[Outcome], None] = lambda _outcome: None
    on_confirm: Callable[[Check, int], None] = lambda _check, _number: None
    on_delivery: Callable[[Delivery], None] = lambda _delivery: None


@frozen
class Means:
    """Time, chance and limits of a run, replaced by tests and the demo."""

    clock: Clock = field(default_factory=SystemClock)
    chance: Random = field(default_factory=Random)
    deadline: timedelta = timedelta(minutes=10)
    confirm_gap: timedelta = runner.CONFIRM_GAP
    delivery_deadline: timedelta = timedelta(seconds=30)
    ping: Callable[..., str] = ping


def tick(suite: Suite, store: Store, selection: Selection = Selection(), hooks: Hooks = Hooks(), means: Means = Means()) -> Tick:
    """Makes one run. Raises CannotWorkError where the store cannot be written: then nothing is claimed to be known."""
    run_id, started_ms = _run_id(), means.clock.now_ms()
    jobs = take(suite, store, selection, run_id, started_ms)
    outcomes, ending = probe(suite, store, jobs, selection, hooks, means, run_id)
    made = Tick(
        suite=suite.name, location=suite.location, run=run_id, started_ms=started_ms, finished_ms=means.clock.now_ms(),
        outcomes=tuple(outcomes), skipped=tuple(ending.untouched), is_interrupted=ending.interrupted,
    )
    if not selection.is_recorded:  # nothing was kept, so nothing is known beyond these outcomes, and nobody is told
        return made
    suite = figures.excluding(suite, store)
    now_ms = means.clock.now_ms()
    alerts, events = decide(suite, store, outcomes, selection, now_ms)
    store.commit(alerts, route(events, suite.destinations), now_ms=now_ms)
    statuses = figures.statuses(suite, store, now_ms)
    deliveries = [] if ending.interrupted else deliver(suite, store, hooks, means)
    store.checkpoint()
    return replace(
        made, finished_ms=means.clock.now_ms(), statuses=tuple(statuses), alerts=tuple(store.alerts()), events=tuple(events),
        deliveries=tuple(deliveries), heartbeat=pulse(suite, store, means),
    )


def select(suite: Suite, selection: Selection) -> list[Check]:
    """The checks that the selection names, in the suite's order. Raises KeyError with the first name that is not there."""
    chosen = [c for c in suite.checks if _is_chosen(c, selection)]
    for name in selection.names:
        if not any(fnmatchcase(c.name, name) for c in suite.checks):
            raise KeyError(name)
    return chosen


def take(suite: Suite, store: Store, selection: Selection, run_id: str, now_ms: int) -> list[Job]:
    """The jobs of this run. With `--due` each is claimed first, so that an overlapping run cannot take it too."""
    chosen = {c.name: c for c in select(suite, selection)}
    if not selection.is_due_only:
        return [Job(check=c, due_ms=now_ms, role=selection.role) for c in chosen.values()]
    due = schedule.due(tuple(chosen.values()), store.last_due(suite.location), now_ms)
    lease_ms = max((chosen[name].timeout for name in due), default=timedelta(0)) // timedelta(milliseconds=1) + 60_000
    claims = store.claim(due, location=suite.location, owner=run_id, now_ms=now_ms, lease_ms=lease_ms) if due else []
    return [Job(check=chosen[c.check], due_ms=c.due_ms) for c in claims]


def probe(
    suite: Suite, store: Store, jobs: Sequence[Job], selection: Selection, hooks: Hooks, means: Means, run_id: str,
) -> tuple[list[Outcome], Ending]:
    """Asks, and writes what comes as it comes."""
    if not jobs:
        return [], Ending()
    made: list[Outcome] = []
    desk = _Desk(store, selection.is_recorded)

    def emit(outcome: Outcome) -> None:
        made.append(outcome)
        desk.put(outcome)
        hooks.on_outcome(outcome)

    bench = Bench(
        suite=suite.name, location=suite.location, run=run_id, emit=emit, clock=means.clock, chance=means.chance,
        recall=lambda check: store.recall(check.name, suite.location),
        remember=lambda check, memory: store.remember(check.name, suite.location, memory),
        past=lambda check, ms: past(store, check, suite.location, ms, means.clock.now_ms()),
        is_confirmed=lambda check: is_confirmed(store, check, suite.location, means.clock.now_ms()),
        on_confirm=hooks.on_confirm, redactor=Redactor(suite.secrets), deadline=means.deadline, confirm_gap=means.confirm_gap,
    )
    try:
        ending = runner.run(jobs, bench)
    finally:
        desk.flush()
        store.release(run_id)
    return made, ending


class _Desk:
    """Outcomes on their way to the store. A probe that hangs must not keep the others' outcomes waiting beside it."""

    def __init__(self, store: Store, is_recorded: bool) -> None:  # noqa: FBT001
        self.store, self.is_recorded = store, is_recorded
        self.waiting: list[Outcome] = []

    def put(self, outcome: Outcome) -> None:
        self.waiting.append(outcome)
        if len(self.waiting) >= FLUSH_AT:
            self._flush_early()
        elif len(self.waiting) == 1:
            import asyncio

            asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self._flush_early)

    def _flush_early(self) -> None:
        """A store that fails now is asked once more at the end, and then it is said: the probes go on meanwhile."""
        with contextlib.suppress(CannotWorkError):
            self.flush()

    def flush(self) -> None:
        if self.waiting and self.is_recorded:
            self.store.record(self.waiting)
        self.waiting = []


def past(store: Store, check: Check, location: str, window_ms: int, now_ms: int) -> list[Past]:
    """The scheduled outcomes of the last `window_ms`, oldest first, for kinds that judge over a window."""
    rows = store.outcomes(
        check=check.name, location=location, start_ms=now_ms - window_ms, end_ms=now_ms, roles=(Role.SCHEDULED,),
    )
    return [
        Past(
            at_ms=o.at_ms, verdict=o.verdict, latency_us=o.latency_us, samples_us=o.samples_us,
            phases={name: getattr(o.phases, name) for name in PHASE_NAMES} if o.phases else {},
        )
        for o in rows
    ]


def is_confirmed(store: Store, check: Check, location: str, now_ms: int) -> bool:
    """Whether a failure was confirmed within the short window (5 minutes, at least 3 intervals)."""
    window_ms = max(300_000, 3 * check.every_ms)
    rows = list(store.outcomes(
        check=check.name, location=location, start_ms=now_ms - window_ms, end_ms=now_ms, roles=(Role.CONFIRM,),
    ))
    return len(rows) >= check.confirm and all(o.verdict is Verdict.BAD for o in rows[-check.confirm:])


def decide(
    suite: Suite, store: Store, outcomes: Sequence[Outcome], selection: Selection, now_ms: int,
) -> tuple[list[Alert], list[Event]]:
    """(the alerts that changed, what to tell): of checks by their outcomes, then of SLOs by what the store holds.

    What was asked by hand counts for no SLO, so after it none is evaluated: on a desk nobody else probes, all would be stale.
    """
    held, made = store.alerts(), [*unheard(suite, store, outcomes), *outcomes]
    alerts, events = alerting.transitions(suite, held, made, now_ms, refusing=refusing(suite), manners=manners(outcomes))
    if selection.role is Role.MANUAL:
        return alerts, events
    book = {(a.subject, a.rule): a for a in (*held, *alerts)}
    burns, told = watch.alerted(suite, store, list(book.values()), now_ms)
    return [*alerts, *burns], [*events, *told]


def refusing(suite: Suite) -> frozenset[str]:
    """Names of the checks whose kind must not be asked again after a failure."""
    kinds = {kind for kind in {c.kind for c in suite.checks} if not load_kind(kind).confirms}
    return frozenset(c.name for c in suite.checks if c.kind in kinds)


def unheard(suite: Suite, store: Store, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What a run that was killed between its probes and its alerts has left of the checks that are bad now.

    The rules leave out what they have counted before, so whatever else is read here changes nothing.
    """
    first = {o.check: o for o in reversed(outcomes) if o.role is Role.SCHEDULED and o.verdict is Verdict.BAD}
    return [
        earlier for check, outcome in first.items() for earlier in store.outcomes(
            check=check, location=suite.location, start_ms=outcome.at_ms - _LOOK_BACK * outcome.every_ms, end_ms=outcome.at_ms - 1,
            roles=(Role.SCHEDULED, Role.CONFIRM), newest_first=True, limit=_MOST_UNHEARD,
        )
    ]


def manners(outcomes: Sequence[Outcome]) -> dict[str, Manner]:
    """How the warnings of each kind are told."""
    kinds = {kind: load_kind(kind) for kind in {o.kind for o in outcomes}}
    return {kind: Manner(findings=known.findings, about=known.about) for kind, known in kinds.items()}


def route(events: Iterable[Event], destinations: Sequence[Destination]) -> list[tuple[Event, tuple[str, ...]]]:
    """Who hears of what: destinations that subscribe to the event's class (`on:`), and of an end only if also to its beginning.

    An event may say more in its data: `to`, classes of which any will do; `of`, the classes that its beginning had; `only`,
    the one destination that it is for.
    """
    return [(event, tuple(d.name for d in destinations if _hears(d, event))) for event in events]


def _hears(destination: Destination, event: Event) -> bool:
    to, of = event.data.get("to") or [event.on], event.data.get("of") or []
    begun = [of] if isinstance(of, str) else of
    return (
        any(c in destination.on for c in to) and (not begun or any(c in destination.on for c in begun))
        and event.data.get("only", destination.name) == destination.name
    )


def deliver(suite: Suite, store: Store, hooks: Hooks, means: Means) -> list[Delivery]:
    """Sends what is due, and settles each row as its answer comes: a kill in between sends again, with the same key.

    What waited for another message (an end for its beginning) is sent in the next round.
    """
    made: list[Delivery] = []
    for _ in range(_ROUNDS):
        deliveries = _deliver_once(suite, store, hooks, means)
        if not deliveries:
            break
        made += deliveries
    return made


def _deliver_once(suite: Suite, store: Store, hooks: Hooks, means: Means) -> list[Delivery]:
    seconds = means.delivery_deadline.total_seconds()
    messages = store.claim_messages(now_ms=means.clock.now_ms(), lease_ms=int(seconds * 1000) + 30_000)
    if not messages:
        return []
    from slocheck import notify

    def settle(delivery: Delivery) -> None:
        store.settle([delivery], now_ms=means.clock.now_ms())
        hooks.on_delivery(delivery)

    destinations: Mapping[str, Destination] = {d.name: d for d in suite.destinations}
    return notify.deliver(messages, destinations, deadline_s=seconds, on_result=settle)


def pulse(suite: Suite, store: Store, means: Means) -> str:
    """Pings the suite's heartbeat; `/fail` while a message could not be delivered to anybody. "" or what went wrong."""
    if not suite.heartbeat:
        return ""
    return means.ping(suite.heartbeat, is_well=not store.messages(states=("dead",)))


def _is_chosen(check: Check, selection: Selection) -> bool:
    return (
        check.is_enabled
        and (not selection.names or any(fnmatchcase(check.name, n) for n in selection.names))
        and (not selection.tags or not set(selection.tags).isdisjoint(check.tags))
        and (not selection.kinds or check.kind in selection.kinds)
        and (selection.shard is None or schedule.shard(check.name, selection.shard[1]) == selection.shard[0])
    )


def _run_id() -> str:
    return f"{os.getpid():x}-{os.urandom(6).hex()}"
