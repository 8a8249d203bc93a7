"""Probes side by side: every job ends as exactly one outcome, whatever happens to it.

The runner owns the event loop, the deadlines and the net under each check (`crew`, imported when there is a job). What is
slow waits here, never in a figure: `Http` gives out the slots for opening connections, so time in a queue is in `at - due`,
never in `took_us` or `latency_us`: `at` is when the target was asked, or owned time would be laid to the wrong minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from slocheck.adapters.clock import Clock, SystemClock
from slocheck.checks import Past
from slocheck.core.frozen import frozen
from slocheck.core.model import Check, FindingKind, Outcome, Role, Severity
from slocheck.core.redact import Redactor

IN_FLIGHT = 64
"""Probes under way at once; opening connections are fewer (`Http(opening=8)`)."""

CONFIRM_GAP = timedelta(seconds=10)
"""Re-probes of a failure are this far apart: long enough that one lost packet does not fail twice."""

RARELY_ENOUGH = timedelta(seconds=30)
"""A check that comes this often confirms itself; a burst would only double the load on a target in trouble."""

FINDINGS: Mapping[str, FindingKind] = {
    "prober.bug": FindingKind(
        severity=Severity.INFO, means="slocheck itself made a mistake while asking; nothing is known about the target",
        who="only this figure: the outcome is unknown, not down", mend="report the lines of the outcome's facts",
    ),
    "prober.interrupted": FindingKind(
        severity=Severity.INFO, means="the run was stopped (SIGINT, SIGTERM) while this probe was under way",
        who="nobody: the outcome is unknown", mend="nothing, or run again",
    ),
    "prober.deadline": FindingKind(
        severity=Severity.INFO, means="the run's own deadline came before this probe had ended",
        who="coverage: the outcome is unknown", mend="raise --deadline, or spread the suite with --shard",
    ),
    "prober.late": FindingKind(
        severity=Severity.INFO, means="our own process was too slow to know whether the target kept its time",
        who="coverage: the outcome is unknown", mend="give the machine more room, or probe less at once",
    ),
}


@frozen
class Job:
    """One probe to make. `due_ms` is when it should have started."""

    check: Check
    due_ms: int
    role: Role = Role.SCHEDULED


@frozen
class Bench:
    """What the runner works with. The callables are stations of the pipeline: the runner does not know the store.

    `emit` gets every outcome at the moment it is complete. `is_confirmed(check)` says whether a failure of it was
    confirmed so recently that asking again adds nothing.
    """

    suite: str
    location: str
    run: str
    emit: Callable[[Outcome], None]
    recall: Callable[[Check], Mapping[str, Any]] = lambda _check: {}
    remember: Callable[[Check, Mapping[str, Any]], None] = lambda _check, _memory: None
    past: Callable[[Check, int], Sequence[Past]] = lambda _check, _ms: ()
    is_confirmed: Callable[[Check], bool] = lambda _check: False
    on_confirm: Callable[[Check, int], None] = lambda _check, _number: None
    redactor: Redactor = field(default_factory=lambda: Redactor(()))
    clock: Clock = field(default_factory=SystemClock)
    chance: Random = field(default_factory=Random)
    deadline: timedelta = timedelta(minutes=10)
    confirm_gap: timedelta = CONFIRM_GAP
    http: Callable[[], Any] | None = None


@dataclass(slots=True)
class Ending:
    """How a run ended: `interrupted` by a signal; `untouched` are the checks that were never asked because of it."""

    interrupted: bool = False
    untouched: list[str] = field(default_factory=list)


def run(jobs: Sequence[Job], bench: Bench) -> Ending:
    """Makes every probe. SIGINT and SIGTERM stop it within a second; what was emitted is safe with the caller."""
    import asyncio

    from slocheck.runner.crew import Crew

    return asyncio.run(Crew(jobs, bench).all())
