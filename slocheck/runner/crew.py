"""The workers of one run, on one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from pathlib import Path
from traceback import extract_tb
from typing import Any

from slocheck import checks
from slocheck.checks import Kind, Memory, World
from slocheck.core.errors import ProbeError, ProberError
from slocheck.core.model import Check, Finding, Judgement, Outcome, Role, Severity, Verdict
from slocheck.core.redact import Redactor
from slocheck.runner import IN_FLIGHT, RARELY_ENOUGH, Bench, Ending, Job

_GRACE_S = 2.0  # beyond its timeout a probe gets this to clean up; an adapter that needs more has a bug
_STOP_S = 0.8  # after SIGINT or SIGTERM everything is over within a second


@dataclass(slots=True, kw_only=True)
class _Begun:
    """When a probe was begun (`ns` 0: never), and how long it then stood in our own queues: its target was asked after that."""

    at_ms: int
    ns: int = 0
    queued_us: int = 0


def in_turn(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, one of each target after another: one that hangs keeps only its own waiting."""
    rank: Counter[str] = Counter()
    placed = []
    for job in jobs:
        target = _target(job.check.options)
        placed.append((rank[target], job))
        rank[target] += 1
    placed.sort(key=itemgetter(0))
    return [job for _, job in placed]


def _target(options: Any) -> str:
    """Whom a check asks first, as far as its options say it in the usual words; "" where they do not."""
    address = getattr(options, "url", "") or next((step.address for step in getattr(options, "steps", ())), "")
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)", address)
    return found[1].lower() if found else str(getattr(options, "host", ""))


class Crew:
    def __init__(self, jobs: Sequence[Job], bench: Bench) -> None:
        self.bench = bench
        self.waiting: Iterator[Job] = iter(in_turn(jobs) if len(jobs) > IN_FLIGHT else jobs)
        self.jobs = len(jobs)
        self.ending = Ending()
        self.bursts: set[asyncio.Task[None]] = set()
        self.stop_reason = ""
        self.made: Counter[tuple[str, Role, int]] = Counter()
        self.kinds: dict[str, Kind] = {}

    async def all(self) -> Ending:
        from slocheck.adapters.http import Http

        self.http = self.bench.http() if self.bench.http else Http()
        try:
            work = asyncio.ensure_future(self._work())
            with self._signals(work):
                await self._until_deadline(work)
        finally:
            await self.http.aclose()
        return self.ending

    async def _work(self) -> None:
        try:
            await asyncio.gather(*(self._worker() for _ in range(min(IN_FLIGHT, self.jobs))))
            while self.bursts:
                await asyncio.gather(*self.bursts)
        finally:
            for burst in self.bursts:
                burst.cancel()

    async def _until_deadline(self, work: asyncio.Future[None]) -> None:
        done, _ = await asyncio.wait({work}, timeout=self.bench.deadline.total_seconds())
        if not done:
            self._halt(work, "prober.deadline")
        if self.stop_reason and not work.done():
            await asyncio.wait({work}, timeout=_STOP_S)
        if work.done() and not work.cancelled() and (error := work.exception()):
            raise error
        self._settle_waiting()

    @contextlib.contextmanager
    def _signals(self, work: asyncio.Future[None]) -> Iterator[None]:
        """While probing, a signal ends the probes and not the process: outcomes made so far must reach the store."""
        loop = asyncio.get_running_loop()
        caught: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in caught}
        try:
            for number in caught:
                loop.add_signal_handler(number, self._halt, work, "prober.interrupted")
        except (ValueError, RuntimeError, NotImplementedError):  # not in the main thread: the owner of it decides
            caught = ()
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)
                signal.signal(number, before[number])  # asyncio leaves the default, not what the caller had

    def _halt(self, work: asyncio.Future[None], reason: str) -> None:
        self.stop_reason = self.stop_reason or reason
        self.ending.interrupted = reason == "prober.interrupted" or self.ending.interrupted
        work.cancel()

    def _settle_waiting(self) -> None:
        """Jobs that never started: after a signal they stay due, after the deadline they are unknown."""
        for job in self.waiting:
            if self.stop_reason == "prober.deadline":
                begun = _Begun(at_ms=self.bench.clock.now_ms())
                self._emit(job, begun, *_ours(self.stop_reason, "never started: the run's deadline came first"))
            else:
                self.ending.untouched.append(job.check.name)

    async def _worker(self) -> None:
        for job in self.waiting:
            outcome = await self._probe(job)
            if self._wants_burst(job, outcome):
                burst = asyncio.ensure_future(self._burst(job.check))
                self.bursts.add(burst)
                burst.add_done_callback(self.bursts.discard)

    def _wants_burst(self, job: Job, outcome: Outcome) -> bool:
        check = job.check
        return (
            outcome.verdict is Verdict.BAD and job.role is Role.SCHEDULED and check.confirm > 0
            and check.every > RARELY_ENOUGH and self._kind(check).confirms and not self.bench.is_confirmed(check)
        )

    async def _burst(self, check: Check) -> None:
        """Asks again, `confirm` times, stopping at the first answer that is not bad: it confirms nothing any more."""
        for number in range(1, check.confirm + 1):
            self.bench.on_confirm(check, number)
            await self.bench.clock.sleep(self.bench.confirm_gap.total_seconds())
            again = await self._probe(Job(check=check, due_ms=self.bench.clock.now_ms(), role=Role.CONFIRM))
            if again.verdict is not Verdict.BAD:
                return

    def _kind(self, check: Check) -> Kind:
        if check.kind not in self.kinds:
            self.kinds[check.kind] = checks.load(check.kind)
        return self.kinds[check.kind]

    async def _probe(self, job: Job) -> Outcome:
        """One probe, one outcome: the net. Whatever escapes the kind is ours, and ours is unknown."""
        begun = _Begun(at_ms=self.bench.clock.now_ms(), ns=self.bench.clock.monotonic_ns())
        try:
            judgement, is_unknown = await self._ask(job, begun)
        except asyncio.CancelledError:
            reason = self.stop_reason or "prober.interrupted"
            self._emit(job, begun, *_ours(reason, "stopped while it was under way"))
            raise
        except Exception as error:  # noqa: BLE001 - the per-check net: the run goes on
            judgement, is_unknown = _bug(error)
        return self._emit(job, begun, judgement, is_unknown)

    async def _ask(self, job: Job, begun: _Begun) -> tuple[Judgement, bool]:
        kind, world = self._kind(job.check), self._world(job.check, begun.ns)
        try:
            seen = await self._in_time(job.check, kind.probe(job.check.options, world), begun)
            judgement = kind.judge(job.check.options, seen, self.bench.clock.now_ms())
        except ProbeError as error:
            return _failed(error, kind), isinstance(error, ProberError)
        finally:
            if world.remember is not None:
                self.bench.remember(job.check, world.remember)
        return judgement, judgement.is_unknown

    async def _in_time(self, check: Check, probe: Any, begun: _Begun) -> Any:
        """The adapters keep the check's timeout themselves, and add what they waited in our own queue. This is the net."""
        queued = self.http.queued
        task = asyncio.ensure_future(probe)
        try:
            while True:
                allowed = check.timeout.total_seconds() + _GRACE_S + queued(task)
                done, _ = await asyncio.wait({task}, timeout=allowed)
                if done:
                    return task.result()
                if check.timeout.total_seconds() + _GRACE_S + queued(task) <= allowed:
                    raise ProberError("prober.late", "the probe did not end by its timeout, which is our fault")
        finally:
            begun.queued_us = round(queued(task) * 1e6)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_STOP_S)

    def _world(self, check: Check, started_ns: int) -> World:
        return World(
            http=self.http, deadline_ns=started_ns + check.timeout // timedelta(microseconds=1) * 1000,
            clock=self.bench.clock, chance=self.bench.chance, memory=Memory(lambda: self.bench.recall(check)),
            past=lambda ms: self.bench.past(check, ms), check=check.name, location=self.bench.location, suite=self.bench.suite,
            redactor=self.bench.redactor, overrides=check.overrides,
        )

    def _emit(self, job: Job, begun: _Begun, judgement: Judgement, is_unknown: bool) -> Outcome:  # noqa: FBT001
        check, redactor = job.check, self.bench.redactor
        at_ms = begun.at_ms + begun.queued_us // 1000
        findings = tuple(_weigh(check, judgement.findings))
        is_bad = any(f.severity is Severity.FAIL for f in findings)
        identity = (check.name, job.role, at_ms)
        outcome = Outcome(
            suite=self.bench.suite, check=check.name, kind=check.kind, location=self.bench.location, role=job.role,
            due_ms=job.due_ms, at_ms=at_ms, every_ms=check.every_ms, run=self.bench.run, tie=self.made[identity],
            verdict=Verdict.UNKNOWN if is_unknown else Verdict.BAD if is_bad else Verdict.GOOD,
            took_us=max(0, (self.bench.clock.monotonic_ns() - begun.ns) // 1000 - begun.queued_us) if begun.ns else 0,
            latency_us=judgement.latency_us, phases=judgement.phases, samples_us=judgement.samples_us,
            findings=tuple(_redacted(f, redactor) for f in findings), facts=redactor.value(dict(judgement.facts)),
        )
        self.made[identity] += 1
        self.bench.emit(outcome)
        return outcome


def _weigh(check: Check, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The owner's `severity:` per finding; `ignore` drops it."""
    for finding in findings:
        severity = check.overrides.get(finding.id, finding.severity)
        if severity is not None:
            yield finding if severity is finding.severity else replace(finding, severity=severity)


def _redacted(finding: Finding, redactor: Redactor) -> Finding:
    def text(value: str | None) -> str | None:
        return None if value is None else redactor.text(value)

    return replace(finding, message=redactor.text(finding.message), expected=text(finding.expected), got=text(finding.got))


def _failed(error: ProbeError, kind: Kind) -> Judgement:
    known = kind.findings.get(error.finding)
    theirs = known.severity if known else Severity.FAIL
    finding = Finding(
        id=error.finding, severity=Severity.INFO if isinstance(error, ProberError) else theirs, message=str(error),
        expected=error.expected, got=error.got,
    )
    return Judgement(findings=(finding,), phases=error.phases, facts=error.facts)


def _ours(finding: str, message: str) -> tuple[Judgement, bool]:
    return Judgement(findings=(Finding(id=finding, severity=Severity.INFO, message=message),)), True


def _bug(error: Exception) -> tuple[Judgement, bool]:
    frames = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
    judgement, is_unknown = _ours("prober.bug", f"{type(error).__name__}: {error}")
    return replace(judgement, facts={"frames": frames[-8:]}), is_unknown
